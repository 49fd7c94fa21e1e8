package workload

import (
	"crypto/sha256"
	"encoding/hex"
	"maps"
	"slices"
	"strings"
	"unicode/utf8"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/utils/ptr"

	"github.com/stagger-dev/stagger/pkg/apis/stagger/v1alpha1"
	"github.com/stagger-dev/stagger/pkg/patch"
)

const (
	longestName = 253
	// digits is how many hexadecimal digits of the data's hash end the name of a version.
	digits = 8
)

// ConfigKind is the kind of an object that holds configuration.
type ConfigKind string

// The kinds of configuration.
const (
	ConfigMap ConfigKind = "ConfigMap"
	Secret    ConfigKind = "Secret"
)

// NextConfigMap returns the version of a ConfigMap that comes after it: its data with the values that are set, immutable and held, under the
// name that ConfigVersion gives. A new value is text where it can be, and binary where the one before was. The ConfigMap stays as it is.
func NextConfigMap(old *corev1.ConfigMap, set map[string][]byte) *corev1.ConfigMap {
	data := ConfigMapData(old)
	maps.Copy(data, set)
	next := &corev1.ConfigMap{
		TypeMeta:   metav1.TypeMeta{APIVersion: "v1", Kind: string(ConfigMap)},
		ObjectMeta: nextMeta(&old.ObjectMeta, data), Immutable: ptr.To(true), Data: map[string]string{}, BinaryData: map[string][]byte{},
	}
	for key, value := range data {
		if _, binary := old.BinaryData[key]; binary || !utf8.Valid(value) {
			next.BinaryData[key] = value
		} else {
			next.Data[key] = string(value)
		}
	}
	return next
}

// NextSecret is NextConfigMap for a Secret, which keeps its type.
func NextSecret(old *corev1.Secret, set map[string][]byte) *corev1.Secret {
	data := SecretData(old)
	maps.Copy(data, set)
	return &corev1.Secret{
		TypeMeta:   metav1.TypeMeta{APIVersion: "v1", Kind: string(Secret)},
		ObjectMeta: nextMeta(&old.ObjectMeta, data), Immutable: ptr.To(true), Data: data, Type: old.Type,
	}
}

// ConfigMapData is what the keys of a ConfigMap hold, be it text or binary.
func ConfigMapData(m *corev1.ConfigMap) map[string][]byte {
	data := make(map[string][]byte, len(m.Data)+len(m.BinaryData))
	maps.Copy(data, m.BinaryData)
	for key, value := range m.Data {
		data[key] = []byte(value)
	}
	return data
}

// SecretData is what the keys of a Secret hold.
func SecretData(s *corev1.Secret) map[string][]byte {
	data := make(map[string][]byte, len(s.Data))
	maps.Copy(data, s.Data)
	return data
}

// nextMeta keeps labels and annotations, but for what kubectl apply remembers of an object: that is not true of its next version.
func nextMeta(old *metav1.ObjectMeta, data map[string][]byte) metav1.ObjectMeta {
	labels, annotations := map[string]string{}, map[string]string{}
	maps.Copy(labels, old.Labels)
	maps.Copy(annotations, old.Annotations)
	delete(annotations, corev1.LastAppliedConfigAnnotation)
	base := ConfigBase(old)
	labels[v1alpha1.ConfigLabel], annotations[v1alpha1.ConfigOfAnnotation] = v1alpha1.ConfigHeld, base
	return metav1.ObjectMeta{Namespace: old.Namespace, Name: ConfigVersion(base, data), Labels: labels, Annotations: annotations}
}

// ConfigBase returns the name that the versions of an object have in common: what its annotation says when its own name is made of that, else
// its own. So an annotation that was copied to an object of another name gives nobody that object's versions.
func ConfigBase(o *metav1.ObjectMeta) string {
	if base := o.Annotations[v1alpha1.ConfigOfAnnotation]; base != "" && base != o.Name && MayBeVersion(o.Name, base) {
		return base
	}
	return o.Name
}

// MayBeVersion says whether the name of an object is its base, or could have been made of that by ConfigVersion. Whether it was, the object
// itself says: see ConfigBase.
func MayBeVersion(name, base string) bool {
	suffix, found := strings.CutPrefix(name, stem(base)+"-")
	sum, err := hex.DecodeString(suffix)
	return name == base || found && err == nil && len(sum) == digits/2
}

// BaseOf returns the name of which an object of this name could be a version, by MayBeVersion; the name itself when it looks like none. Of a
// base that was cut to leave room for the hash it is what was left.
func BaseOf(name string) string {
	if at := strings.LastIndexByte(name, '-'); at > 0 && MayBeVersion(name, name[:at]) {
		return name[:at]
	}
	return name
}

// stem is as much of a base as leaves room for the hash, and can stand before it.
func stem(base string) string {
	return strings.TrimRight(base[:min(len(base), longestName-1-digits)], "-.")
}

// ConfigVersion returns the name of the version of a ConfigMap or Secret that has this data: the base and eight hexadecimal digits of the
// data's SHA-256. The same data gives the same name; other data gives the same name once in four thousand million.
func ConfigVersion(base string, data map[string][]byte) string {
	sum := sha256.New()
	for _, key := range slices.Sorted(maps.Keys(data)) {
		for _, part := range [][]byte{[]byte(key), data[key]} {
			digest := sha256.Sum256(part)
			sum.Write(digest[:]) // a Hash never returns an error
		}
	}
	return stem(base) + "-" + hex.EncodeToString(sum.Sum(nil))[:digits]
}

// ManagedServices are the annotated Services that select the pods of a template, by name, sorted: those whose releases a change of the template
// begins.
func ManagedServices(t *corev1.PodTemplateSpec, services []*corev1.Service) []string {
	var names []string
	for _, s := range services {
		selector := Selector(s)
		if s.Annotations[v1alpha1.PolicyAnnotation] != "" && len(selector) > 0 && covers(selector, t.Labels) {
			names = append(names, s.Name)
		}
	}
	slices.Sort(names)
	return names
}

// RenameConfig returns the patch of a Deployment whose pod template names a ConfigMap or Secret, so that it names another one; empty when
// it does not. Each path is tested.
func RenameConfig(t *corev1.PodTemplateSpec, kind ConfigKind, from, to string) patch.Patch {
	var p patch.Patch
	eachConfig(t, func(k ConfigKind, name *string, path ...any) {
		if k == kind && *name == from {
			at := patch.Pointer(append([]any{"spec", "template", "spec"}, path...)...)
			p = append(p, patch.Test(at, from), patch.Replace(at, to))
		}
	})
	return p
}

// ConfigNames returns the names of the ConfigMaps or Secrets that a pod template names, sorted, each once.
func ConfigNames(t *corev1.PodTemplateSpec, kind ConfigKind) []string {
	var names []string
	eachConfig(t, func(k ConfigKind, name *string, _ ...any) {
		if k == kind && *name != "" {
			names = append(names, *name)
		}
	})
	slices.Sort(names)
	return slices.Compact(names)
}

// eachConfig visits all places where a pod template names a ConfigMap or Secret, with the name itself; path leads there from the pod's spec.
func eachConfig(t *corev1.PodTemplateSpec, visit func(kind ConfigKind, name *string, path ...any)) {
	for i, v := range t.Spec.Volumes {
		if v.ConfigMap != nil {
			visit(ConfigMap, &v.ConfigMap.Name, "volumes", i, "configMap", "name")
		}
		if v.Secret != nil {
			visit(Secret, &v.Secret.SecretName, "volumes", i, "secret", "secretName")
		}
		if v.Projected == nil {
			continue
		}
		for j, s := range v.Projected.Sources {
			if s.ConfigMap != nil {
				visit(ConfigMap, &s.ConfigMap.Name, "volumes", i, "projected", "sources", j, "configMap", "name")
			}
			if s.Secret != nil {
				visit(Secret, &s.Secret.Name, "volumes", i, "projected", "sources", j, "secret", "name")
			}
		}
	}
	eachConfigOf("initContainers", t.Spec.InitContainers, visit)
	eachConfigOf("containers", t.Spec.Containers, visit)
}

func eachConfigOf(field string, all []corev1.Container, visit func(kind ConfigKind, name *string, path ...any)) {
	for i, c := range all {
		for j, e := range c.EnvFrom {
			if e.ConfigMapRef != nil {
				visit(ConfigMap, &e.ConfigMapRef.Name, field, i, "envFrom", j, "configMapRef", "name")
			}
			if e.SecretRef != nil {
				visit(Secret, &e.SecretRef.Name, field, i, "envFrom", j, "secretRef", "name")
			}
		}
		for j, e := range c.Env {
			v := e.ValueFrom
			if v != nil && v.ConfigMapKeyRef != nil {
				visit(ConfigMap, &v.ConfigMapKeyRef.Name, field, i, "env", j, "valueFrom", "configMapKeyRef", "name")
			}
			if v != nil && v.SecretKeyRef != nil {
				visit(Secret, &v.SecretKeyRef.Name, field, i, "env", j, "valueFrom", "secretKeyRef", "name")
			}
		}
	}
}
