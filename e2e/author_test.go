package e2e

import (
	"fmt"
	"testing"
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
	if _, err := try(t.Context(), "{apiVersion: stagger.dev/v1alpha1, kind: TrafficShift, metadata: {name: byhand}, spec: {service: {name: nothing}, policyRef: {name: nothing}}}",
		"create", "-n", ns, "-f", "-"); err != nil {
		t.Fatal(err)
	}
	is("nothing was said", "Auto ")
	waitFor(t, "the API server knows the kind to its admission policies", func() (bool, string) {
		out, err := try(t.Context(), "", "-n", ns, "annotate", "--dry-run=server", "trafficshift", "byhand", "stagger.dev/command=abort 1 t0")
		return err == nil, fmt.Sprint(out, err)
	})
	annotate("stagger.dev/commanded-by=t0 somebody", "stagger.dev/controlled-by=somebody")
	is("a name without a command", "Auto ")
	annotate(asOnCall("stagger.dev/command=abort 1 t1 enough", "stagger.dev/commanded-by=t1 somebody")...)
	is("a command in another's name", `Auto {"stagger.dev/command":"abort 1 t1 enough","stagger.dev/commanded-by":"t1 `+onCall+`"}`)
	annotate("stagger.dev/commanded-by=t1 somebody")
	is("a forged name", `Auto {"stagger.dev/command":"abort 1 t1 enough","stagger.dev/commanded-by":"t1 `+onCall+`"}`)
	annotate("stagger.dev/command=abort", "stagger.dev/commanded-by-")
	is("a command that cannot be read", `Auto {"stagger.dev/command":"abort","stagger.dev/commanded-by":"- `+me(t)+`"}`)
	kubectl(t, asOnCall("-n", ns, "patch", "trafficshift", "byhand", "--type=merge", "-p", `{"spec":{"control":"Paused"}}`)...)
	annotate("stagger.dev/command-", "team=shop")
	is("a pause, and no command any more", `Paused {"stagger.dev/controlled-by":"`+onCall+`","team":"shop"}`)
	kubectl(t, "-n", ns, "patch", "trafficshift", "byhand", "--type=merge", "-p", `{"spec":{"control":"Auto"}}`)
	is("a resumption", `Auto {"team":"shop"}`)
}
