package release

import (
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/stagger-dev/stagger/pkg/apis/stagger/v1alpha1"
	"github.com/stagger-dev/stagger/pkg/evidence"
)

func TestACommandIsReadFromItsAnnotation(t *testing.T) {
	t.Parallel()
	long := strings.Repeat("x", 1<<20)
	cases := map[string]struct {
		text, by string
		want     Command
	}{
		"with a reason":           {"promote 7 t1 known to be good", "", Command{verb: promote, Number: 7, Token: "t1", Why: "known to be good"}},
		"of a user":               {"abort 7 t1", "t1 ops@example.com\n", Command{verb: abortNow, Number: 7, Token: "t1", By: "ops@example.com"}},
		"of another user's token": {"abort 7 t1", "t0 ops@example.com", Command{verb: abortNow, Number: 7, Token: "t1"}},
		"without one":             {"abort 7 t1", "", Command{verb: abortNow, Number: 7, Token: "t1"}},
		"with spaces around":      {"  retry   7\tt1\n", "", Command{verb: retry, Number: 7, Token: "t1"}},
		"for one weight":          {"promote 7/3 t1", "", Command{verb: promote, Number: 7, guarded: true, moves: 3, Token: "t1"}},
		"for no weight":           {"promote 7/ t1", "", Command{verb: promote, Number: 7, guarded: true, Token: "t1", bad: `count of moves "" is not a number from 0`}},
		"for a negative weight":   {"promote 7/-3 t1", "", Command{verb: promote, Number: 7, guarded: true, Token: "t1", bad: `count of moves "-3" is not a number from 0`}},
		"too short":               {"abort 7", "", Command{Token: "abort 7", bad: `a command is "<verb> <release number> <token> [reason]"`}},
		"of an unknown verb":      {"explode 7 t1", "", Command{verb: "explode", Number: 7, Token: "t1", bad: `verb "explode" is not known; known are abort, retry, undo, replan, promote, promote-full and approve`}},
		"of no release":           {"abort seven t1", "", Command{verb: abortNow, Token: "t1", bad: `release number "seven" is not a number`}},
		"of a release too far":    {"abort 99999999999999999999 t1", "", Command{verb: abortNow, Token: "t1", bad: `release number "99999999999999999999" is not a number`}},
		"of a gate":               {"approve 7 t1 load-test it held", "t1 ci", Command{verb: approve, Number: 7, Token: "t1", Gate: "load-test", Why: "it held", By: "ci"}},
		"of no gate":              {"approve 7 t1", "t1 ci", Command{verb: approve, Number: 7, Token: "t1", By: "ci", bad: `an approve names its gate: "approve <release number> <token> <gate> [reason]"`}},
		"of one who may not":      {"approve 7 t1 load-test", "t1", Command{verb: approve, Number: 7, Token: "t1", Gate: "load-test"}},
		"of a megabyte":           {long, "", Command{Token: long[:64], bad: `a command is "<verb> <release number> <token> [reason]"`}},
		"with a token too long":   {"abort 7 " + long, "", Command{verb: abortNow, Number: 7, Token: long[:64]}},
		"with a reason too long":  {"abort 7 t1 " + long, "", Command{verb: abortNow, Number: 7, Token: "t1", Why: long[:2000]}},
		"of letters of two bytes": {"abort 7 " + strings.Repeat("é", 65) + " " + strings.Repeat("é", 2001), "",
			Command{verb: abortNow, Number: 7, Token: strings.Repeat("é", 64), Why: strings.Repeat("é", 2000)}},
		"too short, of a user": {"abort 7", "- ops@example.com", Command{Token: "abort 7", By: "ops@example.com", bad: `a command is "<verb> <release number> <token> [reason]"`}},
	}
	for name, c := range cases {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			if diff := cmp.Diff(c.want, *ParseCommand(c.text, c.by), cmp.AllowUnexported(Command{})); diff != "" {
				t.Errorf("ParseCommand (-want +got):\n%s", diff)
			}
		})
	}
}

func TestTheQuestionForTheEvidence(t *testing.T) {
	t.Parallel()
	paced := func(weight float64) *evidence.Pace { return &evidence.Pace{Weight: weight, Failures: 10} }
	cases := map[string]struct {
		pace   v1alpha1.PaceType
		step   int32
		weight v1alpha1.Percentage
		want   evidence.Question
	}{
		"before the first step it is the first weight": {v1alpha1.PaceFixed, 0, "0%", evidence.Question{NextWeight: 0.01}},
		"in between it is the next weight":             {v1alpha1.PaceFixed, 1, "1%", evidence.Question{NextWeight: 0.25}},
		"before full traffic it is full traffic":       {v1alpha1.PaceFixed, 2, "25%", evidence.Question{NextWeight: 1}},
		"at the last step it is promotion":             {v1alpha1.PaceFixed, 3, "100%", evidence.Question{NextWeight: 1, Promote: true}},
		"by proof: nothing is asked before traffic":    {v1alpha1.PaceProof, 0, "0%", evidence.Question{NextWeight: 0.01}},
		"by proof: on the way it is the same step":     {v1alpha1.PaceProof, 1, "0.1%", evidence.Question{NextWeight: 0.01, Pace: paced(0.001)}},
		"by proof: at a step it is the next":           {v1alpha1.PaceProof, 1, "1%", evidence.Question{NextWeight: 0.25, Pace: paced(0.01)}},
		"by proof: on the way to full traffic":         {v1alpha1.PaceProof, 3, "60%", evidence.Question{NextWeight: 1, Pace: paced(0.6)}},
		"by proof: at full traffic it is promotion":    {v1alpha1.PaceProof, 3, "100%", evidence.Question{NextWeight: 1, Promote: true}},
	}
	for name, c := range cases {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			p := PlanOf("1%/1m", "25%/1m", "100%/1m")
			p.Pace.Type = c.pace
			if diff := cmp.Diff(c.want, Ask(&v1alpha1.Release{Plan: *p, Step: c.step, Weight: c.weight})); diff != "" {
				t.Errorf("Ask (-want +got):\n%s", diff)
			}
		})
	}
}
