package e2e

import (
	"fmt"
	"io"
	"net/http"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stagger-dev/stagger/pkg/apis/stagger/v1alpha1"
)

// byRole is a verb as it is typed, and whether who may only view a namespace is told that he may not. Who may edit or administer it is never.
type byRole struct {
	words string
	// says is a part of what is said to whoever may.
	says string
	// commands is a verb that writes.
	commands bool
}

// whileItRuns are the verbs of a release at its first step, afterAnAbort those that ask for one that was taken back.
func whileItRuns(policy string) []byRole {
	return []byRole{
		{"status", "checkout", false},
		{"status checkout", "release 1", false},
		{"why checkout", "release 1", false},
		{"history checkout", "", false},
		{"report checkout", "Release 1 of checkout", false},
		{"check", "CHECK", false},
		{"version", "plugin", false},
		{"plan checkout --rate 50", "CLEARED IN", false},
		{"plan checkout --policy standard --rate 50", "CLEARED IN", false},
		{"simulate checkout --rate 50 --runs 2 --fault 50%", "PROMOTED", false},
		{"lint -f " + policy, "ShiftPolicy by-role", false},
		{"pause checkout --dry-run", "dry run", true},
		{"promote checkout --reason tried --dry-run", "dry run", true},
		{"abort checkout --dry-run", "dry run", true},
		{"replan checkout --dry-run", "dry run", true},
		{"let-go checkout --dry-run", "dry run", true},
		{"adopt named --dry-run", "dry run", true},
		{"config set by-role --from-literal=a=2 --dry-run", "would be made", false},
	}
}

// whilePaused are those that ask for a pause.
func whilePaused() []byRole {
	return []byRole{
		{"resume checkout --dry-run", "dry run", true},
		{"unpause checkout --dry-run", "dry run", true},
	}
}

func afterAnAbort() []byRole {
	return []byRole{
		{"watch checkout", "Aborted", false},
		{"retry checkout --reason tried --dry-run", "dry run", true},
		{"undo checkout --reason tried --dry-run", "dry run", true},
	}
}

// by types the verbs as who views, edits and administers the namespace.
func (s *story) by(verbs []byRole) {
	s.t.Helper()
	for _, v := range verbs {
		for _, who := range []string{"viewer", "editor", "admin"} {
			out, err := plugin(s.t, s.ns, append(strings.Fields(v.words), "--as="+who+"-"+s.ns)...)
			denied := strings.Contains(out, "error: you may not")
			switch {
			case denied != (v.commands && who == "viewer"):
				s.t.Errorf("%s as %s: denied %v (%v): %s", v.words, who, denied, err, out)
			case !denied && !strings.Contains(out, v.says):
				s.t.Errorf("%s as %s does not say %q (%v): %s", v.words, who, v.says, err, out)
			}
		}
	}
}

// pausedOnTheDashboard pauses the release on dashboards of who views, edits and administers the namespace: all see it, and who only views is told
// that he may not.
func (s *story) pausedOnTheDashboard() {
	s.t.Helper()
	for _, c := range []struct {
		who  string
		code int
		says string
	}{{"viewer", http.StatusForbidden, "you may not do this"}, {"editor", http.StatusOK, "checkout: paused"}, {"admin", http.StatusOK, "checkout is paused already"}} {
		d := dashboardOf(s.t, startDashboard(s.t, s.ns, "--as="+c.who+"-"+s.ns))
		waitFor(s.t, c.who+" sees the release on the dashboard", func() (bool, string) {
			code, page := d.asks(http.MethodGet, "/api/service/"+s.ns+"/checkout", "")
			return code == http.StatusOK && strings.Contains(page, "Release 1"), page
		})
		code, said := d.asks(http.MethodPost, "/api/command", fmt.Sprintf(`{"namespace":%q,"name":"checkout","verb":"pause","number":1}`, s.ns))
		if code != c.code || !strings.Contains(said, c.says) {
			s.t.Errorf("%s pauses on the dashboard: %d %s", c.who, code, said)
		}
	}
}

// dashboard is one that runs.
type dashboard struct {
	t           *testing.T
	host, token string
}

func dashboardOf(t *testing.T, address string) dashboard {
	t.Helper()
	at, err := url.Parse(address)
	if err != nil {
		t.Fatal(err)
	}
	return dashboard{t, at.Host, strings.TrimPrefix(at.Fragment, "token=")}
}

// asks makes a request as its page does.
func (d dashboard) asks(method, path, body string) (code int, text string) {
	d.t.Helper()
	request, err := http.NewRequestWithContext(d.t.Context(), method, "http://"+d.host+path, strings.NewReader(body))
	if err != nil {
		d.t.Fatal(err)
	}
	for name, value := range map[string]string{"Stagger-Token": d.token, "Origin": "http://" + d.host, "Content-Type": "application/json"} {
		request.Header.Set(name, value)
	}
	response, err := http.DefaultClient.Do(request)
	if err != nil {
		d.t.Fatal(err)
	}
	defer response.Body.Close()
	all, err := io.ReadAll(response.Body)
	if err != nil {
		d.t.Fatal(err)
	}
	return response.StatusCode, string(all)
}

// Kubernetes's own roles for a namespace, into which those of this installation are aggregated, are all that a verb needs; they show neither
// the routes nor anything of another namespace.
func TestEveryVerbWorksByTheRolesOfANamespace(t *testing.T) {
	t.Parallel()
	s := tell(t).judgedBy(patient("1h")).gateway()
	for who, role := range map[string]string{"viewer": "view", "editor": "edit", "admin": "admin"} {
		kubectl(t, "-n", s.ns, "create", "rolebinding", who, "--clusterrole="+role, "--user="+who+"-"+s.ns)
	}
	waitFor(t, "the bindings count", func() (bool, string) {
		return may(t, "viewer-"+s.ns, s.ns, "get stagger.dev/trafficshifts") && may(t, "editor-"+s.ns, s.ns, "patch stagger.dev/trafficshifts") &&
			may(t, "admin-"+s.ns, s.ns, "patch stagger.dev/trafficshifts"), "not all do"
	})
	policy := filepath.Join(t.TempDir(), "policy.yaml")
	if err := os.WriteFile(policy, []byte(`apiVersion: stagger.dev/v1alpha1
kind: ShiftPolicy
metadata: {name: by-role}
spec: {steps: [{weight: "100%", hold: 1m}], objectives: [{name: availability, indicator: Requests, target: "99%"}]}
`), 0o600); err != nil {
		t.Fatal(err)
	}
	kubectl(t, "-n", s.ns, "create", "configmap", "by-role", "--from-literal=a=1")
	kubectl(t, "-n", s.ns, "create", "deployment", "named", "--image=shop:1.0.0", "--replicas=0")
	kubectl(t, "-n", s.ns, "create", "service", "clusterip", "named", "--tcp=80")
	kubectl(t, "-n", s.ns, "set", "env", "deployment/named", "--from=configmap/by-role")
	s.push("1.1.0")
	s.live("30%")
	s.by(whileItRuns(policy))
	s.pausedOnTheDashboard()
	s.by(whilePaused())
	s.people(true, "resumed", "resume", "checkout", "--as=editor-"+s.ns)
	s.people(false, "Aborted", append([]string{"abort", "checkout", "--wait"}, "--as=editor-"+s.ns)...)
	s.ended(1, v1alpha1.StateAborted)
	s.by(afterAnAbort())
}
