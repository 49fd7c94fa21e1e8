package release_test

import (
	"testing"

	"github.com/stagger-dev/stagger/pkg/release"
)

func TestOnePodInTenMayBeAway(t *testing.T) {
	t.Parallel()
	for wanted, most := range map[int32]int32{0: 0, 1: 0, 2: 0, 4: 0, 9: 0, 10: 1, 19: 1, 20: 2, 40: 4, 100: 10} {
		if !release.Enough(wanted-most, wanted) {
			t.Errorf("%d of %d pods are not enough", wanted-most, wanted)
		}
		if release.Enough(wanted-most-1, wanted) {
			t.Errorf("%d of %d pods are enough", wanted-most-1, wanted)
		}
	}
}
