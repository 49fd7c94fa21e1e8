package cluster

import (
	"slices"
	"strconv"
	"strings"
	"time"

	"k8s.io/apimachinery/pkg/api/equality"
	"k8s.io/apimachinery/pkg/api/meta"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/stagger-dev/stagger/pkg/apis/stagger/v1alpha1"
)

const (
	// Shortly is how long news wait to be written that nobody waits for: what has passed by then is not written at all.
	Shortly = 15 * time.Second
	// tenth of the evidence that aborts, which is 100.
	tenth = 10
)

// Told remembers when a status was written, and since when it has news that were not. It says when to write it next:
//
//	what is new                                                                             is written
//	what was decided, commanded or answered; a condition that somebody has to look after    at once
//	what else a release waits for; its first request, its first bad one; each tenth of      Shortly after it came, if it is still so
//	the evidence that aborts; which pods are missing
//	counts, shares, ages, and sentences with such numbers                                   with those, and by v1alpha1.Heartbeat
//
// What is counted is not lost when the operator dies before that: it goes on from the checkpoint in the status that was written, and asks again
// for what came since. The zero Told has written nothing, so that all it is asked about is due.
type Told struct{ written, news time.Time }

// Due says whether a status differs from the one that is stored, and how long it may still wait for its write.
func (t *Told) Due(stored, is v1alpha1.TrafficShiftStatus, now time.Time) (left time.Duration, changed bool) {
	if r := is.Release; !equality.Semantic.DeepEqual(newsOf(stored, r, now), newsOf(is, r, now)) {
		if t.news.IsZero() {
			t.news = now
		}
	} else {
		t.news = time.Time{}
	}
	switch {
	case equality.Semantic.DeepEqual(stored, is):
		return 0, false
	case !SameButNumbers(stored, is):
		return 0, true
	}
	due := t.written.Add(v1alpha1.Heartbeat)
	if news := t.news.Add(Shortly); !t.news.IsZero() && news.Before(due) {
		due = news
	}
	return max(0, due.Sub(now)), true
}

// Wrote notes that the status was written.
func (t *Told) Wrote(now time.Time) { *t = Told{written: now} }

// SameButNumbers says whether two statuses differ only in what changes by itself, with every slice of counts or in passing.
func SameButNumbers(a, b v1alpha1.TrafficShiftStatus) bool {
	return equality.Semantic.DeepEqual(withoutNumbers(a), withoutNumbers(b))
}

func withoutNumbers(s v1alpha1.TrafficShiftStatus) v1alpha1.TrafficShiftStatus {
	history := s.History
	s.History = nil
	out := *s.DeepCopy()
	out.History = toldApart(history, out.Release)
	out.ObservedAt, out.ReasonSince, out.Deployment.Generation = nil, nil, 0
	out.Conditions = slices.DeleteFunc(out.Conditions, func(c metav1.Condition) bool { return !remarkable(c) })
	for i, c := range out.Conditions {
		out.Conditions[i] = metav1.Condition{Type: c.Type, Status: c.Status, Reason: c.Reason}
	}
	if r := out.Release; r != nil {
		r.Evidence, r.Direct, r.Verdict, r.LiveWeight, r.LiveWeightError, r.Next, r.NextAt = "", "", "", "", "", "", nil
		r.Exposed, r.Failed, r.Counted.Until, r.Counted.Gaps, r.Objectives, r.ImageIDs, r.StableImageIDs = 0, 0, nil, nil, nil, nil, nil
	}
	return out
}

// toldApart leaves of past releases what tells two histories apart: the whole of the newest, unless it says what the release says, and the
// numbers of the others, which nothing changes any more.
func toldApart(history []v1alpha1.PastRelease, r *v1alpha1.Release) []v1alpha1.PastRelease {
	out := make([]v1alpha1.PastRelease, len(history))
	for i, p := range history {
		out[i].Number = p.Number
		if i == 0 && (r == nil || p.Number != r.Number) {
			out[i] = p
		}
	}
	return out
}

// remarkable says whether somebody has to look after what a condition says, or may wait for its end. What a release waits for between two
// steps, while its pods start and while few requests tell its share, is nothing to look after.
func remarkable(c metav1.Condition) bool {
	var usual []v1alpha1.Reason
	switch c.Type {
	case v1alpha1.ConditionStalled:
		return true
	case v1alpha1.ConditionReconciling:
		usual = []v1alpha1.Reason{v1alpha1.ReasonReleasing, v1alpha1.ReasonSettling, v1alpha1.ReasonHolding, v1alpha1.ReasonNotCleared,
			v1alpha1.ReasonWaiting, v1alpha1.ReasonCanaryNotReady}
		return !slices.Contains(usual, v1alpha1.Reason(c.Reason))
	case v1alpha1.ConditionTrafficShifted:
		usual = []v1alpha1.Reason{v1alpha1.ReasonNotShifted}
	case v1alpha1.ConditionWorkloadReady:
		usual = []v1alpha1.Reason{v1alpha1.ReasonCanaryNotReady}
	}
	return c.Status == metav1.ConditionFalse && !slices.Contains(usual, v1alpha1.Reason(c.Reason))
}

// news is what is new to people in a status beside what was decided.
type news struct {
	Conditions   []string
	Generation   int64
	Met, Bad     bool
	Against      int
	Gaps, Images int
}

// newsOf are the news of a status about a release as it is now.
func newsOf(s v1alpha1.TrafficShiftStatus, is *v1alpha1.Release, now time.Time) news {
	n := news{Generation: s.Deployment.Generation}
	kinds := []string{v1alpha1.ConditionReady, v1alpha1.ConditionReconciling, v1alpha1.ConditionStalled, v1alpha1.ConditionWorkloadReady,
		v1alpha1.ConditionIsolated, v1alpha1.ConditionReachable}
	if !is.Running() || is.SettledAt != nil && now.Sub(is.SettledAt.Time) > driftAfter {
		kinds = append(kinds, v1alpha1.ConditionTrafficShifted) // before that, the share is that of few requests
	}
	for _, kind := range kinds {
		if c := meta.FindStatusCondition(s.Conditions, kind); c != nil {
			n.Conditions = append(n.Conditions, kind, c.Reason, sentence(*c, is.Running()))
		}
	}
	if r := s.Release; r != nil {
		n.Met, n.Bad, n.Against = r.Exposed > 0, r.Failed > 0, tenths(r.Objectives)
		n.Gaps, n.Images = len(r.Counted.Gaps), len(r.ImageIDs)+len(r.StableImageIDs)
	}
	return n
}

// sentence is what a condition says in words, if that is new to people whenever it changes.
func sentence(c metav1.Condition, running bool) string {
	switch c.Type {
	case v1alpha1.ConditionWorkloadReady, v1alpha1.ConditionIsolated, v1alpha1.ConditionReachable:
		return c.Message
	case v1alpha1.ConditionReconciling, v1alpha1.ConditionStalled, v1alpha1.ConditionTrafficShifted:
		if remarkable(c) {
			return words(c.Message)
		}
	}
	if running {
		return ""
	}
	return words(c.Message)
}

// words are those of a sentence, without its numbers.
func words(sentence string) string {
	return strings.Join(slices.DeleteFunc(strings.Fields(sentence), func(w string) bool { return strings.ContainsAny(w, "0123456789") }), " ")
}

// tenths is how many tenths there are of the evidence that aborts.
func tenths(of []v1alpha1.ObjectiveStatus) int {
	sum := 0.0
	for _, o := range of {
		if against, err := strconv.ParseFloat(o.Against, 64); err == nil && against > 0 {
			sum += against
		}
	}
	return int(min(sum, tenth*tenth)) / tenth
}
