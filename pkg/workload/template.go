package workload

import (
	"bytes"
	"cmp"
	"crypto/sha256"
	"fmt"
	"maps"
	"reflect"
	"slices"
	"strings"

	appsv1 "k8s.io/api/apps/v1"
	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/api/equality"
	"k8s.io/apimachinery/pkg/api/resource"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
)

// HashLabel tells the pods of one ReplicaSet of a Deployment from those of another.
const HashLabel = appsv1.DefaultDeploymentUniqueLabelKey

// alphabet has no vowels, so that a hash is no word, and none of the letters that the Deployment controller's own hashes
// are made of (it writes a decimal number in 456789bcdf), so that none of ours is one of its.
const alphabet = "ghjklmnpqrstvwxz"

// hashLength is the number of letters of a hash, four bits each.
const hashLength = 10

// SameTemplate tells whether two templates make the same pods: semantic equality, the pod-template-hash label left out.
// It is the question the Deployment controller asks to find its new ReplicaSet.
func SameTemplate(a, b *corev1.PodTemplateSpec) bool {
	return equality.Semantic.DeepEqual(withoutHash(a), withoutHash(b))
}

// Hash is a short name for a template: ten lower-case letters, safe in names and label values. Templates that are SameTemplate
// have the same hash whatever the order of maps, nil or empty, or the notation of quantities; a new field of the API that is
// not set changes nothing. Different templates may in theory share one: see Clash.
func Hash(t *corev1.PodTemplateSpec) string {
	var b bytes.Buffer
	write(&b, reflect.ValueOf(*withoutHash(t)))
	return letters(sha256.Sum256(b.Bytes()))
}

// Images are those of a template's containers, in its order.
func Images(t *corev1.PodTemplateSpec) []string {
	out := make([]string, 0, len(t.Spec.Containers))
	for _, c := range t.Spec.Containers {
		out = append(out, c.Image)
	}
	return out
}

// withoutHash is the same template without the label of its hash; it shares everything else with it.
func withoutHash(t *corev1.PodTemplateSpec) *corev1.PodTemplateSpec {
	if _, labelled := t.Labels[HashLabel]; !labelled {
		return t
	}
	c := *t
	c.Labels = maps.Clone(t.Labels)
	delete(c.Labels, HashLabel)
	return &c
}

func letters(sum [sha256.Size]byte) string {
	var s [hashLength]byte
	for i := range s {
		s[i] = alphabet[sum[i]%byte(len(alphabet))]
	}
	return string(s[:])
}

// write renders a value so that values which are semantically equal render alike and others do not. JSON would not do: it
// keeps the notation of a quantity (1Gi, 1073741824), which semantic equality does not.
func write(b *bytes.Buffer, v reflect.Value) {
	switch o := v.Interface().(type) {
	case resource.Quantity:
		q := o.DeepCopy()
		q.Format = resource.DecimalSI
		number, suffix := q.CanonicalizeBytes(nil)
		fmt.Fprintf(b, "%s%s", number, suffix)
		return
	case metav1.Time:
		fmt.Fprint(b, o.UTC().UnixNano())
		return
	}
	switch v.Kind() {
	case reflect.Pointer:
		write(b, v.Elem())
	case reflect.Struct:
		writeStruct(b, v)
	case reflect.Map:
		writeMap(b, v)
	case reflect.Slice, reflect.Array:
		b.WriteByte('[')
		for i := range v.Len() {
			write(b, v.Index(i))
			b.WriteByte(',')
		}
		b.WriteByte(']')
	case reflect.String:
		fmt.Fprintf(b, "%q", v.String())
	default:
		fmt.Fprint(b, v.Interface())
	}
}

func writeStruct(b *bytes.Buffer, v reflect.Value) {
	b.WriteByte('{')
	for i := range v.NumField() {
		field := v.Type().Field(i)
		if !field.IsExported() || absent(v.Field(i)) {
			continue
		}
		name, _, _ := strings.Cut(field.Tag.Get("json"), ",")
		fmt.Fprintf(b, "%s:", cmp.Or(name, field.Name))
		write(b, v.Field(i))
		b.WriteByte(';')
	}
	b.WriteByte('}')
}

func writeMap(b *bytes.Buffer, v reflect.Value) {
	members := make(map[string]reflect.Value, v.Len())
	for _, k := range v.MapKeys() {
		members[k.String()] = v.MapIndex(k)
	}
	b.WriteByte('{')
	for _, k := range slices.Sorted(maps.Keys(members)) {
		fmt.Fprintf(b, "%q:", k)
		write(b, members[k])
		b.WriteByte(';')
	}
	b.WriteByte('}')
}

// absent leaves out what the API would leave out, so that nil and empty are one, and so that fields of later API versions count
// only once they are used.
func absent(v reflect.Value) bool {
	switch v.Kind() {
	case reflect.Slice, reflect.Map:
		return v.Len() == 0
	case reflect.Struct:
		if q, ok := v.Interface().(resource.Quantity); ok {
			return q.IsZero()
		}
	}
	return v.IsZero()
}
