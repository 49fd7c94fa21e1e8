package e2e

import (
	"fmt"
	"os"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/stagger-dev/stagger/e2e/bed"
	"github.com/stagger-dev/stagger/pkg/apis/stagger/v1alpha1"
)

// rising are policies with the objective of a Service that fails one request in a hundred, which go by the clock up to the weights of the story.
func rising(steps string) string {
	return `{pace: {type: Fixed}, workload: {readyWithin: 60s, drain: 5s}, steps: [` + steps + `, {weight: "100%", hold: 1m}],
  objectives: [{name: availability, indicator: Requests, target: "99%"}]}`
}

// harm is what clients saw of a version that fails: how many of its requests failed, and how long after the first of these it had no more than a
// weight, and none at all; to the second.
type harm struct {
	failed            int
	lowered, takenOff time.Duration
}

func (h harm) String() string {
	return fmt.Sprintf("%d failed, lowered after %s, gone after %s", h.failed, h.lowered, h.takenOff)
}

// hurts is the harm of the version with a tag in the loads' own record, given how many of its requests a second are few. A second in which it had
// few, or none, ends what it had.
func (s *story) hurts(tag string, few int) harm {
	s.t.Helper()
	var h harm
	var first, many, last int64
	for _, second := range s.seconds(s.began) {
		c := second.ByVersion[tag]
		if h.failed += c.Failed; c.Failed == 0 {
			continue
		}
		if first == 0 {
			first, many = second.T, second.T
		}
		if last = second.T; c.OK+c.Failed > few {
			many = second.T
		}
	}
	h.lowered, h.takenOff = time.Duration(many-first+1)*time.Second, time.Duration(last-first+1)*time.Second
	return h
}

// breaks has all pods of the release's canary fail a part of their requests from now on.
func (s *story) breaks(x *v1alpha1.TrafficShift, rate string) {
	s.t.Helper()
	kubectl(s.t, append(append([]string{"-n", s.ns, "annotate", "--overwrite"}, s.canaryPods(x)...), "localmesh.stagger.dev/error-rate="+rate)...)
}

// failsAt tells of a version that fails a part of its requests as soon as it has a weight, and is taken back.
func failsAt(t *testing.T, steps, weight, rate string, perSecond int, settings ...string) harm {
	s := tell(t).judgedBy(rising(steps))
	s.rate("gateway", s.ns+".example.com", perSecond)
	s.manage(settings...)
	s.push("1.1.0")
	if steps == half {
		s.live("5%")
		s.people(true, "", "promote", "checkout", "--reason", "what fails here fails at more")
	}
	x := s.live(weight)
	s.breaks(x, rate)
	x = s.ended(1, v1alpha1.StateAborted)
	h := s.hurts("1.1.0", perSecond/10)
	t.Logf("%d requests/s, %s fail at %s: %s; %d brakes; %s", perSecond, rate, weight, h, x.Status.Release.Brakes, x.Status.Release.Outcome.Message)
	s.silence()
	s.op.stop()
	return h
}

const (
	fifth = `{weight: "5%", hold: 10m}`
	half  = `{weight: "5%", hold: 10m}, {weight: "50%", hold: 10m}` // where it is promoted to half by command
)

// A version that fails everything at half of the traffic is braked within seconds and gone soon after it, by what its proxies say.
func TestADeadVersionAtHalfOfTheTrafficIsGoneWithinSeconds(t *testing.T) {
	t.Parallel()
	if h := failsAt(t, half, "50%", "1", perSecond); h.failed == 0 || h.failed > 3*perSecond {
		t.Errorf("%s; want at most %d", h, 3*perSecond)
	}
}

// Prometheus answers nothing, and the proxies show that the version fails: it is taken back all the same.
func TestADeadVersionIsTakenBackWhilePrometheusIsBlind(t *testing.T) {
	t.Parallel()
	s := tell(t).judgedBy(rising(fifth))
	s.rate("gateway", s.ns+".example.com", perSecond)
	s.manage(s.faultyPrometheus())
	s.push("1.1.0")
	x := s.live("5%")
	s.spoil("--delay=1h")
	s.blind("does not answer")
	s.breaks(x, "1")
	s.ended(1, v1alpha1.StateAborted)
	s.spoil("--clear")
	n, by := s.lost()
	t.Logf("%d requests failed: %v", n, by)
}

// timesEach is how often a scenario of seconds is told at each setting.
const timesEach = 5

// TestSoakSeconds are the scenarios by which tools are compared: 4 pods, requests by the gateway, and what clients saw.
func TestSoakSeconds(t *testing.T) {
	if !*soak {
		t.Skip("it takes an hour: -soak tells it")
	}
	for _, c := range []struct {
		name, steps, weight, rate string
		perSecond, failed         int
		within                    time.Duration // of the first failure until it has next to nothing, in the middle
		gone                      bool          // within until it has nothing
	}{
		{"all fail at 5 %, 50 a second", fifth, "5%", "1", 50, 35, 13 * time.Second, true},
		{"all fail on reaching 50 %, 50 a second", half, "50%", "1", 50, 100, 3 * time.Second, false},
		{"all fail on reaching 50 %, 500 a second", half, "50%", "1", 500, 500, 3 * time.Second, false},
		{"30 % fail on reaching 50 %, 50 a second", half, "50%", "0.3", 50, 120, time.Minute, false},
	} {
		t.Run(c.name, func(t *testing.T) {
			var failed []int
			var took []time.Duration
			for range timesEach {
				h := failsAt(t, c.steps, c.weight, c.rate, c.perSecond, soaking()...)
				failed = append(failed, h.failed)
				if took = append(took, h.lowered); c.gone {
					took[len(took)-1] = h.takenOff
				}
			}
			slices.Sort(failed)
			slices.Sort(took)
			t.Logf("failed %v, after %v", failed, took)
			if n, d := failed[timesEach/2], took[timesEach/2]; n == 0 || n > c.failed || d > c.within {
				t.Errorf("%d failed and it took %s, in the middle; want at most %d and %s", n, d, c.failed, c.within)
			}
		})
	}
	t.Run("all fail at a weight that the budget chooses", func(t *testing.T) {
		var failed []int
		for range timesEach {
			failed = append(failed, broken(t, 50, soaking()...))
		}
		slices.Sort(failed)
		if t.Logf("failed %v", failed); failed[timesEach/2] > 12 {
			t.Errorf("%d failed in the middle; want at most 12", failed[timesEach/2])
		}
	})
}

// troubles are what a healthy release has to bear: each is done at half of the traffic, where the canary has four pods.
var troubles = map[string]func(s *story, x *v1alpha1.TrafficShift){
	"one of four pods restarts":   func(s *story, x *v1alpha1.TrafficShift) { s.deletes(x, "--grace-period=0", "--force") },
	"one of four pods is evicted": func(s *story, x *v1alpha1.TrafficShift) { s.deletes(x) },
	"one of four pods is dead for 10 s": func(s *story, x *v1alpha1.TrafficShift) {
		s.failsFor(10*time.Second, s.canaryPods(x)[:1])
	},
	"all pods are dead for 3 s": func(s *story, x *v1alpha1.TrafficShift) {
		s.failsFor(3*time.Second, strings.Fields(kubectl(s.t, "-n", s.ns, "get", "pods", "-l", "app=checkout", "-o", "name")))
	},
}

// injects gives each pod a proxy of its own, by which it can be told from the others.
func (s *story) injects() {
	s.t.Helper()
	kubectl(s.t, "-n", s.ns, "patch", "deployment", "checkout", "--type=merge", "-p", `{"spec": {"template": {"metadata": {"labels": {"sidecar.istio.io/inject": "true"}}}}}`)
	kubectl(s.t, "-n", s.ns, "rollout", "status", "deployment/checkout", "--timeout=2m")
}

// deletes has a pod of the canary deleted.
func (s *story) deletes(x *v1alpha1.TrafficShift, args ...string) {
	s.t.Helper()
	kubectl(s.t, append([]string{"-n", s.ns, "delete", "--wait=false", s.canaryPods(x)[0]}, args...)...)
}

// failsFor has pods fail everything for a time, which the client's own seconds measure.
func (s *story) failsFor(d time.Duration, pods []string) {
	s.t.Helper()
	kubectl(s.t, append(append([]string{"-n", s.ns, "annotate", "--overwrite"}, pods...), "localmesh.stagger.dev/error-rate=1")...)
	over := time.Now().Add(d)
	waitWithin(s.t, d+time.Minute, "they have failed for long enough", func() (bool, string) { return time.Now().After(over), "" })
	kubectl(s.t, append(append([]string{"-n", s.ns, "annotate", "--overwrite"}, pods...), "localmesh.stagger.dev/error-rate=0")...)
}

// TestSoakHealthyVersionsBearTrouble tells that nobody is aborted for what is no fault of the version.
func TestSoakHealthyVersionsBearTrouble(t *testing.T) {
	if !*soak {
		t.Skip("it takes an hour: -soak tells it")
	}
	const each = 20
	for name, trouble := range troubles {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s := tell(t).judgedBy(rising(half))
			s.injects()
			s.scale(8)
			s.serve(8)
			s.rate("gateway", s.ns+".example.com", 50)
			s.manage(soaking()...)
			for i := range each {
				number := int64(i + 1)
				s.push(fmt.Sprintf("1.1.%d", number))
				at := func(weight v1alpha1.Percentage) *v1alpha1.TrafficShift {
					return s.until(fmt.Sprintf("release %d has %s of the traffic", number, weight), func(x *v1alpha1.TrafficShift) bool {
						r := x.Status.Release
						return r != nil && r.Number == number && r.Weight == weight && r.SettledAt != nil
					})
				}
				at("5%")
				s.people(true, "", "promote", "checkout", "--reason", "the trouble comes at half")
				x := at("50%")
				from := time.Now()
				trouble(s, x)
				s.meets(fmt.Sprintf("1.1.%d", number), 60, from)
				if r := s.until("it is looked at", func(x *v1alpha1.TrafficShift) bool { return x.Status.Release.Number == number }).Status.Release; r.Outcome != nil {
					t.Errorf("release %d: %s", number, r.Outcome.Message)
				}
				s.people(true, "", "abort", "checkout", "--reason", "the next one comes")
				s.ended(number, v1alpha1.StateAborted)
			}
			s.silence()
			s.op.stop()
		})
	}
}

// fast is how a policy in a hurry goes.
func TestSoakAHealthyVersionIsReleasedFast(t *testing.T) {
	if !*soak {
		t.Skip("it takes an hour: -soak tells it")
	}
	var took, met []time.Duration
	for range timesEach {
		s := tell(t)
		shipped, err := os.ReadFile("../manifests/policies/fast.yaml")
		if err != nil {
			t.Fatal(err)
		}
		apply(t, s.ns, strings.Replace(string(shipped), "name: fast", "name: "+s.ns, 1))
		s.rate("gateway", s.ns+".example.com", 50)
		s.manage(append(soaking(), "namespaces=[]")...)
		// The shop is as new to the proxies as a version would be, and pods of the release before are ending: a cluster at rest has neither.
		s.passes(time.Minute)
		pushed := time.Now()
		s.push("1.1.0")
		x := s.within(promotion, "the release is promoted", func(x *v1alpha1.TrafficShift) bool {
			r := x.Status.Release
			return r != nil && r.State == v1alpha1.StatePromoted
		})
		r := x.Status.Release
		took = append(took, r.FinishedAt.Sub(pushed))
		met = append(met, s.firstMet("1.1.0").Sub(pushed))
		s.losesNothing()
		s.silence()
		s.op.stop()
	}
	slices.Sort(took)
	slices.Sort(met)
	if t.Logf("released after %v, first met after %v", took, met); took[timesEach/2] >= 300*time.Second || met[timesEach/2] >= 5*time.Second {
		t.Errorf("released after %s and first met after %s in the middle; want less than 5m and 5s", took[timesEach/2], met[timesEach/2])
	}
}

// firstMet is the end of the second in which a client first met a version.
func (s *story) firstMet(tag string) time.Time {
	s.t.Helper()
	all := s.seconds(s.began)
	i := slices.IndexFunc(all, func(x bed.Second) bool { return x.ByVersion[tag].OK+x.ByVersion[tag].Failed > 0 })
	if i < 0 {
		s.t.Fatalf("nobody has met %s", tag)
	}
	return time.Unix(all[i].T+1, 0)
}
