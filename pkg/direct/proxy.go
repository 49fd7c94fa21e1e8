package direct

import (
	"cmp"
	"net/netip"
	"slices"

	corev1 "k8s.io/api/core/v1"

	"github.com/stagger-dev/stagger/pkg/workload"
)

// Role says what a proxy is read for.
type Role int

const (
	// CanaryPod is the sidecar of a pod of the canary.
	CanaryPod Role = iota
	// StablePod is the sidecar of a pod of the stable.
	StablePod
	// GatewayPod is a gateway whose routes name the release's Service.
	GatewayPod
)

const (
	// MostPods is how many pods of an arm are read at the most.
	MostPods = 16
	// LeastStable is how many pods of the stable are read at the least, where it has as many.
	LeastStable = 4
	// MostGateways is how many pods of gateways are read at the most.
	MostGateways = 8
	// MostProxies is how many proxies of one release are read at the most.
	MostProxies = 2*MostPods + MostGateways
)

// ID tells proxies apart: a pod that is made again, or moves, is another.
type ID struct {
	UID     string
	Address netip.Addr
}

// Proxy is a pod with an Envoy that could be read.
type Proxy struct {
	Role Role
	// Namespace and Name are the pod's.
	Namespace, Name string
	// ID tells it from others; without an address it is not read.
	ID ID
	// Node is where it runs: what fails together.
	Node string
	// Workload is what Istio calls the pod's workload, such as the Deployment's name; empty: it is not looked at.
	Workload string
	// Sidecar says that a proxy runs beside the pod's containers; of a gateway, that it is one.
	Sidecar bool
	// Ready says that the pod can answer: see workload.Serving.
	Ready bool
}

// How Istio marks the pods that have a sidecar, and how the sidecar's container is called.
const (
	injectedAnnotation = "sidecar.istio.io/status"
	injectLabel        = "sidecar.istio.io/inject"
	proxyContainer     = "istio-proxy"
)

// ProxyOf returns the proxy of a pod, for a role and with the name of its workload.
func ProxyOf(pod *corev1.Pod, role Role, of string) Proxy {
	p := Proxy{Role: role, Namespace: pod.Namespace, Name: pod.Name, Node: pod.Spec.NodeName, Workload: of, ID: ID{UID: string(pod.UID)}}
	if address, err := netip.ParseAddr(pod.Status.PodIP); err == nil {
		p.ID.Address = address.Unmap()
	}
	p.Sidecar = role == GatewayPod || hasSidecar(pod)
	p.Ready = workload.Serving(pod)
	return p
}

// hasSidecar says whether Istio put a proxy into the pod, or was asked to.
func hasSidecar(pod *corev1.Pod) bool {
	isProxy := func(c corev1.Container) bool { return c.Name == proxyContainer }
	_, injected := pod.Annotations[injectedAnnotation]
	return injected || cmp.Or(pod.Labels[injectLabel], pod.Annotations[injectLabel]) == "true" ||
		slices.ContainsFunc(pod.Spec.Containers, isProxy) || slices.ContainsFunc(pod.Spec.InitContainers, isProxy)
}

// Choose returns the proxies that are read for a release, in an order of their own:
//
//	canary    all pods with a sidecar up to MostPods, beyond that as many, spread over their nodes
//	stable    as many as of the canary, at least LeastStable and at most MostPods, or all; none where none of the canary is read
//	gateways  at most MostGateways
//
// A pod that is not ready, is being deleted or has no address is not read. One of those chosen before stays while it is ready, so that its
// counts can be compared; beside it the choice depends on the pods alone, not on the order in which they are listed.
func Choose(all, before []Proxy) []Proxy {
	chosen := map[ID]bool{}
	for _, p := range before {
		chosen[p.ID] = true
	}
	canary := pick(all, CanaryPod, chosen, MostPods)
	stable := 0
	if len(canary) > 0 {
		stable = min(max(len(canary), LeastStable), MostPods)
	}
	return slices.Concat(canary, pick(all, StablePod, chosen, stable), pick(all, GatewayPod, chosen, MostGateways))
}

// pick returns at most so many proxies of a role, first of all of those that were chosen before.
func pick(all []Proxy, role Role, before map[ID]bool, most int) []Proxy {
	var old, others []Proxy
	seen := map[ID]bool{}
	for _, p := range all {
		if p.Role != role || !p.Ready || !p.Sidecar || !p.ID.Address.IsValid() || seen[p.ID] {
			continue
		}
		seen[p.ID] = true
		if before[p.ID] {
			old = append(old, p)
		} else {
			others = append(others, p)
		}
	}
	picked := spread(spread(nil, old, most), others, most)
	slices.SortFunc(picked, byName)
	return picked
}

// spread adds proxies until there are so many, each from a node that has the fewest.
func spread(picked, from []Proxy, most int) []Proxy {
	from = slices.SortedFunc(slices.Values(from), byName)
	on := map[string]int{}
	for _, p := range picked {
		on[p.Node]++
	}
	for len(picked) < most && len(from) > 0 {
		best := 0
		for i, p := range from {
			if on[p.Node] < on[from[best].Node] {
				best = i
			}
		}
		picked = append(picked, from[best])
		on[from[best].Node]++
		from = slices.Delete(from, best, best+1)
	}
	return picked
}

func byName(a, b Proxy) int {
	return cmp.Or(cmp.Compare(a.Namespace, b.Namespace), cmp.Compare(a.Name, b.Name), cmp.Compare(a.ID.UID, b.ID.UID), a.ID.Address.Compare(b.ID.Address))
}
