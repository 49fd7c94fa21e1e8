// Package crd holds the CRDs for programs, as they are installed.
package crd

import (
	"embed"
	"fmt"

	apiextensionsv1 "k8s.io/apiextensions-apiserver/pkg/apis/apiextensions/v1"
	"sigs.k8s.io/yaml"
)

// files are the CRDs, a file each: stagger.dev_shiftpolicies.yaml and stagger.dev_trafficshifts.yaml.
//
//go:embed stagger.dev_*.yaml
var files embed.FS

// The plurals by which SchemaOf knows the kinds.
const (
	ShiftPolicies = "shiftpolicies"
	TrafficShifts = "trafficshifts"
)

// SchemaOf returns the schema of a kind, by its plural; an error where there is none.
func SchemaOf(plural string) (*apiextensionsv1.JSONSchemaProps, error) {
	text, err := files.ReadFile("stagger.dev_" + plural + ".yaml")
	if err != nil {
		return nil, err
	}
	var definition apiextensionsv1.CustomResourceDefinition
	if err := yaml.Unmarshal(text, &definition); err != nil {
		return nil, err
	}
	if len(definition.Spec.Versions) != 1 || definition.Spec.Versions[0].Schema == nil {
		return nil, fmt.Errorf("it has %d versions; one with a schema is known", len(definition.Spec.Versions))
	}
	return definition.Spec.Versions[0].Schema.OpenAPIV3Schema, nil
}
