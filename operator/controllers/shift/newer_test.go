package shift

import (
	"context"
	"encoding/json"
	"testing"
	"time"

	jsonpatch "github.com/evanphx/json-patch/v5"
	"github.com/google/go-cmp/cmp"
	"k8s.io/apimachinery/pkg/runtime"
	testclock "k8s.io/utils/clock/testing"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/client/fake"
	"sigs.k8s.io/controller-runtime/pkg/client/interceptor"

	"github.com/stagger-dev/stagger/pkg/apis/stagger/v1alpha1"
	"github.com/stagger-dev/stagger/pkg/cluster"
	"github.com/stagger-dev/stagger/pkg/release"
)

// newer is a TrafficShift as an operator of a newer version has written it, with fields that this one does not know.
const newer = `{"apiVersion": "stagger.dev/v1alpha1", "kind": "TrafficShift", "metadata": {"namespace": "shop", "name": "web", "resourceVersion": "1"},
"status": {"forecast": {"at": "noon"}, "release": {"number": 7, "state": "Examining", "examined": 3, "plan": {"mirror": "10%", "tolerance": "1.2"},
	"outcome": {"result": "Aborted", "reason": "TooCostly", "cost": "12"}, "counted": {"upTo": "noon"}}, "stable": {"revision": "6d4f9", "since": "noon"}}}`

// What a newer version has written into a status stays there when this one writes what it knows.
func TestFieldsOfANewerVersionStayInTheStatus(t *testing.T) {
	scheme := runtime.NewScheme()
	if err := v1alpha1.AddToScheme(scheme); err != nil {
		t.Fatal(err)
	}
	var shift v1alpha1.TrafficShift
	if err := json.Unmarshal([]byte(newer), &shift); err != nil {
		t.Fatal(err)
	}
	stored := []byte(newer)
	clock := testclock.NewFakePassiveClock(time.Date(2026, 3, 4, 12, 0, 0, 0, time.UTC))
	r := reconcilerOf(t, clock, fake.NewClientBuilder().WithScheme(scheme).WithInterceptorFuncs(interceptor.Funcs{
		SubResourcePatch: func(_ context.Context, _ client.Client, _ string, o client.Object, p client.Patch, _ ...client.SubResourcePatchOption) error {
			change, err := p.Data(o)
			if err == nil {
				stored, err = jsonpatch.MergePatch(stored, change)
			}
			return err
		},
	}).Build())
	v := cluster.Observe(cluster.Objects{Shift: &shift}, cluster.Settings{}, clock.Now())
	rec := shift.Status.Release.DeepCopy()
	rec.Exposed = 120
	if _, err := r.report(t.Context(), v, release.Decision{Reason: v1alpha1.ReasonUpToDate, Release: rec}, nil); err != nil {
		t.Fatal(err)
	}
	var was, is map[string]any
	if err := json.Unmarshal([]byte(newer), &was); err != nil {
		t.Fatal(err)
	}
	if err := json.Unmarshal(stored, &is); err != nil {
		t.Fatal(err)
	}
	written, ok := is["status"].(map[string]any)
	if !ok || written["conditions"] == nil {
		t.Fatalf("nothing was written: %s", stored)
	}
	if diff := cmp.Diff(was["status"], within(was["status"], is["status"])); diff != "" {
		t.Errorf("of the status (-before +after):\n%s", diff)
	}
}

// within is what one value has of the fields of another.
func within(fields, of any) any {
	names, ok := fields.(map[string]any)
	all, same := of.(map[string]any)
	if !ok || !same {
		return of
	}
	out := map[string]any{}
	for name, inner := range names {
		if has, found := all[name]; found {
			out[name] = within(inner, has)
		}
	}
	return out
}
