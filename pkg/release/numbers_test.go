package release

import (
	"testing"

	"github.com/stagger-dev/stagger/pkg/apis/stagger/v1alpha1"
)

func TestAMeasuredShareHasThreeDigits(t *testing.T) {
	t.Parallel()
	for share, want := range map[int64]v1alpha1.Percentage{
		0: "0%", 7: "0.0007%", 999: "0.0999%", 1004: "0.1%", 1005: "0.101%", 49_313: "4.93%", 245_901: "24.6%", 591_836: "59.2%", 999_600: "100%", v1alpha1.Whole: "100%",
	} {
		if got := measured(share); got != want {
			t.Errorf("measured(%d) = %s, want %s", share, got, want)
		}
	}
}

func TestTheErrorOfAMeasuredShare(t *testing.T) {
	t.Parallel()
	cases := []struct {
		share    int64
		requests float64
		want     v1alpha1.Percentage
	}{
		{49_300, 191_775, "0.098%"}, // about 1.96 sqrt(0.0493 * 0.9507 / 191775)
		{500_000, 100, "9.6%"},
		{0, 20, "16%"}, // none of 20 is not none at all
		{v1alpha1.Whole, 20, "16%"},
		{0, 0, "100%"},
	}
	for _, c := range cases {
		if got := rounded(shareError(c.share, c.requests), 100); got != c.want {
			t.Errorf("error of %d by %g requests = %s, want %s", c.share, c.requests, got, c.want)
		}
	}
}

// Of a release that is taken back the last requests end while it is: what is measured then is no longer what was measured before it.
func TestTheShareOfWhatIsTakenBackIsMeasuredOn(t *testing.T) {
	t.Parallel()
	r := &v1alpha1.Release{LiveWeight: "30%", LiveWeightError: "1%", Outcome: &v1alpha1.Outcome{}, Objectives: []v1alpha1.ObjectiveStatus{{Name: "availability"}}}
	Count(r, Evidence{Share: 4_000, Requests: 1000}, "")
	if r.LiveWeight != "0.4%" || r.LiveWeightError == "1%" || len(r.Objectives) != 1 {
		t.Errorf("it is %s ± %s, with %d objectives", r.LiveWeight, r.LiveWeightError, len(r.Objectives))
	}
	Count(r, Evidence{Share: -1}, "")
	if r.LiveWeight != "" || r.LiveWeightError != "" {
		t.Errorf("where nothing is measured it is %s ± %s", r.LiveWeight, r.LiveWeightError)
	}
	runs := &v1alpha1.Release{LiveWeight: "30%"}
	if Count(runs, Evidence{Share: -1}, ""); runs.LiveWeight != "30%" {
		t.Errorf("while nothing is known of the counts it is %s", runs.LiveWeight)
	}
}
