package shift

import (
	"context"
	"errors"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
	testclock "k8s.io/utils/clock/testing"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/client/fake"

	"github.com/stagger-dev/stagger/pkg/apis/stagger/v1alpha1"
	"github.com/stagger-dev/stagger/pkg/cluster"
)

// unreadable fails whoever reads.
type unreadable struct{ client.Reader }

func (unreadable) Get(context.Context, client.ObjectKey, client.Object, ...client.GetOption) error {
	return errors.New("nothing is to be read")
}

// The caches keep a line of each past release; whole records are stored all the same, and nothing is read for a status without news of them.
func TestTheHistoryIsStoredWholeThoughTheCachesKeepALine(t *testing.T) {
	scheme := runtime.NewScheme()
	if err := v1alpha1.AddToScheme(scheme); err != nil {
		t.Fatal(err)
	}
	began := time.Date(2026, 3, 4, 12, 0, 0, 0, time.UTC)
	past := func(number int64) v1alpha1.PastRelease {
		r := v1alpha1.Release{Number: number, Revision: "6d4f9", Images: []string{"checkout:1.4.0"}, State: v1alpha1.StateAborted, StartedAt: metav1.NewTime(began),
			Outcome: &v1alpha1.Outcome{Result: v1alpha1.StateAborted, Reason: v1alpha1.ReasonCommanded, Message: "orders are booked twice"},
			Plan:    v1alpha1.ShiftPolicySpec{Tolerance: "1.2"}, Exposed: 100 * number}
		return cluster.PastOf(&r)
	}
	shift := &v1alpha1.TrafficShift{ObjectMeta: metav1.ObjectMeta{Namespace: "shop", Name: "web"}}
	shift.Status.History = []v1alpha1.PastRelease{past(2), past(1)}
	c := fake.NewClientBuilder().WithScheme(scheme).WithObjects(shift).WithStatusSubresource(shift).Build()
	r := reconcilerOf(t, testclock.NewFakePassiveClock(began), c)
	stored := func() *v1alpha1.TrafficShift {
		t.Helper()
		var s v1alpha1.TrafficShift
		if err := c.Get(t.Context(), client.ObjectKeyFromObject(shift), &s); err != nil {
			t.Fatal(err)
		}
		return &s
	}
	cached := stored()
	cluster.SlimHistory(cached)
	v := &cluster.View{Shift: cached}

	r.reader = unreadable{}
	status := *cached.Status.DeepCopy()
	status.Refused = "6d4f9"
	if err := r.patchStatus(t.Context(), v, status); err != nil {
		t.Fatalf("a status without news of past releases: %v", err)
	}
	r.reader = c
	status = *v.Shift.Status.DeepCopy()
	status.History = append([]v1alpha1.PastRelease{past(3)}, status.History...)
	behind := v.Shift.DeepCopy()
	if err := r.patchStatus(t.Context(), v, status); err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff([]v1alpha1.PastRelease{past(3), past(2), past(1)}, stored().Status.History); diff != "" {
		t.Errorf("history (-want +got):\n%s", diff)
	}
	if kept := v.Shift.Status.History; len(kept) != 3 || kept[0].Plan != nil || kept[0].Number != 3 || kept[2].Outcome != v1alpha1.StateAborted {
		t.Errorf("the next pass sees %+v", kept)
	}
	if err := r.patchStatus(t.Context(), &cluster.View{Shift: behind}, status); !apierrors.IsConflict(err) {
		t.Errorf("from an object that has changed since: %v", err)
	}
}
