package direct

import (
	"fmt"
	"math/rand/v2"
	"net/netip"
	"slices"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/utils/ptr"
)

// podOf is a proxy that can be read, number i of its role, on a node.
func podOf(role Role, i int, node string) Proxy {
	name := fmt.Sprintf("%s-%03d", []string{"canary", "stable", "gateway"}[role], i)
	return Proxy{
		Role: role, Namespace: "shop", Name: name, Node: node, Sidecar: true, Ready: true,
		ID: ID{UID: name, Address: netip.AddrFrom4([4]byte{10, byte(role), byte(i / 250), byte(i % 250)})},
	}
}

// podsOf are n of a role on so many nodes.
func podsOf(role Role, n, nodes int) []Proxy {
	var all []Proxy
	for i := range n {
		all = append(all, podOf(role, i, fmt.Sprintf("node-%d", i%nodes)))
	}
	return all
}

func count(of []Proxy, role Role) int {
	n := 0
	for _, p := range of {
		if p.Role == role {
			n++
		}
	}
	return n
}

func among(all []Proxy, p Proxy) bool {
	return slices.ContainsFunc(all, func(x Proxy) bool { return x.ID == p.ID })
}

var addresses = cmpopts.EquateComparable(netip.Addr{})

func TestHowManyAreChosen(t *testing.T) {
	cases := map[string]struct{ canary, stable, gateways, wantCanary, wantStable, wantGateways int }{
		"all of a few":                    {2, 3, 1, 2, 3, 1},
		"at least four of the stable":     {1, 20, 2, 1, 4, 2},
		"as many of the stable":           {9, 20, 2, 9, 9, 2},
		"no more than sixteen of an arm":  {40, 40, 40, 16, 16, 8},
		"no sidecars: gateways alone":     {0, 40, 3, 0, 0, 3},
		"nobody":                          {0, 0, 0, 0, 0, 0},
		"the stable alone says nothing":   {0, 5, 0, 0, 0, 0},
		"more of the canary than of both": {16, 2, 0, 16, 2, 0},
	}
	for name, c := range cases {
		t.Run(name, func(t *testing.T) {
			got := Choose(slices.Concat(podsOf(StablePod, c.stable, 3), podsOf(GatewayPod, c.gateways, 3), podsOf(CanaryPod, c.canary, 3)), nil)
			want := []int{c.wantCanary, c.wantStable, c.wantGateways}
			if have := []int{count(got, CanaryPod), count(got, StablePod), count(got, GatewayPod)}; !slices.Equal(have, want) {
				t.Errorf("%v, want %v", have, want)
			}
		})
	}
}

func TestThoseThatCannotBeReadAreNotChosen(t *testing.T) {
	for name, change := range map[string]func(*Proxy){
		"not ready":          func(p *Proxy) { p.Ready = false },
		"without an address": func(p *Proxy) { p.ID.Address = netip.Addr{} },
		"without a sidecar":  func(p *Proxy) { p.Sidecar = false },
	} {
		t.Run(name, func(t *testing.T) {
			all := podsOf(CanaryPod, 3, 3)
			before := slices.Clone(all)
			change(&all[1])
			if got := Choose(all, before); len(got) != 2 || slices.ContainsFunc(got, func(p Proxy) bool { return p.Name == all[1].Name }) {
				t.Errorf("chosen are %v", got)
			}
		})
	}
}

// A dead node takes as few of the read pods with it as can be.
func TestManyPodsAreSpreadOverTheirNodes(t *testing.T) {
	all := podsOf(CanaryPod, 30, 1) // on one node
	for i := range 4 {
		all = append(all, podOf(CanaryPod, 100+i, fmt.Sprintf("other-%d", i)))
	}
	on := map[string]int{}
	for _, p := range Choose(all, nil) {
		on[p.Node]++
	}
	if d := cmp.Diff(map[string]int{"node-0": 12, "other-0": 1, "other-1": 1, "other-2": 1, "other-3": 1}, on); d != "" {
		t.Errorf("pods by node (-want +got):\n%s", d)
	}
}

func TestTheChoiceDoesNotDependOnTheOrderOfAList(t *testing.T) {
	r := rand.New(rand.NewPCG(1, 1))
	all := slices.Concat(podsOf(CanaryPod, 40, 7), podsOf(StablePod, 60, 7), podsOf(GatewayPod, 12, 5))
	want := Choose(all, nil)
	for range 50 {
		r.Shuffle(len(all), func(i, j int) { all[i], all[j] = all[j], all[i] })
		if d := cmp.Diff(want, Choose(append(all, all[0]), nil), addresses); d != "" {
			t.Fatalf("chosen in another order (-first +now):\n%s", d)
		}
	}
}

// Whatever comes, goes and is not ready: one that is read is read on while it can be, so that its counters have a before.
func TestThoseChosenStay(t *testing.T) {
	r := rand.New(rand.NewPCG(2, 2))
	all := slices.Concat(podsOf(CanaryPod, 40, 7), podsOf(StablePod, 60, 7), podsOf(GatewayPod, 12, 5))
	var before []Proxy
	for range 200 {
		for i := range all {
			if r.IntN(20) == 0 {
				all[i].Ready = !all[i].Ready
			}
		}
		r.Shuffle(len(all), func(i, j int) { all[i], all[j] = all[j], all[i] })
		ready := map[ID]bool{}
		for _, p := range all {
			ready[p.ID] = p.Ready
		}
		now := Choose(all, before)
		for role, most := range map[Role]int{CanaryPod: MostPods, StablePod: max(LeastStable, count(now, CanaryPod)), GatewayPod: MostGateways} {
			if n := count(now, role); n > most {
				t.Fatalf("%d of role %d are read", n, role)
			}
		}
		came, gone := map[Role]string{}, map[Role]string{}
		for _, p := range now {
			if !among(before, p) {
				came[p.Role] = p.Name
			}
		}
		for _, p := range before {
			if ready[p.ID] && !among(now, p) {
				gone[p.Role] = p.Name
			}
		}
		for role, name := range gone {
			if came[role] != "" {
				t.Fatalf("%s took the place of %s, which is ready", came[role], name)
			}
		}
		before = now
	}
}

func TestAPodAsAProxy(t *testing.T) {
	ready := corev1.PodStatus{PodIP: "10.0.0.7", Conditions: []corev1.PodCondition{{Type: corev1.PodReady, Status: corev1.ConditionTrue}}}
	containers := func(names ...string) (all []corev1.Container) {
		for _, n := range names {
			all = append(all, corev1.Container{Name: n})
		}
		return all
	}
	meta := metav1.ObjectMeta{Namespace: "shop", Name: "checkout-1", UID: "u1"}
	cases := map[string]struct {
		change        func(*corev1.Pod)
		role          Role
		sidecar, read bool
	}{
		"as it is":               {func(*corev1.Pod) {}, CanaryPod, false, true},
		"a gateway":              {func(*corev1.Pod) {}, GatewayPod, true, true},
		"a proxy beside the app": {func(p *corev1.Pod) { p.Spec.Containers = containers("app", "istio-proxy") }, CanaryPod, true, true},
		"a native sidecar":       {func(p *corev1.Pod) { p.Spec.InitContainers = containers("istio-proxy") }, CanaryPod, true, true},
		"injected":               {func(p *corev1.Pod) { p.Annotations = map[string]string{"sidecar.istio.io/status": "{}"} }, StablePod, true, true},
		"asked for":              {func(p *corev1.Pod) { p.Labels = map[string]string{"sidecar.istio.io/inject": "true"} }, StablePod, true, true},
		"not wanted":             {func(p *corev1.Pod) { p.Labels = map[string]string{"sidecar.istio.io/inject": "false"} }, StablePod, false, true},
		"being deleted":          {func(p *corev1.Pod) { p.DeletionTimestamp = ptr.To(metav1.Now()) }, CanaryPod, false, false},
		"evicted":                {func(p *corev1.Pod) { p.Status.Phase = corev1.PodFailed }, CanaryPod, false, false},
		"not ready":              {func(p *corev1.Pod) { p.Status.Conditions[0].Status = corev1.ConditionFalse }, CanaryPod, false, false},
		"nothing known of it":    {func(p *corev1.Pod) { p.Status.Conditions = nil }, CanaryPod, false, false},
	}
	for name, c := range cases {
		t.Run(name, func(t *testing.T) {
			pod := &corev1.Pod{ObjectMeta: *meta.DeepCopy(), Status: *ready.DeepCopy(), Spec: corev1.PodSpec{NodeName: "n1"}}
			c.change(pod)
			want := Proxy{
				Role: c.role, Namespace: "shop", Name: "checkout-1", Node: "n1", Workload: "checkout", Sidecar: c.sidecar, Ready: c.read,
				ID: ID{UID: "u1", Address: netip.MustParseAddr("10.0.0.7")},
			}
			if d := cmp.Diff(want, ProxyOf(pod, c.role, "checkout"), addresses); d != "" {
				t.Errorf("(-want +got):\n%s", d)
			}
		})
	}
	if p := ProxyOf(&corev1.Pod{ObjectMeta: meta}, CanaryPod, ""); p.ID.Address.IsValid() {
		t.Errorf("a pod without an address has %s", p.ID.Address)
	}
}
