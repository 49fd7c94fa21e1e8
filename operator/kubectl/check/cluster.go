package check

import (
	"context"
	"fmt"
	"slices"
	"strings"

	appsv1 "k8s.io/api/apps/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/apimachinery/pkg/util/version"

	"github.com/stagger-dev/stagger/operator/kubectl/cli"
	"github.com/stagger-dev/stagger/pkg/apis/stagger/v1alpha1"
)

// The oldest versions that are supported; manifests/docs/support.md has what was tried.
const (
	oldestKubernetes = "1.34"
	// oldestHolding serves the admission policies that hold Deployments.
	oldestHolding = "1.36"
	oldestIstio   = "1.29"
)

const admission = "admissionregistration.k8s.io/v1"

// Names of the checks that more than one place speaks of.
const (
	kubernetesCheck = "Kubernetes"
	istioCheck      = "Istio"
	crdsCheck       = "CRDs"
	policiesCheck   = "admission policies"
	forceCheck      = "policies in force"
)

// versions looks at what must be there before anything else. Its error says that the cluster does not answer.
func (k *check) versions(ctx context.Context) error {
	info, err := k.cluster.Discovery.ServerVersion()
	if err != nil {
		return err
	}
	switch v, err := version.ParseGeneric(info.GitVersion); {
	case err != nil:
		k.unknown(kubernetesCheck, fmt.Errorf("its version is %q: %w", info.GitVersion, err))
	case v.LessThan(version.MustParseGeneric(oldestKubernetes)):
		k.add(ResultMissing, kubernetesCheck, info.GitVersion, "upgrade the cluster: "+oldestKubernetes+" is the oldest that is supported")
	case !k.serves(admission, "mutatingadmissionpolicies"):
		k.add(ResultWarning, kubernetesCheck, info.GitVersion+" serves no MutatingAdmissionPolicy: Deployments stay paused at rest, and nobody writes down who commands",
			"nothing if that will do; else upgrade to "+oldestHolding)
	default:
		k.add(ResultOK, kubernetesCheck, info.GitVersion, "")
	}
	if !k.serves("networking.istio.io/v1", "virtualservices", "destinationrules") {
		k.add(ResultMissing, istioCheck, "the cluster serves no networking.istio.io/v1", "install Istio "+oldestIstio+" or newer")
		return nil
	}
	k.istio(ctx)
	return nil
}

// istio looks at the version of istiod, where it runs in the cluster.
func (k *check) istio(ctx context.Context) {
	istiods, err := cli.List[appsv1.Deployment](ctx, k.cluster, cli.DeploymentsResource, metav1.NamespaceAll, "app=istiod")
	if err != nil {
		k.unknown(istioCheck, err)
		return
	}
	var tags []string
	for _, image := range images(istiods...) {
		_, tag, _ := strings.Cut(image[strings.LastIndex(image, "/")+1:], ":")
		tags = append(tags, tag)
	}
	if len(tags) == 0 {
		k.add(ResultOK, istioCheck, "networking.istio.io/v1 is served; istiod itself runs elsewhere, so its version is not known", "")
		return
	}
	for _, tag := range tags {
		if v, err := version.ParseGeneric(tag); err == nil && v.LessThan(version.MustParseGeneric(oldestIstio)) {
			k.add(ResultMissing, istioCheck, tag, "upgrade Istio: "+oldestIstio+" is the oldest that is supported")
			return
		}
	}
	k.add(ResultOK, istioCheck, strings.Join(tags, ", "), "")
}

// serves says whether the cluster serves all these resources of an API.
func (k *check) serves(groupVersion string, resources ...string) bool {
	served, err := k.cluster.Discovery.ServerResourcesForGroupVersion(groupVersion)
	if err != nil {
		return false
	}
	for _, r := range resources {
		if !slices.ContainsFunc(served.APIResources, func(s metav1.APIResource) bool { return s.Name == r }) {
			return false
		}
	}
	return true
}

// images are those of all containers of Deployments.
func images(deployments ...*appsv1.Deployment) []string {
	var all []string
	for _, d := range deployments {
		for _, c := range d.Spec.Template.Spec.Containers {
			all = append(all, c.Image)
		}
	}
	return all
}

// crds looks at Stagger's kinds, and says whether they are there.
func (k *check) crds() bool {
	api := v1alpha1.GroupVersion.String()
	if !k.serves(api, "trafficshifts", "trafficshifts/status", "shiftpolicies", "shiftpolicies/status") {
		k.add(ResultMissing, crdsCheck, "the cluster does not serve "+api, "install Stagger: manifests/docs/install.md")
		return false
	}
	k.add(ResultOK, crdsCheck, api, "")
	return true
}

// policies looks at the admission policies and whom they take for the operator; accounts are the operators that there are.
func (k *check) policies(ctx context.Context, accounts []string) {
	if !k.serves(admission, "mutatingadmissionpolicies") {
		k.add(ResultWarning, policiesCheck, "not served: see "+kubernetesCheck, "")
		return
	}
	var gone, wrong []string
	for _, name := range []string{"stagger-hold", "stagger-narrow", "stagger-author"} {
		policy, err := k.admission(ctx, "mutatingadmissionpolicies", name)
		if err == nil {
			_, err = k.admission(ctx, "mutatingadmissionpolicybindings", name)
		}
		switch {
		case apierrors.IsNotFound(err):
			gone = append(gone, name)
		case err != nil:
			k.unknown(policiesCheck, err)
			return
		default:
			if known := operatorOf(policy); known != "" && len(accounts) > 0 && !slices.Contains(accounts, known) {
				wrong = append(wrong, fmt.Sprintf("%s takes %s for the operator, which is %s", name, known, strings.Join(accounts, " or ")))
			}
		}
	}
	switch {
	case len(wrong) > 0:
		k.add(ResultMissing, policiesCheck, strings.Join(wrong, "; "), "install the chart with the operator's namespace and serviceAccount.name, so that they agree")
	case len(gone) > 0:
		k.add(ResultWarning, policiesCheck, strings.Join(gone, ", ")+" or their bindings are not there: Deployments stay paused at rest, and nobody writes down who commands",
			"nothing if admission.install is Never by intent; else install the chart with admission.install=Auto")
	default:
		k.add(ResultOK, policiesCheck, "stagger-hold, stagger-narrow and stagger-author, which know the operator", "")
	}
	if !slices.Contains(gone, "stagger-author") {
		k.force(ctx)
	}
}

func (k *check) admission(ctx context.Context, resource, name string) (*unstructured.Unstructured, error) {
	gvr := schema.GroupVersionResource{Group: "admissionregistration.k8s.io", Version: "v1", Resource: resource}
	return k.cluster.Client.Resource(gvr).Get(ctx, name, metav1.GetOptions{})
}

// operatorOf is the user name that a policy takes for the operator's; empty where it does not matter to the policy.
func operatorOf(policy *unstructured.Unstructured) string {
	variables, _, err := unstructured.NestedSlice(policy.Object, "spec", "variables")
	if err != nil {
		return ""
	}
	for _, each := range variables {
		if v, is := each.(map[string]any); is && v["name"] == "operator" {
			return strings.Trim(fmt.Sprint(v["expression"]), "'")
		}
	}
	return ""
}

// force proves by a dry run that the API server applies the policies: a pause that is new must come back with who paused.
func (k *check) force(ctx context.Context) {
	probe := &unstructured.Unstructured{Object: map[string]any{
		"apiVersion": v1alpha1.GroupVersion.String(), "kind": "TrafficShift",
		"metadata": map[string]any{"generateName": "check-", "namespace": k.cluster.Namespace},
		"spec": map[string]any{"policyRef": map[string]any{"name": "check"}, "service": map[string]any{"name": "check"},
			"control": string(v1alpha1.ControlPaused)},
	}}
	made, err := k.cluster.Shifts().Create(ctx, probe, metav1.CreateOptions{DryRun: []string{metav1.DryRunAll}})
	switch {
	case err != nil:
		k.unknown(forceCheck, fmt.Errorf("trying a pause without writing it: %w", err))
	case made.GetAnnotations()[v1alpha1.ControlledByAnnotation] == "":
		k.add(ResultMissing, forceCheck, "a pause, tried without writing it, came back without the name of who paused", "see whether the API server was started without MutatingAdmissionPolicy")
	default:
		k.add(ResultOK, forceCheck, "proven by a dry run", "")
	}
}
