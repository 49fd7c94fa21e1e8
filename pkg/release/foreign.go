package release

import (
	"cmp"
	"fmt"
	"strings"
	"time"

	"github.com/stagger-dev/stagger/pkg/apis/stagger/v1alpha1"
	"github.com/stagger-dev/stagger/pkg/text"
)

// contestable is how often a foreign edit is put back within contestWindow before the release stops fighting.
const (
	contestable   = 5
	contestWindow = 2 * time.Minute
	// mostManager is the most characters of a field manager's name; the API server takes no more.
	mostManager = 128
)

func whenSelectorContested(o Observation, now time.Time) (Decision, bool) {
	if !o.running() || contested(o.Release, now).Selector <= contestable {
		return Decision{}, false
	}
	return abort(o, v1alpha1.ReasonSelectorContested, v1alpha1.RefuseTemplate,
		fmt.Sprintf("%s wrote the selector of the Service back again and again, which lets callers past the routes meet the canary; "+
			"exclude spec.selector of this Service from the tool that applies it", cmp.Or(o.Release.Contested.SelectorBy, somebody)))
}

// whenTooHigh puts back whoever raises the canary. Nothing can stand in its way.
func whenTooHigh(o Observation, now time.Time) (Decision, bool) {
	if !o.running() || o.Routes.Highest <= o.Release.Weight.Millionths() {
		return Decision{}, false
	}
	want := o.Release.Weight.Millionths()
	return Decision{Levers: []Action{{Verb: Lower, Who: callers(want)}}, Release: withEdit(o, now), Refused: o.Refused,
		Reason: v1alpha1.ReasonForeignEdit, Message: whoEdited(o, want)}, true
}

// whenArmLost puts back what keeps callers past the routes from the canary, and ends a release whose canary arm was taken away.
// Neither waits for a person or a policy.
func whenArmLost(o Observation, now time.Time) (Decision, bool) {
	if !o.running() || o.External {
		return Decision{}, false
	}
	r := o.Release
	switch there := o.Canary.Exists && o.Workload.Canary.There(); {
	case r.Step > 0 && !there:
		return abort(o, v1alpha1.ReasonWorkloadGone, v1alpha1.RefuseNothing, "the canary's Service or ReplicaSet was deleted")
	case there && o.Canary.Selects != r.Revision:
		return abort(o, v1alpha1.ReasonSelectorContested, v1alpha1.RefuseTemplate,
			fmt.Sprintf("%s changed the selector of Service %s, so that what is counted there says nothing of the canary: %s", o.Canary.SelectorBy.by(), o.Canary.Service, alsoCounted(o)))
	case !o.Workload.Canary.There() || !o.Service.Exists:
		return Decision{}, false
	case movedOver(o) && o.Routes.Lowest < v1alpha1.Whole:
		return takeBack(o)
	case o.Service.Marked && (o.Service.Narrowed == r.Stable || movedOver(o)):
		return Decision{}, false
	}
	r = r.DeepCopy()
	r.Contested = contested(r, now)
	r.Contested.Selector++
	r.Contested.SelectorBy = o.Service.SelectorBy.name()
	override(r, v1alpha1.OverrideSelector, o.Service.SelectorBy, selectorOfService, now)
	return Decision{Levers: []Action{{Verb: Narrow, Hash: r.Stable}}, Release: r, Refused: o.Refused, Reason: v1alpha1.ReasonSelectorReverted,
		Message: o.Service.SelectorBy.by() + " wrote the selector of the Service back; narrowing it to the stable again"}, true
}

// numbersInclude begins what alsoCounted says.
const numbersInclude = "the numbers of what met it include what "

// alsoCounted says whose answers the counts of what met the canary include, since its Service selects them. Up to the last count before that was
// seen they do not.
func alsoCounted(o Observation) string {
	whose := "other pods"
	if o.Canary.Selects == o.Release.Stable {
		whose = "the stable's pods"
	}
	said := numbersInclude + whose + " answered there"
	if until := o.Release.Counted.Until; until != nil {
		said += ", from " + until.UTC().Format("15:04:05 MST") + " on at the earliest"
	}
	return said
}

// whenTooLow obeys whoever lowers the canary until fresh counts speak for it again.
func whenTooLow(o Observation, now time.Time) (Decision, bool) {
	if !o.running() || o.Release.Step == 0 || o.Routes.Lowest >= o.Release.Weight.Millionths() {
		return Decision{}, false
	}
	want := o.Release.Weight.Millionths()
	d, rest := Decision{Refused: o.Refused, Reason: v1alpha1.ReasonForeignEdit, Message: whoEdited(o, want)}, "; it is obeyed"
	if o.Routes.Foreign == nil && !o.routesGone() { // the write of a pass before was not made, or not in every route
		d.Reason, rest = v1alpha1.ReasonSettling, "; it stays so until fresh counts speak for more"
	}
	if !o.Evidence.Fresh || !o.Evidence.Seen || o.suspicious() || contested(o.Release, now).Routes >= contestable {
		d.Message += rest
		return d, true
	}
	r := withEdit(o, now)
	if o.Routes.Highest == 0 {
		want = first(r, o.Evidence.Rate)
		move{step: 1, share: want, reason: v1alpha1.WeightRestarted, why: d.Message}.into(r, o, now)
		d.Message += "; beginning again at the first weight"
	}
	if d, short := podsFor(o, now, want); short {
		return d, true
	}
	d.Release = r
	r.StepStartedAt, r.SettledAt, r.PodsAwaitedSince = stamp(now), nil, nil
	d.Actions = []Action{{Verb: Save}, {Verb: Raise, Who: callers(want)}}
	return d, true
}

// contested is the count of put-backs within the window.
func contested(r *v1alpha1.Release, now time.Time) v1alpha1.Contested {
	c := r.Contested
	if c.Since == nil || now.Sub(c.Since.Time) > contestWindow {
		return v1alpha1.Contested{Since: stamp(now)}
	}
	return c
}

// withEdit is the record with one more foreign edit of the routes in it.
func withEdit(o Observation, now time.Time) *v1alpha1.Release {
	r := o.Release.DeepCopy()
	r.Contested = contested(r, now)
	if o.Routes.Foreign != nil {
		r.Contested.Routes++
		r.Contested.RoutesBy = o.Routes.Foreign.name()
		override(r, v1alpha1.OverrideRoutes, o.Routes.Foreign.Writer, o.Routes.Foreign.what(), now)
	}
	return r
}

// routesGone says that nothing is left in the mesh that could give the canary its weight.
func (o Observation) routesGone() bool { return !o.External && len(o.Routes.Names) == 0 }

// gone is what is said of a VirtualService that the record has and that is not read any more.
const gone = " gone, or without a route to the Service"

// routesMissed says which routes of the record are gone, and what to do; empty when all are there.
func (o Observation) routesMissed() string {
	if len(o.Routes.Gone) == 0 {
		return ""
	}
	return o.goneNames() + gone + ", so requests that came by it go by others or nowhere; apply it again, or leave it so if that was meant"
}

// goneNames is the beginning of a sentence about the VirtualServices that are gone.
func (o Observation) goneNames() string {
	switch names := o.Routes.Gone; len(names) {
	case 0:
		return "the VirtualService that gave the canary its weight is"
	case 1:
		return "VirtualService " + names[0] + " is"
	default:
		return "VirtualServices " + strings.Join(names, ", ") + " are"
	}
}

// withoutRoutes says of a release that goes up which of its routes are gone, unless none is left: then the message says so already. What to do
// is in a condition.
func (o Observation) withoutRoutes(d Decision) Decision {
	said := len(o.Routes.Names) == 0 && (d.Reason == v1alpha1.ReasonForeignEdit || d.Reason == v1alpha1.ReasonRouteUnsupported)
	if o.running() && record(o, d).Outcome == nil && len(o.Routes.Gone) > 0 && !said {
		d.Message += "; " + o.goneNames() + gone
	}
	return d
}

func whoEdited(o Observation, want int64) string {
	switch f := o.Routes.Foreign; {
	case f != nil && f.Made:
		return fmt.Sprintf("%s made %s, which does not give the canary its weight yet", f.by(), f.Route)
	case f != nil:
		return fmt.Sprintf("%s changed %s; if that is a GitOps tool, let it ignore the weights of these routes", f.by(), f.what())
	case o.routesGone() && o.Routes.MakeOne:
		return o.goneNames() + " gone, so all requests go to the stable; apply it again, or else one is made for the rest of the release"
	case o.routesGone():
		return o.goneNames() + gone + ", so its requests go by others; apply it again"
	case o.Routes.MakeOne:
		return "no VirtualService of the mesh gives the canary its weight, so callers there go to the stable; one is made"
	}
	lowest, highest := max(0, o.Routes.Lowest), o.Routes.Highest
	share := string(v1alpha1.PercentageOf(lowest))
	if highest > lowest {
		share += " to " + string(v1alpha1.PercentageOf(highest))
	}
	return fmt.Sprintf("the routes give the canary %s where %s is wanted, which was not written in all of them", share, v1alpha1.PercentageOf(want))
}

// what was edited, and how.
func (f Foreign) what() string { return fmt.Sprintf("the canary's weight in %s (%s)", f.Route, f.Kind) }

// somebody is who wrote where the API server does not tell.
const somebody = "somebody"

// name is that of the field manager, as the record keeps it; empty where it is not known.
func (w Writer) name() string { return text.CutRunes(text.Clean(w.Manager), mostManager) }

// by names the field manager of an edit, and when it wrote.
func (w Writer) by() string {
	who := w.name()
	if who == "" {
		return somebody
	}
	if !w.At.IsZero() {
		who += " (at " + w.At.UTC().Format("15:04:05 MST") + ")"
	}
	return who
}
