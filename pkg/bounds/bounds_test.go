package bounds_test

import (
	"encoding/json"
	"fmt"
	"reflect"
	"regexp"
	"strings"
	"testing"

	"k8s.io/apiextensions-apiserver/pkg/apis/apiextensions"
	apiextensionsv1 "k8s.io/apiextensions-apiserver/pkg/apis/apiextensions/v1"
	"k8s.io/apiextensions-apiserver/pkg/apiserver/validation"
	"k8s.io/apimachinery/pkg/util/validation/field"

	"github.com/stagger-dev/stagger/manifests/crd"
	"github.com/stagger-dev/stagger/pkg/apis/stagger/v1alpha1"
	"github.com/stagger-dev/stagger/pkg/bounds"
)

// Each text and each list of the status is filled to its bound and beyond, by the CRD, and judged by the API server's own validator: what is
// within its bounds stays as it is, and what is beyond them is taken when it was cut.
func TestAStatusKeepsToTheBoundsOfItsCRD(t *testing.T) {
	kind, err := crd.SchemaOf(crd.TrafficShifts)
	if err != nil {
		t.Fatal(err)
	}
	schema := kind.Properties["status"]
	limits := bounds.New[v1alpha1.TrafficShiftStatus](&schema)
	for beyond, refused := range map[int]bool{0: false, 1: true, 300: true} {
		f := filler{beyond: beyond}
		full := f.value("status", &schema)
		if len(f.unbounded) > 0 {
			t.Fatalf("texts and lists without a bound: %s", strings.Join(f.unbounded, ", "))
		}
		var before, after v1alpha1.TrafficShiftStatus
		into(t, full, &before)
		into(t, full, &after)
		limits.Keep(&after)
		if same := reflect.DeepEqual(before, after); same == refused {
			t.Errorf("%d beyond the bounds: left as it was: %t", beyond, same)
		}
		if errs := judged(t, &schema, before); (len(errs) > 0) != refused {
			t.Errorf("%d beyond the bounds: as it was, the API server says %v", beyond, errs)
		}
		if errs := judged(t, &schema, after); len(errs) > 0 {
			t.Errorf("%d beyond the bounds: when it was cut, the API server says %v", beyond, errs)
		}
	}
}

// filler makes values that a schema asks for, with texts and lists that are so much longer than they may be. Of the items of a list the last
// that may be there is so, and the others are small.
type filler struct {
	beyond    int
	small     bool
	unbounded []string // texts and lists that may be of any length
}

func (f *filler) value(path string, s *apiextensionsv1.JSONSchemaProps) any {
	switch s.Type {
	case "object":
		out := map[string]any{}
		for name, p := range s.Properties {
			out[name] = f.value(path+"."+name, &p)
		}
		return out
	case "array":
		return f.list(path, s)
	case "string":
		return f.text(path, s)
	case "integer", "number":
		if s.Minimum != nil {
			return *s.Minimum
		}
		return 1
	case "boolean":
		return true
	}
	panic(fmt.Sprintf("%s is a %q", path, s.Type))
}

func (f *filler) list(path string, s *apiextensionsv1.JSONSchemaProps) any {
	if s.MaxItems == nil {
		f.unbounded = append(f.unbounded, path)
		return []any{}
	}
	small := f.small
	defer func() { f.small = small }()
	all := make([]any, int(*s.MaxItems)+f.beyond)
	if small {
		all = make([]any, 1)
	}
	for i := range all {
		f.small = small || i != int(*s.MaxItems)-1
		all[i] = f.value(path+"[]", s.Items.Schema)
	}
	return all
}

// text is of the longest characters that fit; of one that has to have a form it is the shortest, for nothing else would be taken.
func (f *filler) text(path string, s *apiextensionsv1.JSONSchemaProps) any {
	switch {
	case len(s.Enum) > 0:
		return strings.Trim(string(s.Enum[0].Raw), `"`)
	case s.Format == "date-time":
		return "2026-03-04T12:00:00.123456Z"
	case s.MaxLength == nil && s.Pattern == "":
		f.unbounded = append(f.unbounded, path)
		return ""
	}
	long := 1
	if s.MaxLength != nil && !f.small {
		long = int(*s.MaxLength) + f.beyond
	}
	for _, fits := range []string{strings.Repeat("界", long), strings.Repeat("a", long), "a", "1%", "1m", "1"} {
		if regexp.MustCompile(s.Pattern).MatchString(fits) {
			return fits
		}
	}
	panic(fmt.Sprintf("%s has a form that is not known: %s", path, s.Pattern))
}

func into(t *testing.T, value, target any) {
	t.Helper()
	text, err := json.Marshal(value)
	if err == nil {
		err = json.Unmarshal(text, target)
	}
	if err != nil {
		t.Fatal(err)
	}
}

// judged is what the API server has to say against a value.
func judged(t *testing.T, schema *apiextensionsv1.JSONSchemaProps, value any) field.ErrorList {
	t.Helper()
	internal := &apiextensions.JSONSchemaProps{}
	if err := apiextensionsv1.Convert_v1_JSONSchemaProps_To_apiextensions_JSONSchemaProps(schema, internal, nil); err != nil {
		t.Fatal(err)
	}
	validator, _, err := validation.NewSchemaValidator(internal)
	if err != nil {
		t.Fatal(err)
	}
	var object map[string]any
	into(t, value, &object)
	return validation.ValidateCustomResource(field.NewPath("status"), object, validator)
}

// What was given to others is not cut under their hands, and without bounds nothing is.
func TestTextsOfOthersAreLeftAlone(t *testing.T) {
	type thing struct {
		Images []string `json:"images"`
		Plain  string   `json:"plain"`
	}
	most := int64(2)
	schema := &apiextensionsv1.JSONSchemaProps{Type: "object", Properties: map[string]apiextensionsv1.JSONSchemaProps{
		"images": {Type: "array", MaxItems: &most, Items: &apiextensionsv1.JSONSchemaPropsOrArray{Schema: &apiextensionsv1.JSONSchemaProps{Type: "string", MaxLength: &most}}},
		"plain":  {Type: "string"},
		"gone":   {Type: "string", MaxLength: &most},
	}}
	images := []string{"äöü", "b", "c"}
	x := thing{Images: images, Plain: "long"}
	bounds.New[thing](schema).Keep(&x)
	if want := (thing{Images: []string{"äö", "b"}, Plain: "long"}); !reflect.DeepEqual(x, want) || images[0] != "äöü" {
		t.Errorf("%+v, of %v", x, images)
	}
	y := thing{Images: images}
	bounds.Of[thing]{}.Keep(&y)
	if !reflect.DeepEqual(y.Images, images) {
		t.Errorf("cut without a bound: %v", y)
	}
}
