package evidence

import (
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/stagger-dev/stagger/pkg/apis/stagger/v1alpha1"
	"github.com/stagger-dev/stagger/pkg/counting"
	pkgevidence "github.com/stagger-dev/stagger/pkg/evidence"
)

// compared is a target whose client errors are compared.
func compared() Target {
	t := target()
	t.ClientErrors = pkgevidence.ClientErrors(v1alpha1.ShiftPolicySpec{Tolerance: "1.2"})
	t.ClientErrors.Fast, t.ClientErrors.Slow, t.ClientErrors.Warmup = 15*time.Second, 15*time.Second, 0
	return t
}

// answers are counted every five seconds: of a hundred requests some are answered with a code by the stable, and of five all but good by the
// canary.
func (b *bench) answers(code string, ofStable, ofCanary float64, until time.Time) {
	for at := noon.Add(2 * time.Second); at.Before(until); at = at.Add(slice) {
		b.store.observe(stable, at, "200", 95-ofStable)
		b.store.observe(stable, at, code, ofStable)
		b.store.observe(canary, at, "200", 5-ofCanary)
		b.store.observe(canary, at, code, ofCanary)
	}
}

func TestClientErrorsOfTheCanaryAloneDiffer(t *testing.T) {
	cases := map[string]struct {
		stable, canary float64
		differ         bool
	}{
		"only the canary gives them": {0, 5, true},
		"most of the canary's":       {1, 4, true},
		"both give as many":          {38, 2, false},
		"both give nothing else":     {95, 5, false},
		"only the stable gives them": {95, 0, false},
		"none gives any":             {0, 0, false},
	}
	for name, c := range cases {
		t.Run(name, func(t *testing.T) {
			b := newBench(t)
			end := noon.Add(3 * time.Minute)
			b.answers("404", c.stable, c.canary, end)
			b.follow(compared(), step(1, 0.05, noon))
			b.until(end)
			r := b.reading()
			if got := r.ClientErrors; got.Differ != c.differ || got.Canary.Requests == 0 || got.Canary.Bad*5 != got.Canary.Requests*c.canary {
				t.Errorf("%+v, want differ %t", got, c.differ)
			}
			if r.Verdict.State == pkgevidence.Breach {
				t.Errorf("%s: client errors are no reason to abort", r.Verdict)
			}
		})
	}
}

func TestClientErrorsAreFoundBeforeAMinuteIsOver(t *testing.T) {
	b := newBench(t)
	b.answers("404", 0, 5, noon.Add(time.Minute))
	b.follow(compared(), step(1, 0.05, noon))
	b.until(noon.Add(50 * time.Second))
	if got := b.reading().ClientErrors; !got.Differ {
		t.Errorf("%+v", got)
	}
}

func TestClientErrorsOutliveARestart(t *testing.T) {
	b := newBench(t)
	end := noon.Add(3 * time.Minute)
	b.answers("404", 0, 5, end)
	b.follow(compared(), step(1, 0.05, noon))
	b.until(end)
	before := b.reading()
	b.restart()
	restored := compared()
	restored.Checkpoint = before.Checkpoint
	b.follow(restored, step(1, 0.05, noon))
	if diff := cmp.Diff(before.ClientErrors, b.reading().ClientErrors); diff != "" || before.Checkpoint != b.reading().Checkpoint {
		t.Errorf("(-before +after the restart):\n%s", diff)
	}
	b.restart()
	restored = target() // nobody compares them any more
	restored.Checkpoint = before.Checkpoint
	b.follow(restored, step(1, 0.05, noon))
	if got := b.reading().Verdict; cmp.Diff(before.Verdict, got) != "" {
		t.Errorf("the objectives begin anew: %s", got)
	}
}

func TestClientErrorsAreComparedWhateverTheObjectivesCount(t *testing.T) {
	b := newBench(t)
	end := noon.Add(3 * time.Minute)
	b.answers("404", 0, 5, end)
	of := compared()
	of.Indicators = []counting.Indicator{{Kind: counting.Duration, Threshold: time.Second}}
	b.follow(of, step(1, 0.05, noon))
	b.until(end)
	if r := b.reading(); !r.ClientErrors.Differ || len(r.Verdict.Objectives) != 1 {
		t.Errorf("%+v, %s", r.ClientErrors, r.Verdict)
	}
}

func TestAloneNothingIsCompared(t *testing.T) {
	b := newBench(t)
	end := noon.Add(3 * time.Minute)
	for at := noon.Add(2 * time.Second); at.Before(end); at = at.Add(slice) {
		b.store.observe(canary, at, "404", 100)
	}
	b.follow(compared(), step(1, 1, noon))
	b.until(end)
	if got := b.reading().ClientErrors; got.Differ || got.Canary.Requests > 0 {
		t.Errorf("%+v", got)
	}
}

func TestWhatCountsDoNotShowIsSaid(t *testing.T) {
	end := noon.Add(time.Minute)
	cases := map[string]struct {
		code string
		n    float64
		past bool
		want string
	}{
		"connections that were upgraded": {"101", 5, false, "requests were connections that were upgraded, such as WebSockets: requests are counted when they end, so that a hold " +
			"shorter than they last proves nothing about them"},
		"a status that never varies": {"200", 2000, false, "requests was answered with HTTP 200 and no status of gRPC: where failures are told in the body"},
		"one that varies":            {"201", 2000, false, ""},
		"a few requests":             {"200", 5, false, ""},
		"long requests":              {"late", 5, true, "of the stable lasted longer than 1m0s before the release: requests are counted when they end"},
	}
	for name, c := range cases {
		t.Run(name, func(t *testing.T) {
			b := newBench(t)
			clear(b.store.requests)
			b.store.observe(stable, noon.Add(-30*time.Minute), c.code, c.n)
			for at := noon.Add(2 * time.Second); at.Before(end); at = at.Add(slice) {
				b.store.observe(stable, at, c.code, c.n)
				b.store.observe(canary, at, c.code, c.n)
			}
			b.follow(target(), step(1, 0.05, noon))
			if c.past {
				of := target()
				of.From = time.Time{}
				b.restart()
				b.follow(of, Weight{})
				b.tick()
				b.follow(of, step(1, 0.05, noon))
			}
			b.until(end)
			r := b.reading()
			if got := strings.Join(r.Remarks, "; ") + r.OneStatus; !strings.Contains(got, c.want) || c.want == "" && got != "" {
				t.Errorf("it says %q", got)
			}
			if !r.Fresh || r.Reason != v1alpha1.ReasonCurrent {
				t.Errorf("%s: %s", r.Reason, r.Message)
			}
		})
	}
}

func TestADoubtKeepsFromRaisingAndNotFromCounting(t *testing.T) {
	b := newBench(t)
	b.traffic(noon, noon.Add(time.Minute))
	b.store.doubt = &counting.Trouble{Reason: v1alpha1.ReasonNoData, Message: "some come twice"}
	b.store.remarks = []string{"a is left out"}
	b.follow(target(), step(1, 0.05, noon))
	b.until(noon.Add(time.Minute))
	r := b.reading()
	b.counted(r)
	if r.Fresh || r.Message != "some come twice" || len(r.Remarks) != 1 {
		t.Errorf("fresh %t: %s; %v", r.Fresh, r.Message, r.Remarks)
	}
}
