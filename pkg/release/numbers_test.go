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
