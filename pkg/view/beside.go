package view

import (
	"cmp"
	"slices"
	"time"

	appsv1 "k8s.io/api/apps/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/stagger-dev/stagger/pkg/apis/stagger/v1alpha1"
	"github.com/stagger-dev/stagger/pkg/fieldmanager"
	"github.com/stagger-dev/stagger/pkg/workload"
)

// Beside is what is known beside TrafficShifts, of the cluster that they are in. What could not be read is unknown; then it is not spoken of.
type Beside struct {
	// Leader tells which replica of the operator works; nil when that is unknown.
	Leader *Leader
	// Deployments are by namespace and name, as in "shop/checkout".
	Deployments map[string]*appsv1.Deployment
}

// Leader is the replica of the operator that works, as its Lease says.
type Leader struct {
	// Holder is its name, "" where the last one left and none has taken its place.
	Holder string
	// Renewed is when the Lease was last renewed.
	Renewed time.Time
}

// silent says how long a leader has not been heard of; 0 while it may be at work, or is unknown.
func (l *Leader) silent(now time.Time) time.Duration {
	if l == nil || now.Sub(l.Renewed) <= silence {
		return 0
	}
	return now.Sub(l.Renewed)
}

// text says who leads; "" when that is unknown.
func (l *Leader) text(now time.Time) string {
	if l == nil || l.Holder == "" {
		return ""
	}
	return clean(l.Holder) + " leads; it renewed its Lease " + span(max(now.Sub(l.Renewed), 0)) + " ago"
}

// attend says on a screen whether nobody looks after what it shows: while a release runs by what its status tells, and sooner where the Lease is
// known; at rest by the Lease, and by a change of the Deployment that no operator has seen.
func (b Beside) attend(shift *v1alpha1.TrafficShift, s *Screen, now time.Time) {
	s.Operator = b.Leader.text(now)
	if shift.Status.Release.Running() {
		s.Unattended = s.Observed > unheard
		if silent := b.Leader.silent(now); silent > 0 && s.Observed > silence {
			s.Unattended, s.Observed = true, min(s.Observed, silent)
		}
		if s.Unattended {
			s.Notes = slices.Insert(s.Notes, 0, unattendedNote(shift, s.Observed, now))
			s.ByHand = byHandOf(shift)
		}
		return
	}
	silent, news := b.Leader.silent(now), b.unseen(shift, now)
	s.news = news
	switch {
	case news.there && (silent > 0 || news.ago > silence):
		s.nobody(max(silent, news.ago), news.text+"; no operator has looked since; "+findOut(shift))
	case silent > 0 && b.Leader.Holder == "":
		s.nobody(silent, "no operator works: the last leader left, and none has taken its place; no release begins; "+findOut(shift))
	case silent > 0:
		s.nobody(silent, "no operator works: "+clean(b.Leader.Holder)+" led, and does not renew its Lease any more; no release begins; "+findOut(shift))
	case news.there && news.version:
		s.Notes = slices.Insert(s.Notes, 0, Note{Label: "PUSHED", Reason: "Unseen", For: news.ago, Message: news.text + "; no operator has looked at it yet"})
	}
}

// nobody says that nobody looks after a Service at rest, and how long ago there was the last sign of somebody.
func (s *Screen) nobody(ago time.Duration, message string) {
	s.Unattended, s.Observed = true, ago
	s.Notes = slices.Insert(s.Notes, 0, Note{Label: unattendedLabel, Reason: "Unattended", For: ago, Message: message})
}

// news is a change of a Deployment that the operator has not seen.
type news struct {
	there bool
	// text says it, version that it is one of the version.
	text    string
	version bool
	// ago is for how long the operator can have missed it: the Deployment was written since, and the operator has given no sign.
	ago time.Duration
}

// unseen compares the Deployment with the one that the operator has seen.
func (b Beside) unseen(shift *v1alpha1.TrafficShift, now time.Time) news {
	seen := shift.Status.Deployment
	d := b.Deployments[shift.Namespace+"/"+seen.Name]
	if seen.Name == "" || d == nil || d.Generation <= seen.Generation {
		return news{}
	}
	written := lastSign(shift, d.CreationTimestamp.Time)
	for _, m := range d.ManagedFields {
		if m.Time != nil && m.Subresource == "" && m.Time.After(written) {
			written = m.Time.Time
		}
	}
	images, name := workload.Images(&d.Spec.Template), clean(d.Name)
	n := news{there: true, version: !slices.Equal(images, seen.Images), ago: max(now.Sub(written), 0)}
	asks := newest(v1alpha1.Version{Images: images})
	switch {
	case !n.version:
		n.text = "Deployment " + name + " was changed"
	case d.Spec.Paused:
		n.text = asks + " was written into Deployment " + name + ", which is paused: it serves nobody"
	default:
		n.text = asks + " was written into Deployment " + name + ", which is not paused: it goes to everybody"
	}
	return n
}

// lastSign is when the operator last gave a sign of itself in a status, or a time if that is later. Not every write of a Deployment has its time
// in the managed fields: who takes a field away leaves none.
func lastSign(shift *v1alpha1.TrafficShift, last time.Time) time.Time {
	signs := []*metav1.Time{shift.Status.ObservedAt}
	if r := shift.Status.Release; r != nil {
		signs = append(signs, r.FinishedAt)
	}
	for _, c := range shift.Status.Conditions {
		signs = append(signs, &c.LastTransitionTime)
	}
	for _, t := range signs {
		if t != nil && t.After(last) {
			last = t.Time
		}
	}
	return last
}

// waitingVersion is the version that waits at rest until its release begins, or is refused though the last release was that of another one; false
// where none does.
func waitingVersion(shift *v1alpha1.TrafficShift, state State) (v1alpha1.Version, bool) {
	r, d, to := shift.Status.Release, shift.Status.Deployment, shift.Spec.Destinations
	another := func(revision string) bool { return r != nil && r.Revision != revision }
	switch {
	case r.Running():
	case state == StateAborted:
		return v1alpha1.Version{Revision: d.Revision, Images: d.Images}, d.Waits && another(d.Revision)
	case state != StatePaused && state != StateWaiting && state != StateStalled:
	case d.Waits:
		return v1alpha1.Version{Revision: d.Revision, Images: d.Images}, true
	case to != nil && (state == StatePaused || another(to.Revision)):
		return v1alpha1.Version{Revision: to.Revision}, true
	}
	return v1alpha1.Version{}, false
}

// Begins names the version of a TrafficShift whose release begins by itself: at rest, or after the one that runs; "" where none waits, it is refused,
// or the Service is paused.
func Begins(shift *v1alpha1.TrafficShift) string {
	r, d, to := shift.Status.Release, shift.Status.Deployment, shift.Spec.Destinations
	v, waits := v1alpha1.Version{Revision: d.Revision, Images: d.Images}, d.Waits && !(r.Running() && r.Revision == d.Revision)
	if to != nil {
		v, waits = v1alpha1.Version{Revision: to.Revision}, r == nil || r.Revision != to.Revision
	}
	ready := condition(shift, v1alpha1.ConditionReady)
	settled := ready != nil && ready.Status == metav1.ConditionTrue // such as a Deployment of 0 replicas
	if !waits || settled || shift.Spec.Control == v1alpha1.ControlPaused || v.Revision == shift.Status.Refused {
		return ""
	}
	return cmp.Or(newest(v), "another version")
}

// waitsSince is since when the version that waits does: since the operator gave the reason, or since a later change of the Deployment's template;
// zero where neither is known.
func (b Beside) waitsSince(shift *v1alpha1.TrafficShift) time.Time {
	var since time.Time
	if t := shift.Status.ReasonSince; t != nil {
		since = t.Time
	}
	if d := b.Deployments[shift.Namespace+"/"+shift.Status.Deployment.Name]; d != nil {
		if at := fieldmanager.Written(fieldmanager.LastWriter(d.ManagedFields, "", "spec", "template")); at.After(since) {
			since = at
		}
	}
	return since
}
