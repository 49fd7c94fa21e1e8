package promql

import (
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/prometheus/common/model"

	"github.com/stagger-dev/stagger/pkg/counting"
)

func TestAnAnswerAboutAnotherTimeIsFoundOut(t *testing.T) {
	at := time.Date(2026, 3, 2, 12, 0, 5, 0, time.UTC)
	about := func(t time.Time) *model.Sample {
		return &model.Sample{Metric: model.Metric{labelFact: factAt}, Value: model.SampleValue(t.UnixMilli()) / 1000}
	}
	row := answer(7, shop, labelCode, "200")
	cases := map[string]struct {
		answer model.Vector
		want   string
	}{
		"the time that was asked for": {model.Vector{row, about(at)}, ""},
		"half a minute ago":           {model.Vector{about(at.Add(-30 * time.Second)), row}, "it is about a time 30s away from the one that was asked for"},
		"rounded up":                  {model.Vector{row, about(at.Add(10 * time.Second))}, "it is about a time 10s away from the one that was asked for"},
		"no time is told":             {model.Vector{row}, ""},
	}
	for name, c := range cases {
		t.Run(name, func(t *testing.T) {
			got, err := Undated(c.answer, at)
			switch {
			case c.want != "":
				if err == nil || err.Error() != c.want {
					t.Errorf("got %v, want %s", err, c.want)
				}
			case err != nil:
				t.Error(err)
			default:
				if diff := cmp.Diff(model.Vector{row}, got); diff != "" {
					t.Error(diff)
				}
			}
		})
	}
}

func TestATimeThatIsNoneIsRefused(t *testing.T) {
	b := batch(t)
	got, err := b.CompleteUpTo(model.Vector{answer(1772452805.2505, shop)})
	if want := map[counting.Service]time.Time{shop: time.UnixMilli(1772452805250).UTC()}; err != nil || !cmp.Equal(want, got) {
		t.Errorf("%v, %v, want %v", got, err, want)
	}
	for _, bad := range []*model.Sample{answer(-1, shop), answer(1e18, shop), answer(1, shop, "pod", "a")} {
		if _, err := b.CompleteUpTo(model.Vector{bad}); err == nil || !strings.HasPrefix(err.Error(), "complete: ") {
			t.Errorf("%v is read: %v", bad, err)
		}
	}
}
