package view_test

import (
	"encoding/json"
	"math"
	"testing"

	"github.com/stagger-dev/stagger/pkg/apis/stagger/v1alpha1"
	"github.com/stagger-dev/stagger/pkg/chance"
	"github.com/stagger-dev/stagger/pkg/view"
)

// spoiled is a TrafficShift that is made of bytes: one of the bases in which anything has become something else. It is nil where its JSON cannot be
// read.
func spoiled(t *testing.T, bytes []byte) *v1alpha1.TrafficShift {
	t.Helper()
	all, err := bases()
	if err != nil {
		t.Fatal(err)
	}
	d := chance.Dice(bytes)
	var value any
	if err := json.Unmarshal(chance.Pick(&d, all...), &value); err != nil {
		t.Fatal(err)
	}
	data, err := json.Marshal(d.Spoil(value, chance.Hostile()))
	if err != nil {
		t.Fatal(err)
	}
	var shift v1alpha1.TrafficShift
	if json.Unmarshal(data, &shift) != nil {
		return nil
	}
	return &shift
}

// FuzzText makes objects of bytes and demands a screen that fits its width and cannot steer a terminal.
func FuzzText(f *testing.F) {
	for i, seed := range chance.Seeds(16) {
		f.Add(seed, 3*i)
	}
	f.Fuzz(anyText)
}

// TestAnyText is FuzzText with dice of its own.
func TestAnyText(t *testing.T) {
	chance.Throws(300, 16, func(bytes []byte) { anyText(t, bytes, int(bytes[0])) })
}

func anyText(t *testing.T, bytes []byte, width int) {
	shift := spoiled(t, bytes)
	if shift == nil {
		return
	}
	p := view.Layout{Width: width, Wide: width%2 == 0}
	screen := view.Release(shift, now)
	if report, known := view.ReportOf(shift, 0, now); known {
		check(t, report.Markdown(), math.MaxInt)
	}
	check(t, alone.Why(shift, now).Text(p), math.MaxInt)
	for _, text := range []string{screen.Text(p), screen.HistoryTable(p), view.Table(alone.Fleet([]v1alpha1.TrafficShift{*shift}, now), true, p)} {
		check(t, text, max(width, 24))
	}
}
