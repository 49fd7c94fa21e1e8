package routing

import (
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/stagger-dev/stagger/pkg/apis/stagger/v1alpha1"
)

func TestAllows(t *testing.T) {
	got := map[string]bool{}
	for _, annotation := range []string{"", "shop", "team,shop", "shopping", "*"} {
		vs := parse(t, `{kind: VirtualService, metadata: {name: x, namespace: pay}}`)
		vs.SetAnnotations(map[string]string{v1alpha1.AllowAnnotation: annotation})
		got[annotation] = Allows(vs, "shop")
	}
	if diff := cmp.Diff(map[string]bool{"": false, "shop": true, "team,shop": true, "shopping": false, "*": false}, got); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
}
