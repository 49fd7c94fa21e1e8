package dashboard

import (
	"strings"
	"testing"
	"time"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/runtime"

	"github.com/stagger-dev/stagger/pkg/apis/stagger/v1alpha1"
	"github.com/stagger-dev/stagger/pkg/view"
)

// clock goes on by a second with each look.
func clock() func() time.Time {
	now := time.Date(2026, 3, 4, 12, 0, 0, 0, time.UTC)
	return func() time.Time {
		now = now.Add(time.Second)
		return now
	}
}

// odd is an object that this version cannot read.
func odd() *unstructured.Unstructured {
	return &unstructured.Unstructured{Object: map[string]any{"metadata": map[string]any{"namespace": "shop", "name": "odd"}, "spec": "later"}}
}

// running is an object whose release has met so many requests.
func running(t *testing.T, name string, number, requests int64, state v1alpha1.ReleaseState) *unstructured.Unstructured {
	t.Helper()
	shift := &v1alpha1.TrafficShift{ObjectMeta: metav1.ObjectMeta{Namespace: "shop", Name: name}}
	shift.Status.Release = &v1alpha1.Release{Number: number, State: state, Weight: "5%",
		Objectives: []v1alpha1.ObjectiveStatus{{Name: "availability", Canary: v1alpha1.ArmCounts{Requests: requests}}}}
	object, err := runtime.DefaultUnstructuredConverter.ToUnstructured(shift)
	if err != nil {
		t.Fatal(err)
	}
	return &unstructured.Unstructured{Object: object}
}

func add(t *testing.T, b *board, objects ...*unstructured.Unstructured) {
	t.Helper()
	for _, o := range objects {
		if err := b.Add(o); err != nil {
			t.Fatal(err)
		}
	}
}

func TestOnlyTheRunningReleaseIsRecorded(t *testing.T) {
	b := newBoard(clock())
	add(t, b, running(t, "checkout", 7, 1, v1alpha1.StateShifting), running(t, "checkout", 7, 1, v1alpha1.StateShifting),
		running(t, "checkout", 7, 2, v1alpha1.StateShifting), running(t, "checkout", 7, 2, v1alpha1.StateAborted))
	if trace := b.traces["shop/checkout"]; trace.Number != 7 || len(trace.Samples) != 2 || !trace.Ended {
		t.Errorf("release 7 left %+v", trace)
	}
	add(t, b, running(t, "checkout", 8, 0, v1alpha1.StateShifting))
	if trace := b.traces["shop/checkout"]; trace.Number != 8 || len(trace.Samples) != 1 {
		t.Errorf("release 8 left %+v", trace)
	}
	add(t, b, running(t, "checkout", 9, 0, v1alpha1.StatePromoted))
	if plots, seen := b.plots("shop/checkout"); !seen || plots.Number != 9 || len(plots.Samples) != 1 {
		t.Errorf("a release that had ended before it was seen has %d samples", len(plots.Samples))
	}
	add(t, b, running(t, "cart", 1, 0, v1alpha1.StateShifting))
	if err := b.Delete(running(t, "cart", 1, 0, v1alpha1.StateShifting)); err != nil {
		t.Fatal(err)
	}
	if err := b.Delete(running(t, "checkout", 9, 0, v1alpha1.StatePromoted)); err != nil {
		t.Fatal(err)
	}
	if len(b.traces)+len(b.samples)+len(b.asks) != 0 {
		t.Errorf("what is deleted leaves %v and %v", b.traces, b.samples)
	}
}

func TestWhatIsRecordedIsBounded(t *testing.T) {
	b := newBoard(clock())
	for n := range int64(3*view.MaxSamples + 1) {
		add(t, b, running(t, "checkout", 7, n, v1alpha1.StateShifting))
	}
	samples := b.traces["shop/checkout"].Samples
	if len(samples) > view.MaxSamples || len(samples) < view.MaxSamples/2 {
		t.Errorf("%d samples are kept, want at most %d", len(samples), view.MaxSamples)
	}
	if first, last := samples[0].Points[0].Canary.Requests, samples[len(samples)-1].Points[0].Canary.Requests; first != 0 || last != 3*view.MaxSamples {
		t.Errorf("what is kept goes from %d to %d", first, last)
	}
	plots, _ := b.plots("shop/checkout")
	if n := len(plots.Objectives[0].Share.Lines[1].Values); n > view.MaxSamples+1 || n != len(plots.Times) {
		t.Errorf("a line has %d values at %d times", n, len(plots.Times))
	}
}

func TestAnOddObjectHidesNoOther(t *testing.T) {
	b := newBoard(clock())
	if err := b.Replace([]any{odd(), running(t, "checkout", 7, 0, v1alpha1.StateShifting)}, ""); err != nil {
		t.Fatal(err)
	}
	if shifts, odd := b.all(); len(shifts) != 1 || len(odd) != 1 || !strings.Contains(odd[0], "another version") {
		t.Errorf("shown are %v and %v", shifts, odd)
	}
	if err := b.Replace([]any{running(t, "cart", 1, 0, v1alpha1.StateShifting)}, ""); err != nil {
		t.Fatal(err)
	}
	if shifts, odd := b.all(); len(shifts) != 1 || shifts[0].Name != "cart" || len(odd) != 0 || len(b.traces) != 1 {
		t.Errorf("after the next list: %v, %v and %d traces", shifts, odd, len(b.traces))
	}
}

// The past of a release is asked for once, and again a while after it was not told.
func TestThePastIsAskedForUntilItIsKnown(t *testing.T) {
	now := time.Date(2026, 3, 4, 12, 0, 0, 0, time.UTC)
	b := newBoard(func() time.Time { return now })
	due := func(want bool, when string) {
		t.Helper()
		if _, is := b.due("shop/checkout", "asking"); is != want {
			t.Errorf("%s: due is %v", when, is)
		}
	}
	due(false, "of nothing")
	object := running(t, "checkout", 7, 1, v1alpha1.StateShifting)
	add(t, b, object)
	due(false, "before the first weight")
	delete(b.traces, "shop/checkout")
	delete(b.asks, "shop/checkout")
	weights := []any{map[string]any{"weight": "5%", "step": int64(1), "at": "2026-03-04T11:58:00Z"}}
	if err := unstructured.SetNestedSlice(object.Object, weights, "status", "release", "weights"); err != nil {
		t.Fatal(err)
	}
	add(t, b, object)
	due(true, "at first")
	due(false, "while it is asked for")
	if plots, _ := b.plots("shop/checkout"); !strings.HasSuffix(plots.Note, " asking") {
		t.Errorf("while it is asked for, the note is %q", plots.Note)
	}
	b.recalled("shop/checkout", 6, func(*view.Trace) time.Time {
		t.Error("what was asked for a release before is taken")
		return now
	})
	b.recalled("shop/checkout", 7, func(*view.Trace) time.Time { return now.Add(askAgain) })
	due(false, "just after it was not told")
	now = now.Add(askAgain)
	due(true, "a while after it was not told")
	b.recalled("shop/checkout", 7, func(*view.Trace) time.Time { return never() })
	now = now.Add(24 * time.Hour)
	due(false, "when it is known")
}
