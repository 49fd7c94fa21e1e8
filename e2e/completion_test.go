package e2e

import (
	"os/exec"
	"strings"
	"testing"
)

// Who has kubectl's completion in his shell is offered what is in the cluster behind kubectl stagger too.
func TestKubectlCompletesWhatFollowsThePlugin(t *testing.T) {
	t.Parallel()
	ns := newNamespace(t)
	apply(t, ns, shop+`
---
apiVersion: v1
kind: Service
metadata: {name: plain}
spec: {selector: {app: plain}, ports: [{name: http, port: 80}]}
---
apiVersion: stagger.dev/v1alpha1
kind: TrafficShift
metadata: {name: checkout}
spec: {policyRef: {name: standard}, service: {name: checkout}, control: Paused}
`)
	kubectl(t, "-n", ns, "annotate", "service", "checkout", "stagger.dev/policy=standard")
	for typed, want := range map[string][]string{
		"stagger stat":                        {"status"},
		"stagger -n " + ns + " status ":       {"checkout"},
		"stagger abort -n " + ns + " ":        {"checkout"},
		"stagger adopt -n " + ns + " ":        {"plain"},
		"stagger adopt checkout --policy ":    {"cautious", "fast", "standard"},
		"stagger status checkout -o ":         {"json", "yaml", "wide", "name"},
		"stagger status checkout -n ":         {ns, "kube-system"},
		"stagger config set x --deployment ":  {},
		"stagger report nothing-of-the-kind ": {},
	} {
		out, err := exec.CommandContext(t.Context(), "kubectl", append([]string{"__complete"}, strings.Split(typed, " ")...)...).Output()
		if err != nil {
			t.Errorf("completing kubectl %s: %v", typed, err)
			continue
		}
		offered := map[string]bool{}
		for line := range strings.Lines(string(out)) {
			word, _, _ := strings.Cut(strings.TrimSpace(line), "\t")
			offered[word] = true
		}
		for _, word := range want {
			if !offered[word] {
				t.Errorf("kubectl %s: %q is not offered in %q", typed, word, out)
			}
		}
		if len(want) == 0 && len(offered) != 1 { // a line says that no files are meant
			t.Errorf("kubectl %s: offered %q", typed, out)
		}
		if offered["plain"] != (strings.Contains(typed, " adopt -n")) {
			t.Errorf("kubectl %s: a Service that is not managed is offered: %t", typed, offered["plain"])
		}
	}
}
