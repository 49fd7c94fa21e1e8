package shift

import (
	"testing"

	"github.com/stagger-dev/stagger/operator/direct"
	"github.com/stagger-dev/stagger/pkg/apis/stagger/v1alpha1"
	"github.com/stagger-dev/stagger/pkg/cluster"
	"github.com/stagger-dev/stagger/pkg/release"
)

// Where proxies are not read that is said, and the evidence keeps all of the false aborts that a policy allows.
func TestThatNoProxiesAreReadIsSaid(t *testing.T) {
	for name, c := range map[string]struct {
		mode direct.Mode
		want release.Direct
	}{
		"read": {direct.Auto, release.Direct{}},
		"off":  {direct.Off, release.Direct{Off: true}},
	} {
		t.Run(name, func(t *testing.T) {
			reader, err := direct.New(direct.Config{Mode: c.mode})
			if err != nil {
				t.Fatal(err)
			}
			r := &reconciler{Settings: Settings{Direct: reader}, stirs: &stirs{}}
			if got := r.hear(&cluster.View{Shift: &v1alpha1.TrafficShift{}}); got != c.want {
				t.Errorf("%+v", got)
			}
		})
	}
	if got := (&reconciler{}).hear(nil); !got.Off {
		t.Errorf("without a reader: %+v", got)
	}
}
