package steer_test

import (
	"context"
	"strings"
	"testing"
	"time"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/stagger-dev/stagger/operator/kubectl/cli"
	"github.com/stagger-dev/stagger/operator/kubectl/clitest"
	"github.com/stagger-dev/stagger/operator/kubectl/steer"
	"github.com/stagger-dev/stagger/pkg/apis/stagger/v1alpha1"
	"github.com/stagger-dev/stagger/pkg/view"
)

// commanded has a command that was written 12 s ago.
func commanded(command, by string) func(*v1alpha1.TrafficShift) {
	return func(s *v1alpha1.TrafficShift) {
		s.Annotations = map[string]string{v1alpha1.CommandAnnotation: command, v1alpha1.CommandedByAnnotation: by}
		s.ManagedFields = []metav1.ManagedFieldsEntry{{Manager: "kubectl-stagger", Time: clitest.Ago(12 * time.Second),
			FieldsV1: metav1.NewFieldsV1(`{"f:metadata":{"f:annotations":{"f:stagger.dev/command":{}}}}`)}}
	}
}

func TestACommandThatWaitsIsNotOverwritten(t *testing.T) {
	const looks = "; look with: kubectl stagger why checkout -n shop\n"
	cases := map[string]struct{ waits, then, want string }{
		"promote while an abort waits":   {"abort 7 t1 booked twice", "promote checkout --reason fine", "error: abort of release 7 (by ops@example.com 12s ago) is not answered yet, so nothing was commanded" + looks},
		"undo while an abort waits":      {"abort 7 t1", "undo checkout", "error: abort of release 7 (by ops@example.com 12s ago) is not answered yet, so nothing was commanded" + looks},
		"replan while a promotion waits": {"promote-full 7 t1 fine", "replan checkout", "error: promote-full of release 7 (by ops@example.com 12s ago) is not answered yet, so nothing was commanded" + looks},
		"abort while an abort waits":     {"abort 7 t1", "abort checkout", "checkout: abort of release 7 (by ops@example.com 12s ago) stands already, and is not carried out yet\n"},
		"abort while an undo waits":      {"undo 7 t1", "abort checkout", "checkout: undo of release 7 (by ops@example.com 12s ago) stands already, and is not carried out yet\n"},
		"retry while an abort waits":     {"abort 7 t1", "retry checkout", "error: abort of release 7 (by ops@example.com 12s ago) is not answered yet, so nothing was commanded" + looks},
		"undo while an undo waits":       {"undo 7 t1", "undo checkout", "checkout: undo of release 7 (by ops@example.com 12s ago) stands already, and is not carried out yet\n"},
	}
	for name, c := range cases {
		t.Run(name, func(t *testing.T) {
			s := clitest.NewServer(t, clitest.As(clitest.Shift("shop", "checkout"), commanded(c.waits, "t1 ops@example.com")))
			_, out, talk := clitest.Run(t, s.Kubeconfig(), strings.Fields(c.then)...)
			if out != "" || talk != c.want || len(s.Patches) > 0 {
				t.Errorf("output %q, talk %q, patches %q; want none, %q and none", out, talk, s.Patches, c.want)
			}
		})
	}
}

// Who is paused out of a promotion and resumes is told that the release does not go on.
func TestAPauseHidesNoAbortThatWaits(t *testing.T) {
	const waits = "abort of release 7 (by ops@example.com 12s ago)"
	s := clitest.NewServer(t, clitest.As(clitest.Shift("shop", "checkout"), commanded("abort 7 t1", "t1 ops@example.com"),
		func(s *v1alpha1.TrafficShift) { s.Spec.Control = v1alpha1.ControlPaused }))
	if _, _, talk := clitest.Run(t, s.Kubeconfig(), "promote", "checkout", "--reason", "fine"); !strings.Contains(talk, waits+" is not answered yet") {
		t.Errorf("promote says %q", talk)
	}
	if _, out, _ := clitest.Run(t, s.Kubeconfig(), "resume", "checkout"); !strings.Contains(out, "resumed; "+waits+" stands, and is carried out all the same") {
		t.Errorf("resume says %q", out)
	}
}

// A page offers no verb that the command in the way would have refused.
func TestAPageOffersNothingThatACommandIsInTheWayOf(t *testing.T) {
	const says = " of release 7 (by ops@example.com 12s ago) is not answered yet"
	cases := []struct {
		waits  string
		verb   view.Verb
		offers bool
	}{
		{"abort", view.VerbPromote, false}, {"abort", view.VerbUndo, false}, {"abort", view.VerbAbort, false},
		{"promote", view.VerbPromote, false}, {"promote", view.VerbUndo, true}, {"promote", view.VerbAbort, true},
	}
	for _, c := range cases {
		s := clitest.As(clitest.Shift("shop", "checkout"), commanded(c.waits+" 7 t1", "t1 ops@example.com"))
		want := map[bool]string{false: c.waits + says}[c.offers]
		if got := steer.Refused(cli.Cluster{}, c.verb, s, clitest.Now); got != want {
			t.Errorf("%s while %s waits is refused: %q, want %q", c.verb, c.waits, got, want)
		}
	}
}

// Somebody else's command comes between the read and the write.
func TestACommandThatComesInBetweenIsNotOverwritten(t *testing.T) {
	s := clitest.NewServer(t, clitest.As(clitest.Shift("shop", "checkout"), clitest.Annotated))
	s.BeforePatch = func() {
		s.BeforePatch = nil
		s.Change(clitest.Key, commanded("abort 7 t1 booked twice", "t1 ops@example.com"))
	}
	code, _, talk := clitest.Run(t, s.Kubeconfig(), "promote", "checkout", "--reason", "fine")
	if got := s.Shifts[clitest.Key].Annotations[v1alpha1.CommandAnnotation]; code != cli.ExitError || got != "abort 7 t1 booked twice" || !strings.Contains(talk, "ops@example.com 12s ago") {
		t.Errorf("exit code %d, command %q, talk %q", code, got, talk)
	}
}

func TestAWaiterIsToldThatItsCommandWasReplaced(t *testing.T) {
	cases := map[string]struct {
		words []string
		then  func(*v1alpha1.TrafficShift)
		want  string
	}{
		"by an abort": {[]string{"replan", "checkout", "--wait"}, commanded("abort 7 t1 booked twice", "t1 ops@example.com"),
			"error: the abort of ops@example.com (booked twice) has taken the place of this command; look with: kubectl stagger why checkout -n shop\n"},
		"by nothing": {[]string{"abort", "checkout", "--wait"}, func(s *v1alpha1.TrafficShift) { s.Annotations = nil },
			"release 7 is Shifting\nerror: somebody took the command away before it was carried out; look with: kubectl stagger why checkout -n shop\n"},
	}
	for name, c := range cases {
		t.Run(name, func(t *testing.T) {
			s := clitest.NewServer(t, clitest.As(clitest.Shift("shop", "checkout"), clitest.Annotated))
			s.AfterPatch = func() { s.Change(clitest.Key, c.then) }
			code, _, talk := clitest.Run(t, s.Kubeconfig(), c.words...)
			if code != cli.ExitError || talk != c.want {
				t.Errorf("exit code %d, talk %q, want %q", code, talk, c.want)
			}
		})
	}
}

func TestAnInterruptedWaitSaysThatTheCommandStands(t *testing.T) {
	cases := map[string]string{"abort checkout": "the command", "undo checkout": "the command", "promote checkout --reason fine": "the command",
		"promote checkout --full --reason fine": "the command", "replan checkout": "the command", "pause checkout": "what was written",
		"pause checkout --reason sale": "what was written"}
	for words, what := range cases {
		t.Run(words, func(t *testing.T) {
			s := clitest.NewServer(t, clitest.As(clitest.Shift("shop", "checkout"), clitest.Annotated, func(s *v1alpha1.TrafficShift) { s.Generation, s.Status.ObservedGeneration = 3, 1 }))
			ctx, interrupt := context.WithCancel(t.Context())
			s.OnWatch = interrupt
			code, _, talk := clitest.RunIn(ctx, t, s.Kubeconfig(), append(strings.Fields(words), "--wait")...)
			want := "error: interrupted; " + what + " stands, look with: kubectl stagger status checkout -n shop\n"
			if code != cli.ExitError || !strings.HasSuffix(talk, want) {
				t.Errorf("exit code %d, talk %q, want %q", code, talk, want)
			}
		})
	}
}

func TestAnInterruptedWaitForAllSaysThatTheCommandsStand(t *testing.T) {
	s := clitest.NewServer(t, clitest.Shift("shop", "basket"), clitest.Shift("shop", "checkout"))
	ctx, interrupt := context.WithCancel(t.Context())
	s.OnWatch = interrupt
	code, _, talk := clitest.RunIn(ctx, t, s.Kubeconfig(), "abort", "--all", "--wait")
	const want = "error: 2 of 2 releases were not taken back: interrupted; the command stands, look with: kubectl stagger status basket -n shop; " +
		"interrupted; the command stands, look with: kubectl stagger status checkout -n shop\n"
	if code != cli.ExitError || talk != want {
		t.Errorf("exit code %d, talk %q, want %q", code, talk, want)
	}
}

// A command that was answered before who gave it could look is not said to be replaced by the one after it.
func TestAnAnswerIsFoundInTheRecord(t *testing.T) {
	s := clitest.NewServer(t, clitest.As(clitest.Shift("shop", "checkout"), clitest.Annotated))
	s.AfterPatch = func() {
		s.Change(clitest.Key, func(s *v1alpha1.TrafficShift) {
			commanded("abort 7 t1", "t1 ops@example.com")(s)
			s.Status.Release.Commands = []v1alpha1.RecordedCommand{{Verb: "replan", Token: "t0ken", Result: v1alpha1.CommandAccepted, Message: "the release goes on"}}
		})
	}
	code, _, talk := clitest.Run(t, s.Kubeconfig(), "replan", "checkout", "--wait")
	if code != cli.ExitOK || talk != "checkout: the release goes on\n" {
		t.Errorf("exit code %d, talk %q", code, talk)
	}
}

// Nobody's pause is put in the place of another's.
func TestAPauseOfAnotherKeepsItsReason(t *testing.T) {
	s := clitest.NewServer(t, clitest.As(clitest.Shift("shop", "checkout"), clitest.Controlled(v1alpha1.ControlPaused), func(s *v1alpha1.TrafficShift) {
		s.Annotations = map[string]string{v1alpha1.PausedAnnotation: "sale until midnight", v1alpha1.ControlledByAnnotation: "ops@example.com"}
	}))
	code, out, talk := clitest.Run(t, s.Kubeconfig(), "pause", "checkout", "--reason", "I am testing")
	const want = "checkout is paused already (by ops@example.com, because: sale until midnight); nothing was changed\n"
	if code != cli.ExitOK || out != "" || talk != want || len(s.Patches) > 0 {
		t.Errorf("exit code %d, output %q, talk %q, patches %q", code, out, talk, s.Patches)
	}
}

func TestUnpauseMeansResume(t *testing.T) {
	s := clitest.NewServer(t, clitest.As(clitest.Shift("shop", "checkout"), clitest.Controlled(v1alpha1.ControlPaused)))
	code, out, talk := clitest.Run(t, s.Kubeconfig(), "unpause", "checkout")
	if code != cli.ExitOK || s.Shifts[clitest.Key].Spec.Control != v1alpha1.ControlAuto {
		t.Errorf("exit code %d, output %q, talk %q", code, out, talk)
	}
}
