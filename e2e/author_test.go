package e2e

import (
	"context"
	"fmt"
	"strings"
	"testing"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/stagger-dev/stagger/pkg/apis/stagger/v1alpha1"
)

// me is the user as whom the stories act.
func me(t *testing.T) string {
	t.Helper()
	return kubectl(t, "auth", "whoami", "-o", "jsonpath={.status.userInfo.username}")
}

// onCall is another user, who steers releases.
const onCall = "on-call@example.com"

// asOnCall are the words of a command that he gives.
func asOnCall(words ...string) []string {
	return append(words, "--as", onCall, "--as-group", "system:masters")
}

// byHand is a TrafficShift with annotations and a control, as anybody may write it.
func byHand(annotations, control string) string {
	return "{apiVersion: stagger.dev/v1alpha1, kind: TrafficShift, metadata: {name: byhand, annotations: {" + annotations +
		"}}, spec: {control: " + control + ", service: {name: nothing}, policyRef: {name: nothing}}}"
}

// forged are names that only the API server may write, beside a command.
const forged = `stagger.dev/commanded-by: "t1 somebody", stagger.dev/controlled-by: somebody`

// named waits until the API server follows the policy stagger-author, which it does some time after it has begun to serve the kind.
func named(t *testing.T, ns string) {
	t.Helper()
	waitFor(t, "the API server knows the kind to its admission policies", func() (bool, string) {
		probe := strings.Replace(byHand("stagger.dev/command: abort 1 t0", "Auto"), "name: byhand", "name: probe", 1)
		out, err := try(t.Context(), probe, "create", "-n", ns, "--dry-run=server", "-o", "jsonpath={.metadata.annotations}", "-f", "-")
		return err == nil && strings.Contains(out, "commanded-by"), fmt.Sprint(out, err)
	})
}

// Who has commanded is written down by the API server: nobody does it in another's name, and no other write changes it.
func TestNobodyCommandsInAnothersName(t *testing.T) {
	t.Parallel()
	ns := newNamespace(t)
	is := func(after, want string) {
		t.Helper()
		got := kubectl(t, "-n", ns, "get", "trafficshift", "byhand", "-o", "jsonpath={.spec.control} {.metadata.annotations}")
		if got != want {
			t.Errorf("after %s it is %s, want %s", after, got, want)
		}
	}
	annotate := func(words ...string) {
		kubectl(t, append([]string{"-n", ns, "annotate", "--overwrite", "trafficshift", "byhand"}, words...)...)
	}
	named(t, ns)
	feed(t, byHand("", "Auto"), "create", "-n", ns, "-f", "-")
	is("nothing was said", "Auto ")
	annotate("stagger.dev/commanded-by=t0 somebody", "stagger.dev/controlled-by=somebody")
	is("a name without a command", "Auto ")
	annotate(asOnCall("stagger.dev/command=abort 1 t1 enough", "stagger.dev/commanded-by=t1 somebody")...)
	is("a command in another's name", `Auto {"stagger.dev/command":"abort 1 t1 enough","stagger.dev/commanded-by":"t1 `+onCall+`"}`)
	annotate("stagger.dev/commanded-by=t1 somebody")
	is("a forged name", `Auto {"stagger.dev/command":"abort 1 t1 enough","stagger.dev/commanded-by":"t1 `+onCall+`"}`)
	annotate("stagger.dev/command=abort", "stagger.dev/commanded-by-")
	is("a command that cannot be read", `Auto {"stagger.dev/command":"abort","stagger.dev/commanded-by":"- `+me(t)+
		`","stagger.dev/replaced":"-\nt1 `+onCall+`\nabort 1 t1 enough"}`)
	annotate("stagger.dev/replaced=-\nt1 somebody\npromote 1 t1 enough")
	is("a forged command that was replaced", `Auto {"stagger.dev/command":"abort","stagger.dev/commanded-by":"- `+me(t)+
		`","stagger.dev/replaced":"-\nt1 `+onCall+`\nabort 1 t1 enough"}`)
	kubectl(t, asOnCall("-n", ns, "patch", "trafficshift", "byhand", "--type=merge", "-p", `{"spec":{"control":"Paused"}}`)...)
	annotate("stagger.dev/command-", "team=shop")
	is("a pause, and no command any more", `Paused {"stagger.dev/controlled-by":"`+onCall+`","team":"shop"}`)
	kubectl(t, "-n", ns, "patch", "trafficshift", "byhand", "--type=merge", "-p", `{"spec":{"control":"Auto"}}`)
	is("a resumption", `Auto {"team":"shop"}`)
	annotate("stagger.dev/command=abort  2\tt2", "team-")
	kubectl(t, "-n", ns, "patch", "trafficshift", "byhand", "--subresource=status", "--type=merge", "-p",
		`{"metadata":{"annotations":{"stagger.dev/commanded-by":"t2 somebody"}},"status":{"observedGeneration":1}}`)
	is("a name beside a status", `Auto {"stagger.dev/command":"abort  2\tt2","stagger.dev/commanded-by":"t2 `+me(t)+`"}`)
}

// Whoever makes a TrafficShift that is paused or commanded at once is named too, in whichever way he makes it.
func TestNobodyMakesATrafficShiftInAnothersName(t *testing.T) {
	t.Parallel()
	ns := newNamespace(t)
	named(t, ns)
	ways := map[string][]string{
		"create": {"create", "-f", "-"}, "apply": {"apply", "-f", "-"}, "apply by the server": {"apply", "--server-side", "--field-manager=gitops", "-f", "-"},
		"replace by force": {"replace", "--force", "-f", "-"},
	}
	cases := map[string]struct{ annotations, control, want string }{
		"paused":                         {forged, "Paused", `Paused  ` + onCall},
		"paused without a word":          {"", "Paused", `Paused  ` + onCall},
		"commanded":                      {forged + ", stagger.dev/command: abort 1 t1", "Auto", `Auto t1 ` + onCall + ` `},
		"both":                           {forged + ", stagger.dev/command: abort 1 t1", "Paused", `Paused t1 ` + onCall + ` ` + onCall},
		"with names and nothing else":    {forged, "Auto", `Auto  `},
		"with a command nobody can read": {forged + ", stagger.dev/command: abort", "Auto", `Auto - ` + onCall + ` `},
	}
	for way, words := range ways {
		for name, c := range cases {
			t.Run(way+", "+name, func(t *testing.T) {
				feed(t, byHand(c.annotations, c.control), asOnCall(append([]string{"-n", ns}, words...)...)...)
				got := kubectl(t, "-n", ns, "get", "trafficshift", "byhand", "-o",
					`jsonpath={.spec.control} {.metadata.annotations.stagger\.dev/commanded-by} {.metadata.annotations.stagger\.dev/controlled-by}`)
				if got != c.want {
					t.Errorf("it is %q, want %q", got, c.want)
				}
				kubectl(t, "-n", ns, "delete", "trafficshift", "byhand")
			})
		}
	}
}

// What names nobody passes: the TrafficShifts that the operator makes are what it wrote.
func TestTheOperatorMakesTrafficShiftsWithoutNames(t *testing.T) {
	t.Parallel()
	ns := newNamespace(t)
	named(t, ns)
	s := &v1alpha1.TrafficShift{
		ObjectMeta: metav1.ObjectMeta{Namespace: ns, Name: "checkout", Labels: map[string]string{v1alpha1.ServiceLabel: "checkout"}, Finalizers: []string{v1alpha1.Finalizer}},
		Spec:       v1alpha1.TrafficShiftSpec{PolicyRef: v1alpha1.PolicyReference{Name: "standard"}, Service: v1alpha1.ServiceReference{Name: "checkout"}},
	}
	c := operatorClient(t)
	if err := c.Create(t.Context(), s); err != nil {
		t.Fatal(err)
	}
	if len(s.Annotations) > 0 {
		t.Errorf("it bears %v", s.Annotations)
	}
	patchAs(t, c, s, `{"metadata":{"finalizers":null}}`)
}

// The API server lets writes pass that the policy which names their author could not look at, so that nothing stands in the way of an
// abort: as when that policy is not there. Even then nobody takes another's name. The policies are the whole cluster's, so this is told
// before what runs side by side.
func TestWithoutTheOneWhoNamesNobodyTakesAnothersName(t *testing.T) {
	ns := newNamespace(t)
	named(t, ns)
	back := func() {
		if _, err := try(context.WithoutCancel(t.Context()), "", "apply", "-k", "../manifests/admission"); err != nil {
			t.Errorf("putting the admission policies back: %v", err)
		}
	}
	t.Cleanup(back)
	kubectl(t, "delete", "mutatingadmissionpolicybinding", "stagger-author")
	feed(t, byHand("", "Auto"), "create", "-n", ns, "-f", "-")
	waitFor(t, "writes are not looked at any more", func() (bool, string) {
		out := kubectl(t, "-n", ns, "annotate", "--overwrite", "--dry-run=server", "-o", "jsonpath={.metadata.annotations}", "trafficshift", "byhand", "stagger.dev/command=abort 1 t0")
		return !strings.Contains(out, "commanded-by"), out
	})
	write := func(patch string) error {
		_, err := try(t.Context(), "", "-n", ns, "patch", "trafficshift", "byhand", "--type=merge", "-p", patch)
		return err
	}
	refused := map[string]string{
		"a command in another's name":      `{"metadata":{"annotations":{"stagger.dev/command":"promote 1 t1 why","stagger.dev/commanded-by":"t1 somebody"}}}`,
		"a command of other words in it":   `{"metadata":{"annotations":{"stagger.dev/command":"promote 1  t1 why","stagger.dev/commanded-by":"t1 somebody"}}}`,
		"another's name without a command": `{"metadata":{"annotations":{"stagger.dev/commanded-by":"t1 somebody"}}}`,
		"a pause in another's name":        `{"metadata":{"annotations":{"stagger.dev/controlled-by":"somebody"}},"spec":{"control":"Paused"}}`,
	}
	for name, patch := range refused {
		if err := write(patch); err == nil || !strings.Contains(err.Error(), "the API server writes it") {
			t.Errorf("%s: got %v", name, err)
		}
	}
	if _, err := try(t.Context(), strings.Replace(byHand(forged, "Paused"), "name: byhand", "name: other", 1), "create", "-n", ns, "-f", "-"); err == nil {
		t.Error("a TrafficShift was made in another's name")
	}
	for _, patch := range []string{
		`{"metadata":{"annotations":{"stagger.dev/command":"abort 1 t1"}}}`, `{"spec":{"control":"Paused"}}`, `{"metadata":{"annotations":{"team":"shop"}}}`,
	} {
		if err := write(patch); err != nil {
			t.Errorf("%s: %v", patch, err)
		}
	}
	back()
	named(t, ns)
}
