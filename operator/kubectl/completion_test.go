package kubectl_test

import (
	"context"
	"net"
	"slices"
	"strings"
	"testing"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/stagger-dev/stagger/operator/kubectl/cli"
	"github.com/stagger-dev/stagger/operator/kubectl/clitest"
	"github.com/stagger-dev/stagger/pkg/apis/stagger/v1alpha1"
)

// offered is what the shell is offered behind the words, of which the last is begun only.
func offered(t *testing.T, config string, words ...string) []string {
	t.Helper()
	code, out, talk := clitest.Run(t, config, append([]string{"__complete"}, words...)...)
	lines := strings.Split(strings.TrimSpace(out), "\n")
	if last := lines[len(lines)-1]; code != cli.ExitOK || !strings.HasPrefix(last, ":") {
		t.Fatalf("%q: exit code %d, %q, %s", words, code, out, talk)
	}
	if !slices.Contains(words, "-f") && !strings.Contains(talk, "ShellCompDirectiveNoFileComp") {
		t.Errorf("%q: the shell may offer files: %s", words, talk)
	}
	return lines[:len(lines)-1]
}

func TestTheShellIsOfferedWhatTheClusterHas(t *testing.T) {
	s := clitest.NewServer(t, clitest.As(clitest.Shift("shop", "checkout"), func(x *v1alpha1.TrafficShift) {
		x.Status.History = []v1alpha1.PastRelease{{Number: 7, Outcome: v1alpha1.StatePromoted}, {Number: 6, Outcome: v1alpha1.StateAborted}}
	}), clitest.Shift("shop", "basket"), clitest.Shift("books", "orders"))
	made := map[string]map[string]string{"plain": nil, "checkout": {v1alpha1.PolicyAnnotation: "standard"}, "checkout-canary": {v1alpha1.ReleaseAnnotation: "shop/checkout 7"}}
	for name, annotations := range made {
		s.Services["shop/"+name] = &corev1.Service{ObjectMeta: metav1.ObjectMeta{Namespace: "shop", Name: name, Annotations: annotations}}
	}
	config := s.Kubeconfig()
	for typed, want := range map[string]string{
		"status ":                  "basket checkout",
		"abort -n books ":          "orders",
		"abort --namespace books ": "orders",
		"abort checkout ":          "",
		"adopt ":                   "plain",
		"report checkout ":         "7:Shifting 6:Aborted",
		"report checkout 7 ":       "",
		"adopt checkout --policy ": "cautious fast standard",
		"abort --all --policy ":    "cautious fast standard",
		"status -o ":               "json yaml wide name",
		"pause checkout --output ": "json yaml name",
		"status --context ":        "c",
		"pro":                      "promote:Leave the present weight for the next step, or hand over",
		"check ":                   "",
		"config s":                 "set:Make the next version of a ConfigMap or Secret, and release it step by step",
		"lint -f ":                 "",
	} {
		got := strings.ReplaceAll(strings.Join(offered(t, config, strings.Split(typed, " ")...), " "), "\t", ":")
		if got != want {
			t.Errorf("%q: offered %q, want %q", typed, got, want)
		}
	}
}

// A value of -o that is offered is one that the verb takes.
func TestEveryOutputThatIsOfferedIsTaken(t *testing.T) {
	config := clitest.NewServer(t).Kubeconfig()
	over, stop := context.WithCancel(t.Context())
	stop() // no verb comes further than to its flags
	refused := func(words []string, value string) bool {
		_, _, talk := clitest.RunIn(over, t, config, append(slices.Clone(words), "-o", value)...)
		return strings.Contains(talk, "is not known")
	}
	for _, line := range []string{
		"status checkout", "watch checkout", "why checkout", "history checkout", "report checkout", "pause checkout", "resume checkout", "promote checkout",
		"abort checkout", "undo checkout", "retry checkout", "replan checkout", "adopt checkout", "let-go checkout", "plan checkout", "simulate checkout",
		"lint -f completion_test.go", "config set checkout --from-literal=a=b", "check", "version",
	} {
		words := strings.Split(line, " ")
		if !refused(words, "no-such-output") {
			t.Errorf("%s takes any value of -o", line)
		}
		values := offered(t, config, append(slices.Clone(words), "-o", "")...)
		if len(values) == 0 {
			t.Errorf("%s: nothing is offered for -o", line)
		}
		for _, value := range values {
			if refused(words, value) {
				t.Errorf("%s refuses -o %s, which is offered", line, value)
			}
		}
	}
}

func TestAClusterThatDoesNotAnswerKeepsNobodyWaitingForCompletion(t *testing.T) {
	silent, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = silent.Close() }()
	if got := offered(t, clitest.Kubeconfig(t, "http://"+silent.Addr().String()), "status", ""); len(got) > 0 {
		t.Errorf("offered %q", got)
	}
}
