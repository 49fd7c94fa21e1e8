package e2e

import (
	"context"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	authorizationv1 "k8s.io/api/authorization/v1"
	rbacv1 "k8s.io/api/rbac/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/stagger-dev/stagger/e2e/bed"
)

// may asks the API server whether a user may do something: "verb group/resource[/subresource]" in a namespace, the core group being
// named core.
func may(t *testing.T, user, namespace, what string) bool {
	t.Helper()
	verb, rest, _ := strings.Cut(what, " ")
	group, resource, _ := strings.Cut(rest, "/")
	resource, sub, _ := strings.Cut(resource, "/")
	if group == "core" {
		group = ""
	}
	review := &authorizationv1.SubjectAccessReview{Spec: authorizationv1.SubjectAccessReviewSpec{
		User: user,
		ResourceAttributes: &authorizationv1.ResourceAttributes{
			Namespace: namespace, Verb: verb, Group: group, Version: "*", Resource: resource, Subresource: sub,
		},
	}}
	if err := adm.client.Create(t.Context(), review); err != nil {
		t.Fatalf("asking for rights: %v", err)
	}
	return review.Status.Allowed
}

func TestTheOperatorHasTheRightsItNeedsAndNoOthers(t *testing.T) {
	cases := map[string]struct {
		namespace string
		what      string // verbs group/resource
		want      bool
	}{
		"it watches, makes and patches Services": {"shop", "get,list,watch,create,patch,delete core/services", true},
		"it never updates a Service":             {"shop", "update core/services", false},
		"it owns by a Service":                   {"shop", "update core/services/finalizers", true},
		"it patches Deployments":                 {"shop", "get,list,watch,patch apps/deployments", true},
		"it never makes or deletes one":          {"shop", "create,update,delete,deletecollection apps/deployments", false},
		"it owns by a Deployment":                {"shop", "update apps/deployments/finalizers", true},
		"it makes ReplicaSets":                   {"shop", "get,list,watch,create,patch,delete apps/replicasets", true},
		"it reads pods":                          {"shop", "get,list,watch core/pods", true},
		"it never touches a pod":                 {"shop", "create,update,patch,delete core/pods", false},
		"it never enters a pod":                  {"shop", "create,get core/pods/exec", false},
		"it reads namespaces":                    {"", "get,list,watch core/namespaces", true},
		"it writes events":                       {"shop", "create,patch core/events", true},
		"it writes events of the newer kind":     {"shop", "create,patch events.k8s.io/events", true},
		"it patches VirtualServices":             {"shop", "get,list,watch,create,patch,delete networking.istio.io/virtualservices", true},
		"it never updates one":                   {"shop", "update networking.istio.io/virtualservices", false},
		"it patches DestinationRules":            {"shop", "get,list,watch,create,patch,delete networking.istio.io/destinationrules", true},
		"it never updates a DestinationRule":     {"shop", "update networking.istio.io/destinationrules", false},
		"it reads Gateways":                      {"shop", "get,list,watch networking.istio.io/gateways", true},
		"it never writes a Gateway":              {"shop", "create,update,patch,delete networking.istio.io/gateways", false},
		"it keeps TrafficShifts":                 {"shop", "get,list,watch,create,update,patch,delete stagger.dev/trafficshifts", true},
		"it writes their status":                 {"shop", "get,update,patch stagger.dev/trafficshifts/status", true},
		"it holds them by a finalizer":           {"shop", "update stagger.dev/trafficshifts/finalizers", true},
		"it reads policies":                      {"", "get,list,watch stagger.dev/shiftpolicies", true},
		"it never writes a policy":               {"", "create,update,patch,delete stagger.dev/shiftpolicies", false},
		"it writes their status too":             {"", "get,update,patch stagger.dev/shiftpolicies/status", true},
		"it sees whether it is guarded": {
			"", "get,list,watch admissionregistration.k8s.io/mutatingadmissionpolicies", true},
		"it sees how the guard is bound": {
			"", "get,list,watch admissionregistration.k8s.io/mutatingadmissionpolicybindings", true},
		"it never changes the guard":            {"", "create,update,patch,delete admissionregistration.k8s.io/mutatingadmissionpolicies", false},
		"it elects its leader":                  {operatorNamespace, "get,list,watch,create,update,patch coordination.k8s.io/leases", true},
		"it elects nowhere else":                {"kube-system", "get,create,update coordination.k8s.io/leases", false},
		"it asks who reads its metrics":         {"", "create authentication.k8s.io/tokenreviews", true},
		"it asks what he may":                   {"", "create authorization.k8s.io/subjectaccessreviews", true},
		"it never sees a Secret":                {"shop", "get,list,watch,create core/secrets", false},
		"it never sees a Secret of its own":     {operatorNamespace, "get,list,watch core/secrets", false},
		"it sees no ConfigMap":                  {"shop", "get,list core/configmaps", false},
		"it gives no rights":                    {"", "create,update,patch,bind,escalate rbac.authorization.k8s.io/clusterroles", false},
		"it takes nobody's place":               {"", "impersonate core/users", false},
		"it makes nobody a token":               {"shop", "create core/serviceaccounts/token", false},
		"it sees no node":                       {"", "get,list core/nodes", false},
		"it changes no custom resource's kind":  {"", "get,update,patch apiextensions.k8s.io/customresourcedefinitions", false},
		"it does not do whatever comes to mind": {"shop", "* */*", false},
	}
	for name, c := range cases {
		t.Run(name, func(t *testing.T) {
			verbs, thing, _ := strings.Cut(c.what, " ")
			for verb := range strings.SplitSeq(verbs, ",") {
				if got := may(t, operatorUser, c.namespace, verb+" "+thing); got != c.want {
					t.Errorf("may %s %s in %q: %v, want %v", verb, thing, c.namespace, got, c.want)
				}
			}
		})
	}
}

// With all rights there are, but as somebody else than the admission policies let unpause and widen, the operator would be put back for ever:
// it says so and does not start.
func TestTheOperatorDoesNotStartAsSomebodyElse(t *testing.T) {
	program, dir := filepath.Join(adm.programs, "stagger"), t.TempDir()
	if _, err := bed.NewOperator(t.Context(), program, dir, adm.config, fmt.Sprintf("sources=[{name: default, address: %q}]", prometheus()),
		"namespaces=["+newNamespace(t)+"]"); err != nil {
		t.Fatal(err)
	}
	ctx, stop := context.WithTimeout(t.Context(), patience)
	defer stop()
	out, err := exec.CommandContext(ctx, program, "--config", filepath.Join(dir, "operator.yaml"), "--kubeconfig", os.Getenv("KUBECONFIG")).CombinedOutput()
	if err == nil || ctx.Err() != nil {
		t.Fatalf("it did not refuse: %v\n%s", err, out)
	}
	for _, word := range []string{"stagger-hold", "takes " + operatorUser + " for the operator", "manifests/operator-name"} {
		if !strings.Contains(string(out), word) {
			t.Errorf("the refusal does not name %q:\n%s", word, out)
		}
	}
}

func TestNoRoleOfOursHasAWildcard(t *testing.T) {
	var all rbacv1.ClusterRoleList
	if err := adm.client.List(t.Context(), &all); err != nil {
		t.Fatal(err)
	}
	found := 0
	for _, role := range all.Items {
		if !strings.HasPrefix(role.Name, "stagger") {
			continue
		}
		found++
		for _, rule := range role.Rules {
			if words := strings.Join(append(append(rule.Verbs, rule.Resources...), rule.APIGroups...), " "); strings.Contains(words, "*") {
				t.Errorf("ClusterRole %s: %s", role.Name, words)
			}
		}
	}
	if found < 5 {
		t.Errorf("%d ClusterRoles were found, want at least 5", found)
	}
}

func TestPeopleMayWhatTheirRolesSay(t *testing.T) {
	ns := newNamespace(t)
	bind := func(user, role string) {
		b := &rbacv1.RoleBinding{
			ObjectMeta: metav1.ObjectMeta{Name: user, Namespace: ns},
			RoleRef:    rbacv1.RoleRef{APIGroup: rbacv1.GroupName, Kind: "ClusterRole", Name: role},
			Subjects:   []rbacv1.Subject{{APIGroup: rbacv1.GroupName, Kind: rbacv1.UserKind, Name: user}},
		}
		if err := adm.client.Create(t.Context(), b); err != nil {
			t.Fatal(err)
		}
	}
	bind("viewer", "view")
	bind("editor", "edit")
	bind("platform", "stagger-policy-admin")
	waitFor(t, "the bindings count", func() (bool, string) {
		return may(t, "viewer", ns, "get stagger.dev/trafficshifts") && may(t, "editor", ns, "patch stagger.dev/trafficshifts") &&
			may(t, "platform", ns, "create stagger.dev/shiftpolicies"), "not all do"
	})
	for who, what := range map[string]string{
		"viewer": "patch stagger.dev/trafficshifts", "editor": "patch stagger.dev/trafficshifts/status", "platform": "patch stagger.dev/trafficshifts",
	} {
		if may(t, who, ns, what) {
			t.Errorf("%s may %s", who, what)
		}
	}
	for role, into := range map[string][]string{"stagger-view": {"view", "edit", "admin"}, "stagger-edit": {"edit", "admin"}, "stagger-policy-admin": nil} {
		var r rbacv1.ClusterRole
		if err := adm.client.Get(t.Context(), client.ObjectKey{Name: role}, &r); err != nil {
			t.Fatal(err)
		}
		for _, target := range []string{"view", "edit", "admin"} {
			want := strings.Contains(strings.Join(into, " "), target)
			if got := r.Labels["rbac.authorization.k8s.io/aggregate-to-"+target] == "true"; got != want {
				t.Errorf("%s is part of %s: %v, want %v", role, target, got, want)
			}
		}
	}
}
