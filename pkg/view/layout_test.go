package view_test

import (
	"regexp"
	"strings"
	"testing"
	"time"
	"unicode/utf8"

	"github.com/stagger-dev/stagger/pkg/apis/stagger/v1alpha1"
	"github.com/stagger-dev/stagger/pkg/view"
)

// columns is how many columns of a terminal a text takes that has no wide characters but Chinese ones and 🚀.
func columns(text string) int {
	return utf8.RuneCountInString(text) + strings.Count(text, "🚀") + len(regexp.MustCompile(`\p{Han}`).FindAllString(text, -1))
}

// What people write takes as many columns as it has, not as many as it has characters.
func TestWideCharactersBreakNoColumn(t *testing.T) {
	rows := []view.Row{
		{Name: "checkout", State: view.StateShifting, Since: time.Minute, Why: "等待促销结束", Policy: "standard"},
		{Name: "orders", State: view.StateShifting, Since: time.Minute, Why: "on hold 🚀", Policy: "standard"},
		{Name: "payments", State: view.StateShifting, Since: time.Minute, Why: "PodsNotReady", Policy: "standard"},
	}
	lines := strings.Split(strings.TrimSpace(view.Table(rows, false, view.Layout{Wide: true})), "\n")
	before, _, _ := strings.Cut(lines[0], "POLICY")
	for _, l := range lines[1:] {
		if reason, _, found := strings.Cut(l, "standard"); !found || columns(reason) != columns(before) {
			t.Errorf("the policy stands at column %d, its head at %d:\n%s", columns(reason), columns(before), strings.Join(lines, "\n"))
		}
	}
	for name, reason := range map[string]string{"one long word": strings.Repeat("等待促销结束", 20), "many words": strings.Repeat("促销 🚀 到午夜 ", 20)} {
		for _, width := range []int{24, 31, 60, 79, 96} {
			shift := with(aborted(), func(s *v1alpha1.TrafficShift) {
				s.Status.Release.Outcome.Message, s.Status.Release.Objectives[0].Name = reason, "可用性可用性可用性可用性"
			})
			text := view.Release(shift, now).Text(view.Layout{Width: width})
			if shown := strings.Count(text, "销"); shown != strings.Count(reason, "销") {
				t.Errorf("%s: %d of %d words are shown:\n%s", name, shown, strings.Count(reason, "销"), text)
			}
			for l := range strings.Lines(text + view.Table(alone.Fleet([]v1alpha1.TrafficShift{*shift}, now), false, view.Layout{Width: width})) {
				if n := columns(strings.TrimSuffix(l, "\n")); n > width {
					t.Errorf("%s: %d columns in a terminal of %d: %s", name, n, width, l)
				}
			}
		}
	}
}

// The ± of a weight is one column, though it is two bytes.
func TestAWeightThatFitsStaysOnItsLine(t *testing.T) {
	weight := func(width int) string {
		_, after, _ := strings.Cut(view.Release(shifting(), now).Text(view.Layout{Width: width}), "\n  WEIGHT")
		line, _, _ := strings.Cut(after, "\n")
		return "  WEIGHT" + line
	}
	want := weight(0)
	if got := weight(columns(want)); got != want || !strings.Contains(want, "±") {
		t.Errorf("in %d columns it is %q, want %q", columns(want), got, want)
	}
}
