package cluster_test

import (
	"testing"
	"time"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"

	"github.com/stagger-dev/stagger/pkg/apis/stagger/v1alpha1"
	"github.com/stagger-dev/stagger/pkg/cluster"
	"github.com/stagger-dev/stagger/pkg/direct"
	"github.com/stagger-dev/stagger/pkg/evidence"
	"github.com/stagger-dev/stagger/pkg/evidence/urgent"
	"github.com/stagger-dev/stagger/pkg/release"
)

// running makes a pod ready, with an address.
func running(p *corev1.Pod, address string) {
	p.Status.PodIP = address
	p.Status.Conditions = []corev1.PodCondition{{Type: corev1.PodReady, Status: corev1.ConditionTrue}}
}

func TestWhatARecordWantsRead(t *testing.T) {
	p := inTheMiddle("shop")
	running(p.pods[0], "10.0.0.1")
	running(p.pods[1], "10.0.0.2")
	gateway := &corev1.Pod{ObjectMeta: metav1.ObjectMeta{Namespace: "istio-ingress", Name: "gw-1"}}
	o := p.objects()
	o.Gateways = []cluster.Gateway{{Pods: []*corev1.Pod{gateway}, Whole: true}, {Pods: []*corev1.Pod{gateway}, Whole: true}}
	v := cluster.Observe(o, settings(), noon)
	rec := p.shift.Status.Release
	rec.Direct = "before"
	r, reads := cluster.DirectOf(v, rec)
	if !reads || r.Number != 3 || r.Key.String() != "shop/web" || r.Weight != 250_000 || r.Braked || r.Checkpoint != "before" || !r.CanarySince.IsZero() {
		t.Fatalf("%v, %+v", reads, r)
	}
	roles := map[string]direct.Role{}
	for _, x := range r.Proxies {
		roles[x.Name] = x.Role
	}
	if len(r.Proxies) != 3 || roles["web-old-1"] != direct.StablePod || roles[p.pods[1].Name] != direct.CanaryPod || roles["gw-1"] != direct.GatewayPod {
		t.Errorf("proxies %+v", r.Proxies)
	}
	if r.PodsOf != (direct.Pods{Stable: 1, Canary: 1}) || r.Canary.Name != "web-canary" || r.Threshold < 100 || r.Tolerance < 0 {
		t.Errorf("%+v", r)
	}
	braked := rec.DeepCopy()
	braked.Weights = append(braked.Weights, v1alpha1.WrittenWeight{Weight: "1%", Step: 1, Reason: v1alpha1.WeightBraked})
	if r, _ := cluster.DirectOf(v, braked); !r.Braked {
		t.Error("the weight is one that was braked to")
	}
	early := rec.DeepCopy()
	early.Step, early.Weight = 0, "0%"
	if r, _ := cluster.DirectOf(v, early); r.Weight != 0 || !r.CanarySince.Equal(rec.SettledAt.Add(-release.Rounding)) {
		t.Errorf("before the first weight: %+v", r)
	}
	over := rec.DeepCopy()
	over.Outcome = &v1alpha1.Outcome{Result: v1alpha1.StateAborted}
	for _, rec := range []*v1alpha1.Release{nil, over} {
		if _, reads := cluster.DirectOf(v, rec); reads {
			t.Errorf("nothing is to be read of %+v", rec)
		}
	}
}

func TestWhatProxiesSayToTheRules(t *testing.T) {
	p := inTheMiddle("shop")
	v := cluster.Observe(p.objects(), settings(), noon)
	always, never := func(time.Time) bool { return true }, func(time.Time) bool { return false }
	sign := func(s urgent.Sign) direct.State {
		return direct.State{Number: 3, Present: true, At: noon, Checkpoint: "now", Signs: []direct.Sign{{Objective: "availability", Sign: s}}}
	}
	counts := urgent.Sign{Canary: evidence.Counts{Requests: 83, Bad: 41}, Stable: evidence.Counts{Requests: 250}, Seconds: 2}
	braking, failing, alarmed := counts, counts, counts
	braking.Brake, failing.Abort, alarmed.Episode = true, true, true
	if d := v.HeardOf(sign(braking), true, always); d.Brake == nil || d.Brake.Canary.Bad != 41 || d.Brake.Of != 2 || d.Breach != nil || !d.Read || d.Checkpoint != "now" {
		t.Errorf("a brake: %+v", d)
	}
	if d := v.HeardOf(sign(failing), true, always); d.Breach == nil || d.Breach.Stable.Requests != 250 || d.Brake != nil || !d.At.Equal(noon) {
		t.Errorf("an abort: %+v", d)
	}
	if d := v.HeardOf(sign(alarmed), true, always); !d.Alarm || d.Brake != nil || d.Breach != nil {
		t.Errorf("an episode: %+v", d)
	}
	other := sign(failing)
	other.Number = 2
	for name, d := range map[string]release.Direct{"another release": v.HeardOf(other, true, always), "nobody reads": v.HeardOf(sign(failing), false, always)} {
		if d != (release.Direct{}) {
			t.Errorf("%s: %+v", name, d)
		}
	}
	if d := v.HeardOf(direct.State{Number: 3, Settled: true}, true, never); d.Agreement != release.AgreementYes || d.Told {
		t.Errorf("settled: %+v", d)
	}
}

// Nobody is sure that callers were told of the canary unless every one of them comes through gateways that are read, and nothing else happened.
func TestWhenCallersWereTold(t *testing.T) {
	for name, c := range map[string]struct {
		gateways []any
		whole    bool
		quiet    bool
		known    bool
		want     bool
	}{
		"all by gateways":         {[]any{"gw"}, true, true, true, true},
		"callers of the mesh too": {[]any{"gw", "mesh"}, true, true, true, false},
		"callers of the mesh":     {nil, true, true, true, false},
		"other gateways":          {[]any{"gw"}, false, true, true, false},
		"something else changed":  {[]any{"gw"}, true, false, true, false},
		"not told":                {[]any{"gw"}, true, true, false, false},
	} {
		t.Run(name, func(t *testing.T) {
			p := inTheMiddle("shop")
			rec := p.shift.Status.Release
			rec.Step, rec.Weight, rec.State = 0, "0%", v1alpha1.StatePreparing
			if c.gateways != nil {
				if err := unstructured.SetNestedSlice(p.routes[0].Object, c.gateways, "spec", "gateways"); err != nil {
					t.Fatal(err)
				}
			}
			o := p.objects()
			o.Gateways = []cluster.Gateway{{Pods: []*corev1.Pod{{ObjectMeta: metav1.ObjectMeta{Name: "gw-1"}}}, Whole: c.whole}}
			v := cluster.Observe(o, settings(), noon)
			since := time.Time{}
			d := v.HeardOf(direct.State{Number: 3, Known: c.known}, true, func(t time.Time) bool { since = t; return c.quiet })
			if d.Told != c.want {
				t.Errorf("told %v", d.Told)
			}
			if d.Told && !since.Equal(rec.SettledAt.Add(-release.Rounding-settings().Bounds.Push)) {
				t.Errorf("looked back to %s", since)
			}
		})
	}
}
