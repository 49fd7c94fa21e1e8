package v1alpha1

import (
	"encoding/json"
	"os"
	"testing"

	"github.com/google/go-cmp/cmp"
	"sigs.k8s.io/yaml"
)

// openAPI is the part of a CRD's schema that defaults are in.
type openAPI struct {
	Default    any                `json:"default"`
	Properties map[string]openAPI `json:"properties"`
}

// filled is what the API server makes of an object that leaves everything out.
func (s openAPI) filled() any {
	object, _ := s.Default.(map[string]any)
	if object == nil {
		if len(s.Properties) == 0 || s.Default != nil {
			return s.Default
		}
		object = map[string]any{}
	}
	for name, property := range s.Properties {
		if _, there := object[name]; there {
			continue
		}
		if value := property.filled(); value != nil {
			if inner, isObject := value.(map[string]any); !isObject || len(inner) > 0 && property.Default != nil {
				object[name] = value
			}
		}
	}
	return object
}

func TestDefaultsAreThoseOfTheAPIServer(t *testing.T) {
	body, err := os.ReadFile("../../../../manifests/crd/stagger.dev_shiftpolicies.yaml")
	if err != nil {
		t.Fatal(err)
	}
	var crd struct {
		Spec struct {
			Versions []struct {
				Schema struct {
					OpenAPIV3Schema openAPI `json:"openAPIV3Schema"`
				} `json:"schema"`
			} `json:"versions"`
		} `json:"spec"`
	}
	if err := yaml.Unmarshal(body, &crd); err != nil {
		t.Fatal(err)
	}
	text, err := json.Marshal(crd.Spec.Versions[0].Schema.OpenAPIV3Schema.Properties["spec"].filled())
	if err != nil {
		t.Fatal(err)
	}
	var want, got ShiftPolicySpec
	if err := json.Unmarshal(text, &want); err != nil {
		t.Fatal(err)
	}
	got.Defaults()
	if diff := cmp.Diff(want, got); diff != "" || want.Tolerance == "" {
		t.Errorf("Defaults (-API server +ours):\n%s", diff)
	}
}
