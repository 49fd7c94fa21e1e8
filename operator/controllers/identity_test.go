package controllers

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	admissionv1 "k8s.io/api/admissionregistration/v1"
	appsv1 "k8s.io/api/apps/v1"
	authenticationv1 "k8s.io/api/authentication/v1"
	"k8s.io/apimachinery/pkg/api/meta"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/client/fake"
	"sigs.k8s.io/controller-runtime/pkg/client/interceptor"
	"sigs.k8s.io/kustomize/api/krusty"
	"sigs.k8s.io/kustomize/api/resmap"
	"sigs.k8s.io/kustomize/kyaml/filesys"
	"sigs.k8s.io/yaml"
)

const shipped = "system:serviceaccount:stagger-system:stagger"

// policyOf is an admission policy with one variable.
func policyOf(name, variable, expression string) client.Object {
	p := &admissionv1.MutatingAdmissionPolicy{ObjectMeta: metav1.ObjectMeta{Name: name}}
	p.Spec.Variables = []admissionv1.Variable{{Name: "theirs", Expression: "true"}, {Name: variable, Expression: expression}}
	return p
}

// cluster is an API server that takes whoever asks for a user; an error is what it answers to a read.
func cluster(user string, unreadable error, objects ...client.Object) client.Client {
	return fake.NewClientBuilder().WithObjects(objects...).WithInterceptorFuncs(interceptor.Funcs{
		Create: func(_ context.Context, _ client.WithWatch, o client.Object, _ ...client.CreateOption) error {
			if r, ok := o.(*authenticationv1.SelfSubjectReview); ok && user != "" {
				r.Status.UserInfo.Username = user
				return nil
			}
			return errors.New("forbidden")
		},
		Get: func(ctx context.Context, c client.WithWatch, key client.ObjectKey, o client.Object, opts ...client.GetOption) error {
			if unreadable != nil {
				return unreadable
			}
			return c.Get(ctx, key, o, opts...)
		},
	}).Build()
}

func TestTheOperatorStartsOnlyWhereThePoliciesKnowIt(t *testing.T) {
	const other = "system:serviceaccount:platform:stagger"
	noKind := &meta.NoKindMatchError{GroupKind: schema.GroupKind{Group: "admissionregistration.k8s.io", Kind: "MutatingAdmissionPolicy"}}
	hold, narrow := policyOf("stagger-hold", "operator", "'"+shipped+"'"), policyOf("stagger-narrow", "operator", "'"+shipped+"'")
	cases := map[string]struct {
		c    client.Client
		want []string // what the refusal names; none: it starts
	}{
		"as they ship":                        {cluster(shipped, nil, hold, narrow), nil},
		"without policies":                    {cluster(other, nil), nil},
		"where there are no such policies":    {cluster(other, noKind), nil},
		"in another namespace":                {cluster(other, nil, hold, narrow), []string{"stagger-hold", shipped, other, "manifests/operator-name"}},
		"when one policy was left behind":     {cluster(other, nil, policyOf("stagger-hold", "operator", "'"+other+"'"), narrow), []string{"stagger-narrow", shipped, other}},
		"as a person":                         {cluster("kubernetes-admin", nil, narrow), []string{"stagger-narrow", "kubernetes-admin"}},
		"with policies of an earlier version": {cluster(shipped, nil, policyOf("stagger-hold", "theirs", "true")), []string{"stagger-hold does not say", shipped}},
		"with a policy that computes it":      {cluster(shipped, nil, policyOf("stagger-hold", "operator", "'a' + 'b'")), []string{"stagger-hold does not say"}},
		"when nobody says who it is":          {cluster("", nil, hold), []string{"asking the API server who the operator is"}},
		"when a policy cannot be read":        {cluster(shipped, errors.New("no answer")), []string{"reading the admission policy", "no answer"}},
	}
	for name, c := range cases {
		t.Run(name, func(t *testing.T) {
			err := CheckIdentity(t.Context(), c.c, c.c)
			if (err != nil) != (len(c.want) > 0) {
				t.Fatalf("got %v", err)
			}
			for _, w := range c.want {
				if !strings.Contains(err.Error(), w) {
					t.Errorf("the refusal does not name %q: %v", w, err)
				}
			}
		})
	}
}

// build is what kustomize makes of a folder.
func build(t *testing.T, dir string) resmap.ResMap {
	t.Helper()
	all, err := krusty.MakeKustomizer(krusty.MakeDefaultOptions()).Run(filesys.MakeFsOnDisk(), dir)
	if err != nil {
		t.Fatalf("building %s: %v", dir, err)
	}
	return all
}

// decoded are the built objects of a kind.
func decoded[T any](t *testing.T, all resmap.ResMap, kind string) []T {
	t.Helper()
	var out []T
	for _, r := range all.Resources() {
		if r.GetKind() != kind {
			continue
		}
		text, err := r.AsYAML()
		if err != nil {
			t.Fatal(err)
		}
		var o T
		if err := yaml.Unmarshal(text, &o); err != nil {
			t.Fatalf("reading %s: %v", r.CurId(), err)
		}
		out = append(out, o)
	}
	return out
}

// What is installed agrees on who the operator is: the pods' account and every policy that names it.
func TestTheInstallationNamesOneOperator(t *testing.T) {
	root := t.TempDir()
	if err := os.CopyFS(root, os.DirFS("../../manifests")); err != nil {
		t.Fatal(err)
	}
	overlay := func(name, text string) string {
		dir := filepath.Join(root, name)
		if err := os.Mkdir(dir, 0o700); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(filepath.Join(dir, "kustomization.yaml"), []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		return dir
	}
	const account = `
patches:
- target: {kind: ServiceAccount, name: stagger}
  patch: '[{"op": "replace", "path": "/metadata/name", "value": "releases"}]'
  options: {allowNameChange: true}
- target: {kind: Deployment, name: stagger}
  patch: '[{"op": "replace", "path": "/spec/template/spec/serviceAccountName", "value": "releases"}]'
`
	cases := map[string]struct{ dir, want string }{
		"as it ships":          {filepath.Join(root, "kustomize"), shipped},
		"in another namespace": {overlay("a", "{resources: [../kustomize], namespace: platform, transformers: [../operator-name]}"), "system:serviceaccount:platform:stagger"},
		"as another account": {overlay("b", "resources: [../kustomize]\nnamespace: platform\ntransformers: [../operator-name]\n"+account),
			"system:serviceaccount:platform:releases"},
	}
	for name, c := range cases {
		t.Run(name, func(t *testing.T) {
			all := build(t, c.dir)
			var named []string
			for _, p := range decoded[admissionv1.MutatingAdmissionPolicy](t, all, "MutatingAdmissionPolicy") {
				operator, found := operatorIn(p)
				if !found {
					continue
				}
				if named = append(named, p.Name); operator != c.want {
					t.Errorf("policy %s takes %s for the operator, want %s", p.Name, operator, c.want)
				}
			}
			if want := namingPolicies(); !slices.Equal(slices.Sorted(slices.Values(named)), want) {
				t.Errorf("the policies that name the operator are %v, want %v", named, want)
			}
			for _, d := range decoded[appsv1.Deployment](t, all, "Deployment") {
				if is := fmt.Sprintf("system:serviceaccount:%s:%s", d.Namespace, d.Spec.Template.Spec.ServiceAccountName); is != c.want {
					t.Errorf("the operator's pods run as %s, want %s", is, c.want)
				}
			}
		})
	}
}

// The name stands nowhere in the policies but in the variable that is read and replaced.
func TestNoPolicyNamesTheOperatorOtherwise(t *testing.T) {
	files, err := filepath.Glob("../../manifests/admission/*.yaml")
	if err != nil || len(files) < 4 {
		t.Fatalf("found %v: %v", files, err)
	}
	for _, file := range files {
		text, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		for line := range bytes.Lines(text) {
			if bytes.Contains(line, []byte("serviceaccount")) && string(line) != "    expression: \"'"+shipped+"'\"\n" {
				t.Errorf("%s: %s", file, line)
			}
		}
	}
}
