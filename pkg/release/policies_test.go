package release_test

import (
	"cmp"
	"context"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"unicode/utf8"

	"github.com/google/cel-go/cel"
	admissionv1 "k8s.io/api/admission/v1"
	admissionregistrationv1 "k8s.io/api/admissionregistration/v1"
	appsv1 "k8s.io/api/apps/v1"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/apiserver/pkg/admission"
	plugincel "k8s.io/apiserver/pkg/admission/plugin/cel"
	celconfig "k8s.io/apiserver/pkg/apis/cel"
	"k8s.io/apiserver/pkg/authentication/user"
	"k8s.io/apiserver/pkg/authorization/authorizer"
	"k8s.io/apiserver/pkg/cel/environment"
	"sigs.k8s.io/yaml"

	"github.com/stagger-dev/stagger/pkg/apis/stagger/v1alpha1"
	"github.com/stagger-dev/stagger/pkg/chance"
	"github.com/stagger-dev/stagger/pkg/release"
)

// expression is an expression of a policy, with what it must give.
type expression struct {
	name, text string
	gives      *cel.Type
}

// GetName is that of a variable.
func (e expression) GetName() string { return e.name }

// GetExpression is its text.
func (e expression) GetExpression() string { return e.text }

// ReturnTypes is what it must give.
func (e expression) ReturnTypes() []*cel.Type { return []*cel.Type{e.gives} }

// declared is what expressions may name: patches too, of which conditions make none.
var declared = plugincel.OptionalVariableDeclarations{HasPatchTypes: true, HasAuthorizer: true}

// admissionPolicy is one that can be asked, by the API server's own code.
type admissionPolicy struct {
	manifest
	compiler *plugincel.CompositedCompiler
}

// policyOf is the one of a kind and name.
func policyOf(t testing.TB, name string) admissionPolicy {
	t.Helper()
	all, err := readPolicies()
	if err != nil {
		t.Fatal(err)
	}
	p := admissionPolicy{manifest: all[name]}
	if p.Name == "" {
		t.Fatalf("there is no %s", name)
	}
	if p.compiler, err = plugincel.NewCompositedCompiler(environment.MustBaseEnvSet(environment.DefaultCompatibilityVersion())); err != nil {
		t.Fatal(err)
	}
	for _, v := range p.Spec.Variables {
		if got := p.compiler.CompileAndStoreVariable(expression{v.Name, v.Expression, cel.AnyType}, declared, environment.StoredExpressions); got.Error != nil {
			t.Fatalf("%s, variable %s: %v", name, v.Name, got.Error)
		}
	}
	return p
}

// question is a list of expressions that can be asked about writes.
func (p admissionPolicy) question(t testing.TB, all ...plugincel.ExpressionAccessor) func(t testing.TB, w written) []any {
	t.Helper()
	condition := p.compiler.CompileCondition(all, declared, environment.StoredExpressions)
	if errs := condition.CompilationErrors(); len(errs) > 0 {
		t.Fatalf("%s: %v", p.Name, errs)
	}
	return func(t testing.TB, w written) []any {
		t.Helper()
		results, _, err := condition.ForInput(t.Context(), w.attributes(), w.request(), plugincel.OptionalVariableBindings{Authorizer: w.rights}, nil, celconfig.RuntimeCELCostBudget)
		if err != nil {
			t.Fatalf("%s: %v", p.Name, err)
		}
		answers := make([]any, len(results))
		for i, r := range results {
			if r.Error != nil {
				t.Fatalf("%s: %s: %v", p.Name, all[i].GetExpression(), r.Error)
			}
			answers[i] = r.EvalResult.Value()
		}
		return answers
	}
}

// matches are its conditions.
func (p admissionPolicy) matches() []plugincel.ExpressionAccessor {
	var all []plugincel.ExpressionAccessor
	for _, c := range p.Spec.MatchConditions {
		all = append(all, expression{c.Name, c.Expression, cel.BoolType})
	}
	return all
}

// written is a write of an object by a user.
type written struct {
	old, now runtime.Object // old is nil where it is made
	resource schema.GroupVersionResource
	kind     string
	user     string
	rights   rights
}

// rights are the gates that somebody may open, as user/gate.
type rights map[string]bool

// Authorize is RBAC.
func (r rights) Authorize(_ context.Context, a authorizer.Attributes) (authorizer.Decision, string, error) {
	asked := a.GetAPIGroup() == "stagger.dev" && a.GetResource() == "gates" && a.GetVerb() == "approve" && a.GetNamespace() == "shop"
	if asked && r[a.GetUser().GetName()+"/"+a.GetName()] {
		return authorizer.DecisionAllow, "", nil
	}
	return authorizer.DecisionNoOpinion, "", nil
}

func (w written) record() admission.Attributes {
	operation := admission.Update
	if w.old == nil {
		operation = admission.Create
	}
	return admission.NewAttributesRecord(w.now, w.old, w.resource.GroupVersion().WithKind(w.kind), "shop", "web", w.resource, "", operation, nil, false, &user.DefaultInfo{Name: w.user})
}

func (w written) attributes() *admission.VersionedAttributes {
	return &admission.VersionedAttributes{Attributes: w.record(), VersionedKind: w.resource.GroupVersion().WithKind(w.kind), VersionedObject: admission.NewLazyObject(w.now), VersionedOldObject: admission.NewLazyObject(w.old)}
}

func (w written) request() *admissionv1.AdmissionRequest {
	return plugincel.CreateAdmissionRequest(w.record(), metav1.GroupVersionResource(w.resource), metav1.GroupVersionKind(w.resource.GroupVersion().WithKind(w.kind)))
}

// readPolicies are the policies in the manifests, by kind and name. They are compiled once: it takes a while.
var readPolicies = sync.OnceValues(func() (map[string]manifest, error) {
	files, err := filepath.Glob("../../manifests/admission/*.yaml")
	if err != nil {
		return nil, err
	}
	read := map[string]manifest{}
	for _, file := range files {
		text, err := os.ReadFile(file)
		if err != nil {
			return nil, err
		}
		for _, document := range strings.Split(string(text), "\n---\n") {
			var m manifest
			if err := yaml.Unmarshal([]byte(document), &m); err != nil {
				return nil, fmt.Errorf("%s: %w", file, err)
			}
			if strings.HasSuffix(m.Kind, "AdmissionPolicy") {
				read[m.Kind+" "+m.Name] = m
			}
		}
	}
	return read, nil
})

// manifest is an admission policy of either kind.
type manifest struct {
	metav1.TypeMeta   `json:",inline"`
	metav1.ObjectMeta `json:"metadata"`
	Spec              struct {
		Variables       []admissionregistrationv1.Variable       `json:"variables"`
		MatchConditions []admissionregistrationv1.MatchCondition `json:"matchConditions"`
		Validations     []admissionregistrationv1.Validation     `json:"validations"`
		Mutations       []admissionregistrationv1.Mutation       `json:"mutations"`
	} `json:"spec"`
}

// expressions are all that it may evaluate behind its conditions.
func (m manifest) expressions() []plugincel.ExpressionAccessor {
	var all []plugincel.ExpressionAccessor
	for _, v := range m.Spec.Validations {
		all = append(all, expression{m.Name, v.Expression, cel.BoolType})
	}
	for _, x := range m.Spec.Mutations {
		if x.JSONPatch != nil {
			all = append(all, expression{m.Name, x.JSONPatch.Expression, cel.ListType(cel.ObjectType("JSONPatch"))})
		} else {
			all = append(all, expression{m.Name, x.ApplyConfiguration.Expression, cel.ObjectType("Object")})
		}
	}
	return all
}

const operatorName = "system:serviceaccount:stagger-system:stagger"

// FuzzCommandsAreReadAlike gives commands in the place of others, and demands that the admission policy and the operator agree: whether one is in
// the way, whose it is, and what is kept of the other.
func FuzzCommandsAreReadAlike(f *testing.F) {
	for _, was := range []string{"", "abort 7 t1", "promote 7 t1 why", "promote 7/3 t1", "undo 6 t1", "retry +7 t1", "abort 07 t1", "abort -7 t1", "abort 7", "jump 7 t1",
		"abort 9223372036854775808 t1", "approve 7 t1 load-test", "approve 7 t1", "approve 7 t1 load-test it held", "promote 7/-1 t1", "promote 7/2147483648 t1", "promote 0000000000000000007 t1", "promote 7/1000000000 t1", "promote 7/-0 t1", "promote ++7 t1", "promote 7/ t1",
		"abort\u00a07\u2003t1", "abort\v7\u0085t1", "abort 7 " + strings.Repeat("é", 70)} {
		for _, is := range []string{"abort 7 t2", "undo +7 t2", "abort 7/3 t2", "promote-full 7 t2 at once", "approve 7 t2 load-test", ""} {
			f.Add(was, is, "t0", "t1 eve", "ann")
			f.Add(was, is, strings.Repeat("é", 64), "", "ann")
			f.Add(was, is, "t1", "t1 eve", "system:serviceaccount:shop:ci")
		}
	}
	validating, mutating := policyOf(f, "ValidatingAdmissionPolicy stagger-author"), policyOf(f, "MutatingAdmissionPolicy stagger-author")
	inPlace := validating.question(f, expression{"in the way", validating.Spec.Validations[0].Expression, cel.BoolType})
	by := mutating.question(f, expression{"by", "variables.commandedBy", cel.AnyType}, expression{"replaced", "variables.replaced", cel.AnyType})
	f.Fuzz(func(t *testing.T, was, is, answered, wasBy, who string) {
		for _, s := range []string{was, is, answered, wasBy, who} {
			if !utf8.ValidString(s) || strings.ContainsRune(s, 0) {
				t.Skip("no JSON is like that")
			}
		}
		if who == "" {
			t.Skip("an API server knows nobody without a name, and the policy would refuse his write")
		}
		old := &v1alpha1.TrafficShift{}
		old.Annotations = map[string]string{v1alpha1.CommandAnnotation: was, v1alpha1.CommandedByAnnotation: wasBy}
		old.Status.Release, old.Status.LastHandledCommand = &v1alpha1.Release{Number: 7}, answered
		now := old.DeepCopy()
		now.Annotations[v1alpha1.CommandAnnotation] = is
		w := written{old: old, now: now, resource: v1alpha1.GroupVersion.WithResource("trafficshifts"), kind: "TrafficShift", user: who}
		command, verb := release.ParseCommand(is, ""), ""
		if command.Name() != "unreadable" && command.Number == 7 && !strings.Contains(strings.Fields(is)[1], "/") {
			verb = command.Name()
		}
		allowed, isBool := inPlace(t, w)[0].(bool)
		if free := release.InTheWay(old, verb) == nil; !isBool || allowed != (free || was == is) {
			t.Errorf("%q in the place of %q (answered: %q): the policy says %t, the operator %t", is, was, answered, allowed, free)
		}
		if was == is || is == "" {
			return
		}
		names := by(t, w)
		name, isName := names[0].(string)
		replaced, isText := names[1].(string)
		if !isName || !isText {
			t.Fatalf("the policy answers %v", names)
		}
		now.Annotations[v1alpha1.CommandedByAnnotation] = name
		if got, want := release.ParseCommand(is, name).By, strings.Join(strings.Fields(who), " "); utf8.RuneCountInString(want) < 200 && got != want {
			t.Errorf("%q of %q is taken for one of %q, by %q", is, who, got, name)
		}
		kept := ""
		if release.CommandOn(old) != nil {
			kept = release.Replacing(old, tokenOf(is))
		}
		if replaced != kept {
			t.Errorf("of %q in the place of %q the policy keeps %q, the operator %q", is, was, replaced, kept)
		}
	})
}

// tokenOf is the third word, and a dash where there is none.
func tokenOf(command string) string {
	if words := strings.Fields(command); len(words) > 2 {
		return words[2]
	}
	return "-"
}

// FuzzPoliciesAnswer has all policies look at any write that concerns them: an expression that fails refuses the write, and what a policy lets
// somebody do is the operator's alone.
func FuzzPoliciesAnswer(f *testing.F) {
	for _, seed := range chance.Seeds(32) {
		f.Add(seed)
	}
	asked := askedPolicies(f)
	f.Fuzz(func(t *testing.T, bytes []byte) { asked.look(t, bytes) })
}

// TestPoliciesAnswer is FuzzPoliciesAnswer with dice of its own.
func TestPoliciesAnswer(t *testing.T) {
	asked := askedPolicies(t)
	chance.Throws(500, 32, func(bytes []byte) { asked.look(t, bytes) })
}

// asked are all policies, by what they look at: their conditions, what they say behind those, and, where only the operator may do something,
// whether it is somebody else.
type asked []struct {
	kind                  string
	matches, says, theirs func(testing.TB, written) []any
}

func askedPolicies(t testing.TB) asked {
	t.Helper()
	var all asked
	for name, of := range map[string]struct{ kind, theirs string }{
		"MutatingAdmissionPolicy stagger-author":   {kind: "TrafficShift"},
		"ValidatingAdmissionPolicy stagger-author": {kind: "TrafficShift"},
		"ValidatingAdmissionPolicy stagger-config": {kind: "ConfigMap"},
		"MutatingAdmissionPolicy stagger-hold":     {kind: "Deployment", theirs: "!variables.mayLetGo"},
		"MutatingAdmissionPolicy stagger-narrow":   {kind: "Service", theirs: "variables.theirs"},
	} {
		p := policyOf(t, name)
		theirs := expression{"theirs", cmp.Or(of.theirs, "true"), cel.AnyType}
		all = append(all, struct {
			kind                  string
			matches, says, theirs func(testing.TB, written) []any
		}{of.kind, p.question(t, p.matches()...), p.question(t, p.expressions()...), p.question(t, theirs)})
	}
	return all
}

func (a asked) look(t *testing.T, bytes []byte) {
	t.Helper()
	for _, p := range a {
		d := dice{bytes}
		w := d.written(p.kind)
		if w.old == nil && p.kind != "TrafficShift" && p.kind != "Service" {
			continue // such a write does not concern it
		}
		if slices.Contains(p.matches(t, w), any(false)) {
			continue
		}
		p.says(t, w)
		if theirs := p.theirs(t, w)[0]; theirs != true && w.user != operatorName {
			t.Fatalf("%s: %q may do what only the operator may", p.kind, w.user)
		}
	}
}

// written is a write of a kind, which may have anything but what the API server itself refuses.
func (d *dice) written(kind string) written {
	w := written{kind: kind, user: chance.Pick(d, "ann", operatorName, "system:anonymous", "system:serviceaccount:shop:stagger")}
	switch kind {
	case "TrafficShift":
		w.resource = v1alpha1.GroupVersion.WithResource("trafficshifts")
	case "Deployment":
		w.resource = appsv1.SchemeGroupVersion.WithResource("deployments")
	default:
		w.resource = corev1.SchemeGroupVersion.WithResource(strings.ToLower(kind) + "s")
	}
	if w.now = d.object(kind); d.N(4) > 0 {
		w.old = d.object(kind)
	}
	return w
}

func (d *dice) object(kind string) runtime.Object {
	meta := metav1.ObjectMeta{Name: "web", Namespace: "shop"}
	if d.yes() {
		meta.Annotations = map[string]string{v1alpha1.CommandAnnotation: chance.Pick(d, "", "approve 7 t1 load-test", "abort 7 t1", "promote 7 t1 why", "abort  999999999999999999999 t1", "x", "\v", strings.Repeat("é ", 9)),
			v1alpha1.CommandedByAnnotation: chance.Pick(d, "", "t1 ann", "t1 ", "- x"), v1alpha1.ReplacedAnnotation: chance.Pick(d, "", "t1\nt0 eve\nretry 7 t0")}
	}
	if d.yes() {
		meta.Labels = map[string]string{v1alpha1.HeldLabel: chance.Pick(d, "true", "", "no"), v1alpha1.NarrowedLabel: chance.Pick(d, "", "5d4c"), v1alpha1.ConfigLabel: chance.Pick(d, "held", "")}
	}
	selector := chance.Pick(d, nil, map[string]string{}, map[string]string{"pod-template-hash": "5d4c"})
	switch kind {
	case "Deployment":
		template := corev1.PodTemplateSpec{ObjectMeta: metav1.ObjectMeta{Labels: selector}}
		return &appsv1.Deployment{ObjectMeta: meta, Spec: appsv1.DeploymentSpec{Paused: d.yes(), Template: template}}
	case "Service":
		return &corev1.Service{ObjectMeta: meta, Spec: corev1.ServiceSpec{Selector: selector}}
	case "ConfigMap":
		return &corev1.ConfigMap{ObjectMeta: meta, Data: selector, BinaryData: chance.Pick(d, nil, map[string][]byte{"a": {0}})}
	}
	s := &v1alpha1.TrafficShift{ObjectMeta: meta, Spec: v1alpha1.TrafficShiftSpec{Control: chance.Pick(d, v1alpha1.ControlAuto, v1alpha1.ControlPaused, "")}}
	if d.yes() {
		s.Status = v1alpha1.TrafficShiftStatus{LastHandledCommand: chance.Pick(d, "", "t1"), Release: &v1alpha1.Release{Number: 7}}
	}
	return s
}
