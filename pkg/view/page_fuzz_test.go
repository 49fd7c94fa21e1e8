package view_test

import (
	"encoding/json"
	"slices"
	"strings"
	"testing"
	"time"
	"unicode"

	"github.com/stagger-dev/stagger/pkg/apis/stagger/v1alpha1"
	"github.com/stagger-dev/stagger/pkg/chance"
	"github.com/stagger-dev/stagger/pkg/view"
)

// Whatever a status says, a page gets JSON, times in their order, and texts without control characters.
func FuzzPage(f *testing.F) {
	for i, seed := range chance.Seeds(16) {
		f.Add(seed, int64(i-5))
	}
	f.Fuzz(func(t *testing.T, bytes []byte, later int64) {
		found := spoiled(t, bytes)
		if found == nil {
			return
		}
		shift := *found
		values := []any{alone.ServicePage(&shift, now, nil, func(view.Verb) string { return "" }), alone.Board([]v1alpha1.TrafficShift{shift}, "", now)}
		if seen, runs := view.NewTrace(&shift, now); runs {
			seen.Add(&shift, now)
			plots := view.PlotsOf(seen, now.Add(time.Duration(later)))
			if !slices.IsSorted(plots.Times) {
				t.Errorf("the times are %v", plots.Times)
			}
			values = append(values, plots)
		}
		for _, v := range values {
			text, err := json.Marshal(v)
			if err != nil {
				t.Fatal(err)
			}
			var plain strings.Builder
			if err := texts(text, &plain); err != nil {
				t.Fatal(err)
			}
			if i := strings.IndexFunc(plain.String(), func(r rune) bool { return !unicode.IsPrint(r) }); i >= 0 {
				t.Errorf("unprintable character at %d of %q", i, plain.String())
			}
		}
	})
}

// texts joins all the strings of JSON.
func texts(data []byte, out *strings.Builder) error {
	var value any
	if err := json.Unmarshal(data, &value); err != nil {
		return err
	}
	var walk func(any)
	walk = func(v any) {
		switch v := v.(type) {
		case string:
			out.WriteString(v)
		case []any:
			for _, e := range v {
				walk(e)
			}
		case map[string]any:
			for _, e := range v {
				walk(e)
			}
		}
	}
	walk(value)
	return nil
}
