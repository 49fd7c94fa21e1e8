package release

import (
	"go/ast"
	"go/parser"
	"go/token"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/stagger-dev/stagger/pkg/apis/stagger/v1alpha1"
)

// knownReasons are the constants of the API package, read from its source so that none is forgotten.
var knownReasons = sync.OnceValues(func() (map[string]bool, error) {
	file, err := parser.ParseFile(token.NewFileSet(), "../apis/stagger/v1alpha1/conditions.go", nil, 0)
	if err != nil {
		return nil, err
	}
	known := map[string]bool{}
	ast.Inspect(file, func(n ast.Node) bool {
		spec, ok := n.(*ast.ValueSpec)
		if !ok || !strings.HasPrefix(spec.Names[0].Name, "Reason") {
			return true
		}
		literal, ok := spec.Values[0].(*ast.BasicLit)
		if !ok {
			return true
		}
		value, err := strconv.Unquote(literal.Value)
		known[value] = err == nil
		return true
	})
	return known, nil
})

// CheckConditions checks the contract of kstatus and that every condition tells people something; where says where in a scenario.
func CheckConditions(t *testing.T, where string, o Observation, d Decision) {
	t.Helper()
	known, err := knownReasons()
	if err != nil {
		t.Fatal(err)
	}
	seen := map[string]metav1.ConditionStatus{}
	for _, c := range Conditions(o, d) {
		if _, twice := seen[c.Type]; twice {
			t.Fatalf("%s: condition %s is there twice", where, c.Type)
		}
		seen[c.Type] = c.Status
		if c.Message == "" || !known[c.Reason] {
			t.Fatalf("%s: condition %s=%s has reason %q and message %q", where, c.Type, c.Status, c.Reason, c.Message)
		}
		if r := record(o, d); r != nil && r.Outcome != nil && c.Reason == string(v1alpha1.ReasonNoTraffic) {
			t.Fatalf("%s: traffic is said to be missing when the release is decided: %s: %s", where, c.Type, c.Message)
		}
	}
	states := 0
	for _, kind := range []string{v1alpha1.ConditionReady, v1alpha1.ConditionReconciling, v1alpha1.ConditionStalled} {
		if seen[kind] == metav1.ConditionTrue {
			states++
		}
	}
	if states != 1 {
		t.Fatalf("%s: exactly one of Ready, Reconciling and Stalled has to be True: %v", where, seen)
	}
	moving := o.running() || d.Release != nil && !d.Release.State.Ended()
	if moving && seen[v1alpha1.ConditionStalled] == metav1.ConditionTrue {
		t.Fatalf("%s: Stalled while a release runs: %s", where, d)
	}
}

func TestWhatCountsDoNotShowIsInTheCondition(t *testing.T) {
	o := Observation{Release: &v1alpha1.Release{State: v1alpha1.StateShifting},
		Evidence: Evidence{Fresh: true, Reason: v1alpha1.ReasonCurrent, Message: "all is counted", Remarks: []string{"job b is left out", "some are long"}}}
	c := evidenceCurrent(o)
	if want := "all is counted; job b is left out; some are long"; c.Status != metav1.ConditionTrue || c.Reason != string(v1alpha1.ReasonQualified) || c.Message != want {
		t.Errorf("%+v", c)
	}
	o.Evidence.Remarks, o.Evidence.OneStatus = nil, "each was answered with HTTP 200"
	if c := evidenceCurrent(o); c.Reason != string(v1alpha1.ReasonOneStatus) || c.Message != "all is counted; each was answered with HTTP 200" {
		t.Errorf("one status: %+v", c)
	}
	o.Evidence.Reason = v1alpha1.ReasonNoTraffic
	if c := evidenceCurrent(o); c.Reason != string(v1alpha1.ReasonNoTraffic) {
		t.Errorf("no traffic is hidden: %+v", c)
	}
}

// The proxies show within a second that requests meet the canary. That no counts have come yet is no lack of traffic.
func TestTrafficThatTheProxiesSeeIsNotMissing(t *testing.T) {
	o := Observation{Release: &v1alpha1.Release{State: v1alpha1.StateShifting, Step: 1, Weight: "10%", SettledAt: &metav1.Time{}},
		Evidence: Evidence{Share: -1}, Direct: Direct{Agreement: AgreementYes}}
	if c := trafficShifted(o, Decision{}); c.Reason != string(v1alpha1.ReasonShifted) || !strings.Contains(c.Message, "10% is wanted, nothing was measured; by the proxies") {
		t.Errorf("the proxies see it: %+v", c)
	}
	o.Direct.Agreement = AgreementUnknown
	if c := trafficShifted(o, Decision{}); c.Reason != string(v1alpha1.ReasonNoTraffic) {
		t.Errorf("nobody sees any: %+v", c)
	}
	o.Evidence.Share, o.Evidence.Agreement, o.Direct.Agreement = 0, AgreementNo, AgreementYes
	if c := trafficShifted(o, Decision{}); c.Reason != string(v1alpha1.ReasonNotShifted) {
		t.Errorf("the counts disagree: %+v", c)
	}
}

// A version that waits for the end of a pause is no fault: tools that know kstatus see work in progress, not a failure.
// Requests of a VirtualService that is gone meet neither version by the weights, whatever the counts of the others say.
func TestARouteThatIsGoneIsInTheCondition(t *testing.T) {
	t.Parallel()
	running := &v1alpha1.Release{Number: 1, State: v1alpha1.StateShifting, Step: 1, Weight: "5%"}
	cases := map[string]struct {
		release *v1alpha1.Release
		gone    []string
		status  metav1.ConditionStatus
		reason  v1alpha1.Reason
		says    string
	}{
		"in a release":        {running, []string{"shop/web"}, metav1.ConditionFalse, v1alpha1.ReasonRoutesGone, "VirtualService shop/web is gone"},
		"two in a release":    {running, []string{"shop/a", "shop/b"}, metav1.ConditionFalse, v1alpha1.ReasonRoutesGone, "VirtualServices shop/a, shop/b are gone"},
		"none in a release":   {running, nil, metav1.ConditionTrue, v1alpha1.ReasonShifted, "5% is wanted"},
		"before a weight":     {&v1alpha1.Release{State: v1alpha1.StatePreparing}, []string{"shop/web"}, metav1.ConditionTrue, v1alpha1.ReasonRoutesGone, "apply it again"},
		"after the release":   {&v1alpha1.Release{State: v1alpha1.StatePromoted, Step: 1}, []string{"shop/web"}, metav1.ConditionTrue, v1alpha1.ReasonRoutesGone, "shop/web"},
		"none after it":       {&v1alpha1.Release{State: v1alpha1.StatePromoted, Step: 1}, nil, metav1.ConditionTrue, v1alpha1.ReasonShifted, "no traffic is shifted"},
		"no release as yet":   {nil, nil, metav1.ConditionTrue, v1alpha1.ReasonShifted, "no traffic is shifted"},
		"an abort goes first": {&v1alpha1.Release{State: v1alpha1.StateAborting, Step: 1, Outcome: &v1alpha1.Outcome{}}, []string{"shop/web"}, metav1.ConditionTrue, v1alpha1.ReasonShifted, "wanted"},
	}
	for name, c := range cases {
		o := Observation{Release: c.release, Routes: Routes{Gone: c.gone}, Evidence: Evidence{Agreement: AgreementYes}}
		is := trafficShifted(o, Decision{Reason: v1alpha1.ReasonHolding})
		if is.Status != c.status || is.Reason != string(c.reason) || !strings.Contains(is.Message, c.says) {
			t.Errorf("%s: %s %s: %s", name, is.Status, is.Reason, is.Message)
		}
	}
}

func TestMarksThatCountForNothingAreNamed(t *testing.T) {
	for strays, says := range map[string]string{
		"bank/x": "no traffic is shifted; the mark on bank/x counts for nothing", "bank/x bank/y bank/z": "the marks on bank/x and 2 more count for nothing",
	} {
		o := Observation{Routes: Routes{Strays: strings.Fields(strays)}}
		if is := trafficShifted(o, Decision{}); is.Status != metav1.ConditionTrue || !strings.Contains(is.Message, says) {
			t.Errorf("of %s: %s %s: %s", strays, is.Status, is.Reason, is.Message)
		}
	}
}

func TestRoutesThatNobodyInvitedAreNamed(t *testing.T) {
	left := []string{"VirtualService bank/x is left alone", "VirtualService bank/y is left alone", "VirtualService bank/z is left alone"}
	for n, says := range []string{"", "; " + left[0], "; " + left[0] + "; so is 1 more", "; " + left[0] + "; so are 2 more"} {
		says = "no traffic is shifted" + says
		if is := trafficShifted(Observation{Routes: Routes{Uninvited: left[:n]}}, Decision{}); is.Status != metav1.ConditionTrue || is.Message != says {
			t.Errorf("of %d: %s %s: %s", n, is.Status, is.Reason, is.Message)
		}
	}
	r := &v1alpha1.Release{State: v1alpha1.StateShifting, Step: 1, Weight: "1%", SettledAt: &metav1.Time{}}
	o := Observation{Release: r, Routes: Routes{Uninvited: left, Doubts: left}, Evidence: Evidence{Agreement: AgreementNo, Share: -1}}
	if is := trafficShifted(o, Decision{Reason: v1alpha1.ReasonHolding}); strings.Count(is.Message, left[0]) != 1 {
		t.Errorf("what keeps callers from the weight: %s", is.Message)
	}
}

func TestAPauseAtRestIsNoFault(t *testing.T) {
	o := Observation{Workload: Workload{Deployment: "web", Replicas: 4, Waits: true, Template: "v2", Images: []string{"web:2"}}}
	o.Wanted.Managed, o.Wanted.Paused = true, true
	d, paused := whenPaused(o, time.Time{})
	if want := "control is Paused: the release of web:2 begins when it is Auto again"; !paused || d.Reason != v1alpha1.ReasonPaused || d.Message != want {
		t.Fatalf("%t, %s; want %s", paused, d, want)
	}
	CheckConditions(t, "paused at rest", o, d)
	for _, c := range Conditions(o, d) {
		if c.Type == v1alpha1.ConditionStalled {
			t.Errorf("a pause is said to be stalled: %s", c.Message)
		}
	}
	o.Refused = "v2"
	if d, paused := whenPaused(o, time.Time{}); paused {
		t.Errorf("a template that was taken back waits for a resume, says %s", d)
	}
}

// Proxies that go by a weight say so before the counts can; where the counts say otherwise, those are believed.
func TestTrafficIsShiftedWhereTheProxiesGoByTheWeight(t *testing.T) {
	t.Parallel()
	for counts, want := range map[Agreement]v1alpha1.Reason{
		AgreementUnknown: v1alpha1.ReasonShifted, AgreementYes: v1alpha1.ReasonShifted, AgreementNo: v1alpha1.ReasonNotShifted,
	} {
		o := Observation{Release: &v1alpha1.Release{State: v1alpha1.StateShifting, Step: 1, Weight: "5%", SettledAt: &metav1.Time{Time: time.Unix(1, 0)}}}
		o.Evidence.Share, o.Evidence.Agreement, o.Direct.Agreement = -1, counts, AgreementYes
		c := trafficShifted(o, Decision{Reason: v1alpha1.ReasonHolding})
		if c.Reason != string(want) || (c.Status == metav1.ConditionTrue) != (want == v1alpha1.ReasonShifted) {
			t.Errorf("counts say %q: %s %s", counts, c.Status, c.Reason)
		}
	}
}
