package e2e

import (
	"fmt"
	"maps"
	"math"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/labels"
	"k8s.io/apimachinery/pkg/types"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/yaml"

	"github.com/stagger-dev/stagger/e2e/pages"
	"github.com/stagger-dev/stagger/pkg/apis/stagger/v1alpha1"
)

func TestATeamComesFromFlagger(t *testing.T) {
	t.Parallel()
	n := &newcomer{left: "flagger", tool: flagger(), served: "app=checkout-primary", serves: "app=checkout", told: "run by Canary checkout of Flagger"}
	n.comes(t, "coming-from/flagger.md")
}

func TestATeamComesFromArgoRolloutsThatSplitByHosts(t *testing.T) {
	t.Parallel()
	n := &newcomer{left: "argo-hosts", tool: argoRollouts(18090, "rollout/checkout"),
		served: "rollouts-pod-template-hash", serves: "app=checkout,!rollouts-pod-template-hash", told: "run by Rollout checkout of Argo Rollouts"}
	n.comes(t, "coming-from/argo-rollouts.md", "A template of its own", "Then", "Split by hosts", "In both ways")
}

func TestATeamComesFromArgoRolloutsThatSplitBySubsets(t *testing.T) {
	t.Parallel()
	n := &newcomer{left: "argo-subsets", tool: argoRollouts(18092, "deployment/checkout"),
		served: "rollouts-pod-template-hash", serves: "app=checkout,!rollouts-pod-template-hash", told: "pods of Rollout checkout of Argo Rollouts"}
	n.comes(t, "coming-from/argo-rollouts.md", "A Deployment that it refers to", "Then", "Split by subsets", "In both ways")
}

// newcomer is a team that releases by another tool, and comes to Stagger in the steps of a page.
type newcomer struct {
	*story
	left string // the folder of testdata/coming-from with the objects as that tool leaves them
	tool peer
	// served and serves are the labels of the pods that serve at first and in the end, told is what Stagger says of the Service at first.
	served, serves, told string
}

// comes tells the story: what the tool left, under load; Stagger that refuses it; each step of the page with the parts that are for this
// team, back, and once more; and in the end a release that is promoted. After each step pods and traffic are as its table says, and no
// request is ever lost.
func (n *newcomer) comes(t *testing.T, page string, parts ...string) {
	t.Helper()
	n.settles(t)
	n.op = startOperator(t, n.ns)
	n.isRefused()
	r := n.reads()
	steps := pages.Steps(r.page(page), parts...)
	if len(steps) != 10 {
		t.Fatalf("the page has %d steps", len(steps))
	}
	for i, step := range steps {
		t.Logf("%s: %d commands, and %d to go back", step.Heading, len(step.Commands), len(step.Back))
		r.writes(step.Files)
		takes := func(title string, typed []pages.Command, rows map[string][]string) {
			r.types(page, typed)
			n.stands(title, rows)
		}
		takes(step.Heading, step.Commands, step.Rows)
		if len(step.Back) > 0 {
			takes(step.Heading+", back", step.Back, steps[i-1].Rows)
			takes(step.Heading+", once more", step.Commands, step.Rows)
		}
		if strings.HasPrefix(step.Heading, "Step 9") {
			n.until("the operator has taken charge", func(x *v1alpha1.TrafficShift) bool { return ready(x) == "True" })
			guarded(t, n.ns)
			n.before = n.snapshot()
		}
	}
	n.ended(1, v1alpha1.StatePromoted)
	n.restored()
	n.losesNothing()
}

// settles makes the namespace with what the tool leaves in it, and its load.
func (n *newcomer) settles(t *testing.T) {
	t.Helper()
	defer turn(t)()
	n.story = &story{t: t, ns: newNamespace(t), api: adm.config}
	n.hasPolicy()
	if *peers != "" {
		n.runs()
	} else {
		apply(t, n.ns, n.tool.crd)
		kubectl(t, "wait", "--for=condition=Established", "crd/"+n.tool.resource, "--timeout=60s")
		n.finds()
		n.under("gateway", n.ns+".example.com")
	}
	n.began = time.Now()
}

// finds makes the objects as they were recorded, the first of which owns what names an owner.
func (n *newcomer) finds() {
	n.t.Helper()
	text, err := os.ReadFile(filepath.Join("testdata", "coming-from", n.left, "left.yaml"))
	if err != nil {
		n.t.Fatal(err)
	}
	var owner types.UID
	for doc := range strings.SplitSeq(strings.ReplaceAll(string(text), "shop.example.com", n.ns+".example.com"), "\n---\n") {
		o := &unstructured.Unstructured{}
		if err := yaml.Unmarshal([]byte(doc), &o.Object); err != nil {
			n.t.Fatal(err)
		}
		o.SetNamespace(n.ns)
		refs := o.GetOwnerReferences()
		for i := range refs {
			refs[i].UID = owner
		}
		if len(refs) > 0 {
			o.SetOwnerReferences(refs)
		}
		status := o.Object["status"]
		if err := adm.client.Create(n.t.Context(), o); err != nil {
			n.t.Fatal(err)
		}
		if status != nil {
			owner, o.Object["status"] = o.GetUID(), status
			if err := adm.client.Status().Update(n.t.Context(), o); err != nil {
				n.t.Fatal(err)
			}
		}
	}
	n.pods(n.served, 4)
}

// isRefused annotates the Service too early: it is said who runs it, and nothing is touched.
func (n *newcomer) isRefused() {
	n.t.Helper()
	before := n.snapshot()
	kubectl(n.t, "-n", n.ns, "annotate", "service", "checkout", "stagger.dev/policy="+n.ns)
	n.until("it is said who runs the Service", func(x *v1alpha1.TrafficShift) bool {
		return strings.Contains(describe(x), string(v1alpha1.ReasonWorkloadTaken)) && strings.Contains(describe(x), n.told)
	})
	kubectl(n.t, "-n", n.ns, "annotate", "service", "checkout", "stagger.dev/policy-")
	waitFor(n.t, "the TrafficShift is gone", func() (bool, string) {
		out := kubectl(n.t, "-n", n.ns, "get", "trafficshifts", "-o", "name")
		return out == "", out
	})
	if diff := before.Diff(n.snapshot()); diff != "" {
		n.t.Errorf("what another tool runs was touched:\n%s", diff)
	}
}

// stands waits until pods and traffic are as the table of a step says.
func (n *newcomer) stands(title string, rows map[string][]string) {
	n.t.Helper()
	pods, traffic := rows["pods"], rows["traffic"]
	if len(pods) != 2 || len(traffic) != 2 {
		n.t.Fatalf("%s: the table says nothing of pods and traffic: %v", title, rows)
	}
	n.pods(n.served, number(n.t, pods[0]))
	n.pods(n.serves, number(n.t, pods[1]))
	from, want := time.Now(), number(n.t, strings.TrimSuffix(traffic[1], " %"))
	waitFor(n.t, fmt.Sprintf("%s: %d %% of the traffic is where it should be", title, want), func() (bool, string) {
		share, of := n.share(from)
		if of > 6*perSecond {
			from = from.Add(time.Second)
		}
		off := math.Abs(share - float64(want))
		near := off <= 15 && want > 0 && want < 100 || off == 0
		return of > 3*perSecond && near, fmt.Sprintf("%.1f %% of %d", share, of)
	})
	if lost, by := n.lost(); lost > 0 {
		n.t.Fatalf("%s: %d requests were lost: %v", title, lost, by)
	}
}

func number(t *testing.T, text string) int {
	t.Helper()
	n, err := strconv.Atoi(text)
	if err != nil {
		t.Fatal(err)
	}
	return n
}

// pods waits until so many pods with some labels serve, and no other is there.
func (n *newcomer) pods(selector string, want int) {
	n.t.Helper()
	waitFor(n.t, fmt.Sprintf("%d pods with the labels %s serve", want, selector), func() (bool, string) {
		ready := 0
		all := n.podsWith(selector)
		for _, p := range all {
			if slices.ContainsFunc(p.Status.Conditions, func(c corev1.PodCondition) bool { return c.Type == corev1.PodReady && c.Status == corev1.ConditionTrue }) {
				ready++
			}
		}
		return len(all) == want && ready == want, fmt.Sprintf("%d are there, %d are ready", len(all), ready)
	})
}

func (n *newcomer) podsWith(selector string) []corev1.Pod {
	n.t.Helper()
	parsed, err := labels.Parse(selector)
	if err != nil {
		n.t.Fatal(err)
	}
	var all corev1.PodList
	if err := adm.client.List(n.t.Context(), &all, client.InNamespace(n.ns), client.MatchingLabelsSelector{Selector: parsed}); err != nil {
		n.t.Fatal(err)
	}
	return slices.DeleteFunc(all.Items, func(p corev1.Pod) bool { return p.DeletionTimestamp != nil })
}

// share is how much of what was answered since a time came from the pods that serve in the end, in percent, and how much it was.
func (n *newcomer) share(from time.Time) (percent float64, of int) {
	n.t.Helper()
	hashes := map[string]bool{}
	for _, p := range n.podsWith(n.serves) {
		hashes[p.Labels["pod-template-hash"]] = true
	}
	theirs := 0
	for _, s := range n.seconds(from.Add(time.Second)) {
		of += s.OK
		for hash := range maps.Keys(hashes) {
			theirs += s.ByRevision[hash].OK
		}
	}
	return 100 * float64(theirs) / float64(max(1, of)), of
}
