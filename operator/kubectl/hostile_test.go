package kubectl_test

import (
	"encoding/json"
	"net/http"
	"regexp"
	"strings"
	"testing"
	"unicode"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/stagger-dev/stagger/operator/kubectl/clitest"
	"github.com/stagger-dev/stagger/pkg/apis/stagger/v1alpha1"
)

// hostile is what somebody puts into an object to have it do something to the terminal of whoever looks: a title, a cleared screen, colours by
// either form of the escape, a line that is overwritten, and writing from right to left. Markup is for those who read a report.
const hostile = "\x1b]0;owned\x07\x1b[2J\x1b[31m\u009b32m\rHOSTILE\u202e\u200f\b <b>|**b**"

// verbatim are fields in which a text of another kind means something else.
var verbatim = regexp.MustCompile(`^(apiVersion|kind|name|namespace|state|result|outcome|type|status|verdict|control|weight|liveWeight|peakWeight|refuse|target|hold|service|.*[aA]t|.*Since|.*Time(stamp)?|hash|token|lastHandledCommand|against|for|phi|requestsPerSecond|history|from|to|until|duration|tick|number|indicator|action|after|drain|readyWithin|resourceVersion)$`)

// corrupted has something hostile behind each text, wherever it is.
func corrupted(t *testing.T, s *v1alpha1.TrafficShift) *v1alpha1.TrafficShift {
	t.Helper()
	data, err := json.Marshal(s)
	if err != nil {
		t.Fatal(err)
	}
	var object map[string]any
	if err := json.Unmarshal(data, &object); err != nil {
		t.Fatal(err)
	}
	var walk func(name string, x any) any
	walk = func(name string, x any) any {
		switch x := x.(type) {
		case map[string]any:
			for k, v := range x {
				x[k] = walk(k, v)
			}
		case []any:
			for i, v := range x {
				x[i] = walk(name, v)
			}
		case string:
			if !verbatim.MatchString(name) {
				return x + hostile
			}
		}
		return x
	}
	out := &v1alpha1.TrafficShift{}
	if data, err = json.Marshal(walk("", object)); err == nil {
		err = json.Unmarshal(data, out)
	}
	if err != nil {
		t.Fatal(err)
	}
	return out
}

// obeyed is what of a text a terminal would do more with than show it.
func obeyed(s string) string {
	return strings.Map(func(r rune) rune {
		if r == '\n' || unicode.IsPrint(r) && r != unicode.ReplacementChar {
			return -1
		}
		return r
	}, s)
}

// No text of an object does anything to a terminal, by any verb in any form.
func TestHostileTextsAreShownAndObeyedByNone(t *testing.T) {
	told := func(s *v1alpha1.TrafficShift) {
		s.Annotations = map[string]string{v1alpha1.CommandedByAnnotation: "c0mmand mallory", v1alpha1.PausedAnnotation: "because"}
		s.Spec.Control = v1alpha1.ControlPaused
		for i := range s.Status.Conditions {
			s.Status.Conditions[i].Message = "it waits"
		}
		s.Status.Release.Changes, s.Status.Release.Routes, s.Status.Release.Next = []string{"env"}, []string{"shop/checkout"}, "25% in a minute"
		s.Status.Release.Workload = v1alpha1.ReleaseWorkload{Deployment: "checkout", ShippedBy: "helm", ChangeCause: "a bug"}
		s.Status.Release.Contested = v1alpha1.Contested{Routes: 1, RoutesBy: "argocd"}
		s.Status.Deployment.Name, s.Status.Deployment.Images = "checkout", []string{"checkout:1.5.0"}
	}
	shown := 0
	for _, words := range []string{
		"status", "status -A", "status -A -o wide", "status -o json", "status -o yaml", "status -o name", "status checkout", "status checkout -o wide",
		"status checkout -o json", "status checkout -o yaml", "status checkout -o name", "status over", "why checkout", "why over", "why checkout -o json",
		"why checkout -o yaml", "history over", "history over -o json", "history over -o yaml", "report over", "report over 5", "report over -o json",
		"report checkout", "report checkout -o yaml", "watch over", "watch over -o wide", "pause checkout --reason x", "resume checkout", "promote checkout", "promote checkout --full --reason x", "abort checkout --yes", "abort checkout",
		"abort over", "undo over", "retry over", "replan checkout", "abort --all", "abort checkout --dry-run -o json", "pause checkout --reason x --dry-run -o yaml",
		"plan checkout", "plan checkout -o json", "simulate checkout --runs 1", "lint", "adopt checkout", "adopt plain", "let-go checkout", "config set checkout", "check", "version", "__complete report over ", "__complete status ",
	} {
		s := clitest.NewServer(t, corrupted(t, clitest.As(clitest.Shift("shop", "checkout"), told)),
			corrupted(t, clitest.As(clitest.Shift("shop", "over"), told, clitest.Aborted, clitest.Remembered)))
		code, out, talk := clitest.Run(t, s.Kubeconfig(), strings.Split(words, " ")...)
		if strings.HasPrefix(words, "__complete") {
			out = strings.ReplaceAll(out, "\t", "") // is between what is offered and what it is
		}
		if did := obeyed(out + talk); did != "" {
			t.Errorf("%s (exit code %d) makes the terminal do %q", words, code, did)
		}
		if strings.Contains(out+talk, "HOSTILE") {
			shown++
		}
	}
	if shown < 20 {
		t.Errorf("only %d answers hold a text that was made hostile", shown)
	}
}

// What an API server answers, or somebody who speaks through it such as a webhook, does nothing to a terminal either.
func TestHostileErrorsAreShownAndObeyedByNone(t *testing.T) {
	for _, words := range []string{
		"status", "status checkout", "why checkout", "history checkout", "report checkout", "watch checkout", "watch", "pause checkout --reason x", "resume checkout", "promote checkout",
		"abort checkout --yes", "undo checkout", "retry checkout", "replan checkout", "abort --all", "plan checkout", "simulate checkout --runs 1", "lint -f ../../manifests/samples", "adopt checkout", "let-go checkout", "config set checkout", "check", "version",
		"__complete report checkout ",
	} {
		for _, reason := range []metav1.StatusReason{metav1.StatusReasonForbidden, metav1.StatusReasonInternalError, metav1.StatusReasonInvalid} {
			s := clitest.NewServer(t, clitest.Shift("shop", "checkout"))
			failure := clitest.Failure(http.StatusInternalServerError, reason, `admission webhook "x" denied the request: `+hostile)
			if s.Deny = failure; reason == metav1.StatusReasonInvalid {
				failure.Code, s.Deny, s.DenyPatch = http.StatusUnprocessableEntity, nil, failure
				if words == "watch" || words == "watch checkout" {
					continue // there is nothing that would end it
				}
			}
			code, out, talk := clitest.Run(t, s.Kubeconfig(), strings.Split(words, " ")...)
			if strings.HasPrefix(words, "__complete") {
				out = strings.ReplaceAll(out, "\t", "")
			}
			if did := obeyed(out + talk); did != "" {
				t.Errorf("%s (exit code %d) makes the terminal do %q", words, code, did)
			}
		}
	}
}

// A report is a page: what others wrote is text on it.
func TestAReportShowsMarkupAsText(t *testing.T) {
	s := clitest.NewServer(t, corrupted(t, clitest.As(clitest.Shift("shop", "over"), clitest.Aborted, clitest.Remembered)))
	_, out, talk := clitest.Run(t, s.Kubeconfig(), "report", "over")
	if talk != "" || !strings.Contains(out, `HOSTILE \<b>\|\*\*b\*\*`) {
		t.Fatalf("%s%s", talk, out)
	}
	escaped := strings.NewReplacer(`\|`, "", `\<`, "")
	for _, line := range strings.Split(out, "\n") {
		if text := escaped.Replace(line); strings.Contains(text, "<b>") || strings.Contains(text, "**b**") {
			t.Errorf("markup of others: %s", line)
		}
	}
}
