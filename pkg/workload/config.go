package workload

import (
	"crypto/sha256"
	"encoding/hex"
	"maps"
	"slices"

	corev1 "k8s.io/api/core/v1"

	"github.com/stagger-dev/stagger/pkg/patch"
)

const (
	// ConfigLabel with the value ConfigHeld keeps a ConfigMap or Secret from being changed in place, by an admission policy.
	ConfigLabel = "stagger.dev/config"
	// ConfigHeld is that value.
	ConfigHeld = "held"
	// ConfigOfAnnotation is the name from which those of all versions of a ConfigMap or Secret are made.
	ConfigOfAnnotation = "stagger.dev/config-of"

	longestName = 253
)

// ConfigKind is the kind of an object that holds configuration.
type ConfigKind string

// The kinds of configuration.
const (
	ConfigMap ConfigKind = "ConfigMap"
	Secret    ConfigKind = "Secret"
)

// ConfigVersion returns the name of the version of a ConfigMap or Secret that has this data: the base and eight hexadecimal digits of the
// data's SHA-256. The same data gives the same name.
func ConfigVersion(base string, data map[string][]byte) string {
	sum := sha256.New()
	for _, key := range slices.Sorted(maps.Keys(data)) {
		for _, part := range [][]byte{[]byte(key), data[key]} {
			digest := sha256.Sum256(part)
			sum.Write(digest[:]) // a Hash never returns an error
		}
	}
	suffix := "-" + hex.EncodeToString(sum.Sum(nil)[:4])
	return base[:min(len(base), longestName-len(suffix))] + suffix
}

// RenameConfig returns the patch of a Deployment whose pod template names a ConfigMap or Secret, so that it names another one; empty when
// it does not. Each path is tested.
func RenameConfig(t *corev1.PodTemplateSpec, kind ConfigKind, from, to string) patch.Patch {
	r := renaming{kind: kind, from: from, to: to}
	for i, v := range t.Spec.Volumes {
		at := []any{"volumes", i}
		r.configMap(v.ConfigMap != nil && v.ConfigMap.Name == from, append(at, "configMap", "name"))
		r.secret(v.Secret != nil && v.Secret.SecretName == from, append(at, "secret", "secretName"))
		if v.Projected == nil {
			continue
		}
		for j, s := range v.Projected.Sources {
			source := append(slices.Clone(at), "projected", "sources", j)
			r.configMap(s.ConfigMap != nil && s.ConfigMap.Name == from, append(slices.Clone(source), "configMap", "name"))
			r.secret(s.Secret != nil && s.Secret.Name == from, append(slices.Clone(source), "secret", "name"))
		}
	}
	r.containers("initContainers", t.Spec.InitContainers)
	r.containers("containers", t.Spec.Containers)
	return r.patch
}

type renaming struct {
	kind     ConfigKind
	from, to string
	patch    patch.Patch
}

func (r *renaming) configMap(named bool, path []any) { r.replace(named && r.kind == ConfigMap, path) }
func (r *renaming) secret(named bool, path []any)    { r.replace(named && r.kind == Secret, path) }

func (r *renaming) replace(named bool, path []any) {
	if named {
		at := patch.Pointer(append([]any{"spec", "template", "spec"}, path...)...)
		r.patch = append(r.patch, patch.Test(at, r.from), patch.Replace(at, r.to))
	}
}

func (r *renaming) containers(field string, all []corev1.Container) {
	for i, c := range all {
		for j, e := range c.EnvFrom {
			r.configMap(e.ConfigMapRef != nil && e.ConfigMapRef.Name == r.from, []any{field, i, "envFrom", j, "configMapRef", "name"})
			r.secret(e.SecretRef != nil && e.SecretRef.Name == r.from, []any{field, i, "envFrom", j, "secretRef", "name"})
		}
		for j, e := range c.Env {
			v := e.ValueFrom
			r.configMap(v != nil && v.ConfigMapKeyRef != nil && v.ConfigMapKeyRef.Name == r.from, []any{field, i, "env", j, "valueFrom", "configMapKeyRef", "name"})
			r.secret(v != nil && v.SecretKeyRef != nil && v.SecretKeyRef.Name == r.from, []any{field, i, "env", j, "valueFrom", "secretKeyRef", "name"})
		}
	}
}
