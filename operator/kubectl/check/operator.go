package check

import (
	"context"
	"fmt"
	"strings"

	appsv1 "k8s.io/api/apps/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apimachinery/pkg/api/meta"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/utils/ptr"

	"github.com/stagger-dev/stagger/operator/kubectl/cli"
	"github.com/stagger-dev/stagger/pkg/apis/stagger/v1alpha1"
)

const (
	operatorCheck = "operator"
	rightsCheck   = "the operator's rights"
	sourceCheck   = "counts, by the operator"
	shiftPolicies = "ShiftPolicies"
)

// rights are what a release needs of the operator's rights, as "verb resource.group".
func rights() []string {
	return []string{"patch services.", "create services.", "list pods.", "patch deployments.apps", "create replicasets.apps", "patch replicasets.apps",
		"patch virtualservices.networking.istio.io", "create destinationrules.networking.istio.io",
		"create trafficshifts.stagger.dev", "patch trafficshifts/status.stagger.dev", "create events.events.k8s.io"}
}

// installed looks at what was installed.
func (k *check) installed(ctx context.Context) {
	there := k.crds()
	accounts, works := k.operators(ctx)
	if !there {
		return // the rest is of no use yet
	}
	k.policies(ctx, accounts)
	for _, account := range accounts {
		k.rights(ctx, account)
	}
	k.shiftPolicies(ctx)
	k.counts(ctx, works)
}

// operators looks at the operator's Deployments, and returns their user names, and whether nothing speaks against one of them being at work.
func (k *check) operators(ctx context.Context) (accounts []string, works bool) {
	all, err := k.cluster.Operators(ctx)
	if err != nil {
		k.unknown(operatorCheck, err)
		return nil, false
	}
	if len(all) == 0 {
		k.add(ResultMissing, operatorCheck, "there is no Deployment with the label "+cli.OperatorLabel, "install Stagger: manifests/docs/install.md")
		return nil, false
	}
	for _, d := range all {
		available, wanted := d.Status.AvailableReplicas, wantedReplicas(d)
		accounts = append(accounts, "system:serviceaccount:"+d.Namespace+":"+d.Spec.Template.Spec.ServiceAccountName)
		found := fmt.Sprintf("%d of %d replicas are available in %s: %s", available, wanted, d.Namespace, strings.Join(images(d), ", "))
		logs := fmt.Sprintf("kubectl -n %s describe deployment %s", d.Namespace, d.Name)
		switch {
		case available == 0:
			k.add(ResultMissing, operatorCheck, found, "see why: "+logs)
		case available < wanted:
			k.add(ResultWarning, operatorCheck, found, "see why: "+logs)
		default:
			k.add(ResultOK, operatorCheck, found, "")
		}
		if available > 0 {
			works = k.leader(ctx, d) || works
		}
	}
	if len(all) > 1 {
		k.add(ResultMissing, operatorCheck, fmt.Sprintf("there are %d of them, and each would release", len(all)), "keep one of them; replicas of one Deployment take turns")
	}
	return accounts, works
}

// wantedReplicas is how many replicas a Deployment asks for.
func wantedReplicas(d *appsv1.Deployment) int32 { return ptr.Deref(d.Spec.Replicas, 1) }

// rights asks the API server whether the operator may do in the namespace what a release needs.
func (k *check) rights(ctx context.Context, user string) {
	reviews := k.cluster.Client.Resource(schema.GroupVersionResource{Group: "authorization.k8s.io", Version: "v1", Resource: "subjectaccessreviews"})
	namespace := strings.Split(user, ":")[2]
	var lacks []string
	for _, right := range rights() {
		verb, resource, _ := strings.Cut(right, " ")
		name, group, _ := strings.Cut(resource, ".")
		name, sub, _ := strings.Cut(name, "/")
		review, err := reviews.Create(ctx, &unstructured.Unstructured{Object: map[string]any{
			"apiVersion": "authorization.k8s.io/v1", "kind": "SubjectAccessReview",
			"spec": map[string]any{
				"user": user, "groups": []any{"system:serviceaccounts", "system:serviceaccounts:" + namespace, "system:authenticated"},
				"resourceAttributes": map[string]any{"namespace": k.cluster.Namespace, "verb": verb, "group": group, "resource": name, "subresource": sub},
			},
		}}, metav1.CreateOptions{})
		if err != nil {
			k.unknown(rightsCheck, err)
			return
		}
		if allowed, _, _ := unstructured.NestedBool(review.Object, "status", "allowed"); !allowed {
			lacks = append(lacks, verb+" "+strings.TrimSuffix(resource, "."))
		}
	}
	if len(lacks) > 0 {
		k.add(ResultMissing, rightsCheck, fmt.Sprintf("in namespace %s %s may not %s", k.cluster.Namespace, user, strings.Join(lacks, ", ")),
			"add the namespace to the chart's value namespaces, or choose another with -n")
		return
	}
	k.add(ResultOK, rightsCheck, fmt.Sprintf("%s may release in namespace %s", user, k.cluster.Namespace), "")
}

// shiftPolicies looks at whether there is a policy that releases can go by, and keeps all for what else is judged by them.
func (k *check) shiftPolicies(ctx context.Context) {
	var err error
	if k.known, err = cli.List[v1alpha1.ShiftPolicy](ctx, k.cluster, cli.PoliciesResource, metav1.NamespaceNone, ""); err != nil {
		k.unknown(shiftPolicies, err)
		return
	}
	var good, bad []string
	for _, p := range k.known {
		if c := meta.FindStatusCondition(p.Status.Conditions, v1alpha1.ConditionAccepted); c != nil && c.Status == metav1.ConditionFalse {
			bad = append(bad, p.Name+": "+c.Message)
			continue
		}
		good = append(good, p.Name)
	}
	switch {
	case len(bad) > 0:
		k.add(ResultWarning, shiftPolicies, strings.Join(bad, "; "), "mend or remove what no release can go by")
	case len(good) == 0:
		k.add(ResultMissing, shiftPolicies, "there is none", "kubectl apply -k manifests/policies, or write your own")
	default:
		k.add(ResultOK, shiftPolicies, strings.Join(good, ", "), "")
	}
}

// mends says what to do about a source of which the operator says this.
func mends(reason string) string {
	if reason == string(v1alpha1.ReasonClockSkew) {
		return "see which node's clock is wrong (manifests/docs/troubleshooting.md, The clocks differ)"
	}
	return "mend config.sources of the chart, or let the network policy of the operator's namespace through"
}

// counts looks at what the operator itself says of its source: the only one who knows whether it can be reached from where it runs. What was
// said by an operator that does not work any more is no news.
func (k *check) counts(ctx context.Context, works bool) {
	if !works {
		k.add(ResultUnknown, sourceCheck, "no operator works that could say", "mend the operator first")
		return
	}
	said := false
	for _, p := range k.known {
		c := meta.FindStatusCondition(p.Status.Conditions, v1alpha1.ConditionSourceAnswers)
		if c != nil && c.Status == metav1.ConditionFalse {
			k.add(ResultMissing, sourceCheck, c.Message, mends(c.Reason))
			return
		}
		said = said || c != nil && c.Status == metav1.ConditionTrue
	}
	if !said {
		k.add(ResultUnknown, sourceCheck, "the operator has not said yet in a ShiftPolicy whether its source answers", "look again in a minute; there must be a ShiftPolicy")
		return
	}
	shifts := k.cluster.Client.Resource(v1alpha1.GroupVersion.WithResource("trafficshifts"))
	list, err := shifts.List(ctx, metav1.ListOptions{})
	if apierrors.IsForbidden(err) {
		list, err = k.cluster.Shifts().List(ctx, metav1.ListOptions{})
	}
	if err != nil {
		k.unknown(sourceCheck, err)
		return
	}
	found := "its source answers; nothing is being released"
	for _, s := range cli.DecodeList(list, k.env) {
		switch c := meta.FindStatusCondition(s.Status.Conditions, v1alpha1.ConditionEvidenceCurrent); {
		case c == nil || c.Status == metav1.ConditionUnknown:
		case c.Status == metav1.ConditionTrue:
			found = "its source answers, and the counts of what is released are fresh"
		default:
			k.add(ResultWarning, sourceCheck, fmt.Sprintf("its source answers, but %s/%s: %s", s.Namespace, s.Name, c.Message), "see kubectl stagger why")
			return
		}
	}
	k.add(ResultOK, sourceCheck, found, "")
}
