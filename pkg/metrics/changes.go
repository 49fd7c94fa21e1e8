package metrics

import (
	"strconv"
	"time"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/stagger-dev/stagger/pkg/apis/stagger/v1alpha1"
)

// Changes gives what a written status adds to counters and histograms, given the status before it: to be called once it has been written, so
// that what was not written is not counted. Counters take the value as what is added, histograms as what is observed.
func Changes(namespace string, before, after v1alpha1.TrafficShiftStatus, command string, now time.Time, emit Emit) {
	if a := after.LastAnswer; a != nil && after.LastHandledCommand != before.LastHandledCommand {
		result := Accepted
		if a.Result == v1alpha1.CommandRefused {
			result = Refused
		}
		emit(Commands, 1, command, result)
	}
	was, is := before.Release, after.Release
	if is == nil {
		return
	}
	met(namespace, was, is, emit)
	if was == nil || was.Number != is.Number {
		emit(ReleasesStarted, 1, is.Policy)
		was = &v1alpha1.Release{}
	}
	edits(was.Contested, is.Contested, emit)
	if n := is.Brakes - was.Brakes; n > 0 {
		emit(Brakes, float64(n), is.Policy)
	}
	steps(was, is, now, emit)
	latency(was, is, now, emit)
	if len(after.History) > 0 && (len(before.History) == 0 || before.History[0].Number != after.History[0].Number) {
		ended(namespace, after.History, emit)
	}
}

// edits tells of foreign edits that were put back. A count that began anew holds those since then alone.
func edits(was, is v1alpha1.Contested, emit Emit) {
	if !sameTime(was.Since, is.Since) {
		was = v1alpha1.Contested{}
	}
	emit(ForeignEdits, float64(max(0, is.Routes-was.Routes)), EditRoute)
	emit(ForeignEdits, float64(max(0, is.Selector-was.Selector)), EditSelector)
}

func sameTime(a, b *metav1.Time) bool { return a != nil && b != nil && a.Equal(b) }

// steps tells how long the step took that is over: another one has begun, or the release was decided.
func steps(was, is *v1alpha1.Release, now time.Time, emit Emit) {
	if was.Step == 0 || was.Outcome != nil || is.Step == was.Step && is.Outcome == nil {
		return
	}
	for _, w := range was.Weights {
		if w.Step == was.Step {
			emit(StepDuration, now.Sub(w.At.Time).Seconds(), strconv.Itoa(int(was.Step)))
			return
		}
	}
}

// latency tells how long an abort by evidence took, when the canary's traffic is gone: the release is not Aborting any more.
func latency(was, is *v1alpha1.Release, now time.Time, emit Emit) {
	if o := is.Outcome; was.State == v1alpha1.StateAborting && is.State != v1alpha1.StateAborting && o != nil && o.CountedUntil != nil && o.DecidedAt != nil {
		emit(AbortLatency, o.DecidedAt.Sub(o.CountedUntil.Time).Seconds(), StageEvidence)
		emit(AbortLatency, now.Sub(o.DecidedAt.Time).Seconds(), StageWrite)
		emit(AbortLatency, now.Sub(o.CountedUntil.Time).Seconds(), StageTotal)
	}
}

// met tells once of the requests that met the canary of a release: when they are counted to the end, or when another release follows it.
func met(namespace string, was, is *v1alpha1.Release, emit Emit) {
	r := is
	if was != nil && was.Number != is.Number && was.State.Ended() {
		r = was
	}
	if was.Settled() && was.Number == r.Number || r == is && !is.Settled() {
		return
	}
	emit(NamespaceCanaryRequests, float64(r.Exposed), namespace, Exposed)
	emit(NamespaceCanaryRequests, float64(r.Failed), namespace, Failed)
	if expected, known := Expected(r); known {
		emit(NamespaceCanaryRequests, max(0, float64(r.Failed)-expected), namespace, ExcessFailed)
	}
}

// ended tells of a release that is over.
func ended(namespace string, history []v1alpha1.PastRelease, emit Emit) {
	p := history[0]
	result := string(p.Outcome)
	emit(Releases, 1, result, string(p.Reason), CauseOf(p.Outcome, p.Reason))
	emit(ReleaseDuration, p.Duration.Duration().Seconds(), result)
	emit(NamespaceReleases, 1, namespace, result)
	if len(history) > 1 && history[1].Revision == p.Revision && history[1].Outcome == v1alpha1.StateAborted {
		emit(RetriedReleases, 1, result)
	}
}
