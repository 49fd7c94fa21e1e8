package shift

import (
	"errors"
	"testing"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"

	"github.com/stagger-dev/stagger/pkg/apis/stagger/v1alpha1"
	"github.com/stagger-dev/stagger/pkg/cluster"
)

// weight writes a route of web-1 with that resourceVersion; the caches do not have it yet.
func (l *loading) weight(version string) *unstructured.Unstructured {
	vs := route("web-1", map[string]any{"hosts": []any{"web-1"}})
	vs.SetResourceVersion(version)
	l.server.add(vs)
	return vs
}

func (l *loading) routeVersion(o cluster.Objects) string {
	l.t.Helper()
	for _, u := range o.Routes {
		if u.GetName() == "web-1" {
			return u.GetResourceVersion()
		}
	}
	return "none"
}

func (l *loading) wantVersion(calls int, want string) {
	l.t.Helper()
	if got := l.routeVersion(l.pass(calls)); got != want {
		l.t.Errorf("the route was read in version %s, want %s", got, want)
	}
}

func TestAPassReadsWhatTheOneBeforeWroteWithoutACall(t *testing.T) {
	l := newLoading(t, town(2)...)
	vs := l.weight("9")
	l.wantVersion(0, "1") // nobody told that it was written
	l.written.note(shopKey("web-1"), vs)
	l.wantVersion(0, "9")
	l.written.note(shopKey("web-1"), l.weight("10")) // 10 is more than 9
	l.wantVersion(0, "10")
}

func TestACacheThatHasCaughtUpIsBelieved(t *testing.T) {
	l := newLoading(t, town(2)...)
	l.written.note(shopKey("web-1"), l.weight("5"))
	l.cache.add(l.weight("7")) // somebody else wrote since
	l.wantVersion(0, "7")
	if len(l.written.answers)+len(l.written.byShift) > 0 {
		t.Errorf("%v is remembered although the caches have it", l.written.answers)
	}
}

func TestAnAnswerThatTheCachesLackForLongIsAskedForAgain(t *testing.T) {
	l := newLoading(t, town(2)...)
	l.written.note(shopKey("web-1"), l.weight("5"))
	l.weight("6") // somebody else's
	l.clock.SetTime(l.clock.Now().Add(answerCounts))
	l.wantVersion(1, "6")
	l.wantVersion(0, "6")
}

func TestARouteIsReadAsAnotherTrafficShiftWroteIt(t *testing.T) {
	l := newLoading(t, town(2)...)
	l.written.note(shopKey("web-0"), l.weight("5"))
	l.wantVersion(0, "5")
}

func TestTheTrafficShiftIsReadAsItWasWritten(t *testing.T) {
	l := newLoading(t, town(2)...)
	saved := l.pass(0).Shift.DeepCopy()
	saved.ResourceVersion, saved.Status.Release.Number = "5", 2
	l.written.note(shopKey("web-1"), saved)
	if got := l.pass(0).Shift.Status.Release.Number; got != 2 {
		t.Errorf("the record is of release %d, want the one that was written", got)
	}
}

func TestOfTwoWritesTheLaterCountsWhicheverAnswerCameFirst(t *testing.T) {
	l := newLoading(t, town(2)...)
	later, earlier := l.weight("6"), l.weight("5")
	l.written.note(shopKey("web-0"), later)
	l.written.note(shopKey("web-1"), earlier)
	l.wantVersion(0, "6")
	l.written.forget(shopKey("web-0"))
	l.wantVersion(0, "6")
}

func TestWhatWasMadeIsReadPastTheCaches(t *testing.T) {
	l := newLoading(t, town(2)...)
	canary := &corev1.Service{ObjectMeta: metav1.ObjectMeta{Namespace: "shop", Name: "web-1-canary", UID: "c", ResourceVersion: "5"}}
	l.server.add(canary)
	l.written.note(shopKey("web-1"), canary)
	if o := l.pass(1); o.CanaryService == nil {
		t.Error("what was made is not there")
	}
	l.server.remove(canary) // and somebody deleted it, of which the caches will never tell
	if o := l.pass(1); o.CanaryService != nil {
		t.Error("what was deleted is there")
	}
	l.pass(0)
	if len(l.written.answers) > 0 {
		t.Errorf("%v is remembered for ever", l.written.answers)
	}
}

func TestWhatWasDeletedIsReadPastTheCachesAsLongAsTheyHaveIt(t *testing.T) {
	canary := &corev1.Service{ObjectMeta: metav1.ObjectMeta{Namespace: "shop", Name: "web-1-canary", UID: "c", ResourceVersion: "5"}}
	l := newLoading(t, append(town(2), canary)...)
	l.server.remove(canary)
	l.written.gone(shopKey("web-1"), canary)
	if o := l.pass(1); o.CanaryService != nil {
		t.Error("what was deleted is there")
	}
	again := canary.DeepCopy()
	again.UID, again.ResourceVersion = "d", "8"
	l.cache.add(again)
	if o := l.pass(0); o.CanaryService == nil || o.CanaryService.UID != "d" {
		t.Errorf("canary Service = %v, want the new one", o.CanaryService)
	}
}

func TestAWriteWithoutAnAnswerIsLookedAt(t *testing.T) {
	l := newLoading(t, town(2)...)
	read := route("web-1", map[string]any{})
	l.written.unsure(shopKey("web-1"), read)
	l.weight("5") // it was done
	l.wantVersion(1, "5")
	l.wantVersion(0, "5")
}

func TestAReadPastTheCachesThatFailsIsNoAnswer(t *testing.T) {
	l := newLoading(t, town(2)...)
	l.written.unsure(shopKey("web-1"), route("web-1", map[string]any{}))
	l.server.err = errors.New("no answer")
	if _, found, err := l.load(t.Context(), shopKey("web-1")); err == nil || found {
		t.Errorf("found %v, %v", found, err)
	}
}

func TestATrafficShiftThatIsGoneIsForgotten(t *testing.T) {
	l := newLoading(t, town(2)...)
	l.written.note(shopKey("web-1"), l.weight("5"))
	l.cache.remove(&v1alpha1.TrafficShift{ObjectMeta: metav1.ObjectMeta{Namespace: "shop", Name: "web-1"}})
	if _, found, err := l.load(t.Context(), shopKey("web-1")); found || err != nil {
		t.Fatalf("found %v, %v", found, err)
	}
	if len(l.written.answers)+len(l.written.byShift) > 0 {
		t.Errorf("%v is remembered", l.written.answers)
	}
}
