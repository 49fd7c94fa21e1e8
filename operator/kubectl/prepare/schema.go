package prepare

import (
	"context"
	"fmt"
	"regexp"
	"slices"
	"strings"

	"k8s.io/apiextensions-apiserver/pkg/apis/apiextensions"
	apiextensionsv1 "k8s.io/apiextensions-apiserver/pkg/apis/apiextensions/v1"
	structuralschema "k8s.io/apiextensions-apiserver/pkg/apiserver/schema"
	"k8s.io/apiextensions-apiserver/pkg/apiserver/schema/cel"
	"k8s.io/apiextensions-apiserver/pkg/apiserver/schema/defaulting"
	"k8s.io/apiextensions-apiserver/pkg/apiserver/schema/pruning"
	"k8s.io/apiextensions-apiserver/pkg/apiserver/validation"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/util/validation/field"
	celconfig "k8s.io/apiserver/pkg/apis/cel"

	"github.com/stagger-dev/stagger/manifests/crd"
	"github.com/stagger-dev/stagger/pkg/apis/stagger/v1alpha1"
)

// problem is one sentence about an object, with the field it is about; the field is "" where no single one is to blame.
type problem struct{ field, text string }

// bySchema checks an object of Stagger's own kinds by its CRD, as an API server does before it stores one: fields that are not known, values,
// and rules. It has no problem with any other kind.
func bySchema(ctx context.Context, o *unstructured.Unstructured) ([]problem, error) {
	plural := map[string]string{"ShiftPolicy": crd.ShiftPolicies, "TrafficShift": crd.TrafficShifts}[o.GetKind()]
	if plural == "" || o.GroupVersionKind().GroupVersion() != v1alpha1.GroupVersion {
		return nil, nil
	}
	schema, structural, err := schemaOf(plural)
	if err != nil {
		return nil, fmt.Errorf("reading the CRD of %s: %w", o.GetKind(), err)
	}
	var all []problem
	content := o.DeepCopy().Object
	unknown := pruning.PruneWithOptions(content, structural, true, structuralschema.UnknownFieldPathOptions{TrackUnknownFieldPaths: true})
	for _, path := range unknown {
		all = append(all, problem{path, fmt.Sprintf("%s is no field of a %s: mend its name, or remove it", path, o.GetKind())})
	}
	defaulting.Default(content, structural)
	validator, _, err := validation.NewSchemaValidator(schema)
	if err != nil {
		return nil, fmt.Errorf("reading the CRD of %s: %w", o.GetKind(), err)
	}
	values := validation.ValidateCustomResource(nil, content, validator)
	all = append(all, problems(values)...)
	// The rules can only be asked about an object that has the right shape.
	if !slices.ContainsFunc(values, func(e *field.Error) bool {
		return e.Type == field.ErrorTypeTypeInvalid || e.Type == field.ErrorTypeRequired
	}) {
		rules, _ := cel.NewValidator(structural, true, celconfig.PerCallLimit).Validate(ctx, nil, structural, content, nil, celconfig.RuntimeCELCostBudget)
		all = merged(all, problems(slices.DeleteFunc(rules, func(e *field.Error) bool {
			return len(values) > 0 && strings.Contains(e.Detail, "type conversion error") // of a value that is named already
		})))
	}
	return all, nil
}

// problems are those of errors, by their fields: a validator goes through maps.
func problems(errs field.ErrorList) []problem {
	slices.SortStableFunc(errs, func(a, b *field.Error) int { return strings.Compare(a.Field, b.Field) })
	all := make([]problem, 0, len(errs))
	for _, e := range errs {
		all = append(all, problem{e.Field, sentence(e)})
	}
	return all
}

// schemaOf is that of a kind in its CRD.
func schemaOf(plural string) (*apiextensions.JSONSchemaProps, *structuralschema.Structural, error) {
	installed, err := crd.SchemaOf(plural)
	if err != nil {
		return nil, nil, err
	}
	schema := &apiextensions.JSONSchemaProps{}
	if err := apiextensionsv1.Convert_v1_JSONSchemaProps_To_apiextensions_JSONSchemaProps(installed, schema, nil); err != nil {
		return nil, nil, err
	}
	structural, err := structuralschema.NewStructural(schema)
	return schema, structural, err
}

// shape finds the pattern in what a validator says.
var shape = regexp.MustCompile(`in body should match '(.*)'`)

// sentence says what is wrong with a field and what it may be; of patterns it gives an example.
func sentence(e *field.Error) string {
	if found := shape.FindStringSubmatch(e.Detail); found != nil {
		switch {
		case strings.HasSuffix(found[1], "%$"):
			return fmt.Sprintf("%s is %q: write a percentage such as 5%%, with at most four decimals", e.Field, e.BadValue)
		case strings.Contains(found[1], "(h|m|s|ms)"):
			return fmt.Sprintf("%s is %q: write a length of time such as 5m", e.Field, e.BadValue)
		}
	}
	switch e.Type {
	case field.ErrorTypeRequired:
		return e.Field + " is missing: add it"
	case field.ErrorTypeTooLong:
		return e.Field + " is too long: " + strings.Join(strings.Fields(e.Detail), " ")
	case field.ErrorTypeInvalid, field.ErrorTypeTypeInvalid:
		return strings.Join(strings.Fields(e.Field+": "+strings.TrimPrefix(e.Detail, e.Field+" in body ")), " ")
	}
	return strings.Join(strings.Fields(e.Error()), " ")
}

// merged adds problems to others, but for those about a field, or a part of one, that the others name already.
func merged(known, more []problem) []problem {
	all := known
	for _, m := range more {
		named := false
		for _, k := range known {
			named = named || m.field != "" && (k.field == m.field || strings.HasPrefix(k.field, m.field+"."))
		}
		if !named {
			all = append(all, m)
		}
	}
	return all
}

// listed are sentences: one as it is, several below one another.
func listed(all []problem) string {
	if len(all) == 1 {
		return all[0].text
	}
	text := ""
	for _, p := range all {
		text += "\n    " + p.text
	}
	return text
}
