package steer_test

import (
	"strings"
	"testing"

	"github.com/stagger-dev/stagger/operator/kubectl/clitest"
)

func TestWhatIsShown(t *testing.T) {
	clitest.Shown(t, map[string]clitest.ShownCase{
		"help of promote": {Words: []string{"promote", "--help"}},
		"help of pause":   {Words: []string{"pause", "--help"}},
		"help of abort":   {Words: []string{"abort", "--help"}},
	})
}

func TestErrorsAreOneSentenceWithTheNextStep(t *testing.T) {
	clitest.Errors(t, map[string]clitest.ErrorCase{
		"abort of nothing":      {Words: []string{"abort"}, Want: "abort needs the name of one Service: kubectl stagger abort checkout"},
		"an endless reason":     {Words: []string{"abort", "checkout", "--reason", strings.Repeat("ä", 513)}, Want: "--reason has 513 characters; say it in at most 512"},
		"no time to wait":       {Words: []string{"abort", "checkout", "--wait", "--timeout", "0s"}, Want: "--timeout must be above 0, not 0s"},
		"an abort with a slip":  {Words: []string{"abort", "chekout"}, Want: "no Service named chekout is managed in namespace shop; did you mean checkout?"},
		"abort of one not seen": {Words: []string{"abort", "young"}, Want: "Service young is annotated with policy fast, but Stagger has not looked at it yet; check that the operator runs: kubectl get pods -A -l app.kubernetes.io/name=stagger"},
	})
}
