package kubectl_test

import (
	"net/http"
	"strings"
	"testing"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/stagger-dev/stagger/operator/kubectl/cli"
	"github.com/stagger-dev/stagger/operator/kubectl/clitest"
)

func TestWhatIsShown(t *testing.T) {
	clitest.Shown(t, map[string]clitest.ShownCase{
		"help":                          {Words: []string{"--help"}},
		"version":                       {Words: []string{"version"}},
		"version as json":               {Words: []string{"version", "-o", "json"}},
		"version of the plugin as yaml": {Words: []string{"version", "--client", "-o", "yaml"}},
	})
}

func TestErrorsAreOneSentenceWithTheNextStep(t *testing.T) {
	clitest.Errors(t, map[string]clitest.ErrorCase{
		"a verb with a slip":  {Words: []string{"statsu"}, Want: `"statsu" is no verb; did you mean status?`},
		"no verb at all":      {Words: []string{"zzzzzz"}, Want: `"zzzzzz" is no verb; see kubectl stagger --help`},
		"a version of a name": {Words: []string{"version", "checkout"}, Want: "version takes no name; leave it out"},
		"an unknown flag":     {Words: []string{"status", "--wide"}, Want: "unknown flag: --wide; see kubectl stagger status --help"},
		"no Stagger":          {Words: []string{"status"}, With: func(s *clitest.Server) { s.Absent = true }, Want: "this cluster does not serve stagger.dev/v1alpha1, so Stagger is not installed in it; install it, or choose another cluster with --context"},
		"not allowed": {Words: []string{"status"}, With: func(s *clitest.Server) {
			s.Deny = clitest.Failure(http.StatusForbidden, metav1.StatusReasonForbidden, "cannot list")
		}, Want: "you may not do this (cannot list); ask for the role view to look, or edit to command"},
		"not known to the cluster": {Words: []string{"status"}, With: func(s *clitest.Server) {
			s.Deny = clitest.Failure(http.StatusUnauthorized, metav1.StatusReasonUnauthorized, "who")
		}, Want: "the cluster does not know you; log in again, or choose other credentials with --context or --user"},
		"an unknown context": {Words: []string{"status", "--context", "moon"}, Want: "the kubeconfig has no such context; list those it has with: kubectl config get-contexts"},
		"no Stagger for one": {Words: []string{"abort", "checkout"}, With: func(s *clitest.Server) { s.Absent = true }, Want: "this cluster does not serve stagger.dev/v1alpha1, so Stagger is not installed in it; install it, or choose another cluster with --context"},
	})
}

func TestAClusterThatDoesNotAnswerIsNamed(t *testing.T) {
	code, out, talk := clitest.Run(t, clitest.Kubeconfig(t, "http://127.0.0.1:1"), "version")
	if code != cli.ExitError || !strings.HasPrefix(out, "plugin    v0.1.0") {
		t.Errorf("exit code %d and output %q, want %d and the plugin's version", code, out, cli.ExitError)
	}
	if want := "; check --context and --kubeconfig\n"; !strings.HasSuffix(talk, want) || strings.Count(talk, "\n") != 1 {
		t.Errorf("talk %q, want one line ending in %q", talk, want)
	}
}
