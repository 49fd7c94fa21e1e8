package workload

import (
	"fmt"
	"maps"
	"reflect"
	"slices"
	"strings"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/api/equality"

	"github.com/stagger-dev/stagger/pkg/text"
)

// MostChanges is how many changes of a template are told one by one, LongestChange the most bytes of one of them.
const (
	MostChanges   = 16
	LongestChange = 253
)

// Changes says in words what a pod template has otherwise than the one before it: configuration first, then what is in its containers, then
// the rest; such as "checkout-settings: 2 keys changed (mode, rate)" or "env LOG_LEVEL of app". Values are not told. What the keys of a
// ConfigMap or Secret are is not asked for: the annotations of the Deployment may say it, see NoteConfig, and else the names are told.
// There are at most MostChanges of at most LongestChange bytes; the last one counts those beyond.
func Changes(before, after *corev1.PodTemplateSpec, annotations map[string]string) []string {
	if SameTemplate(before, after) {
		return nil
	}
	a, b := withoutHash(before).DeepCopy(), withoutHash(after).DeepCopy()
	out := configChanges(a, b, annotations)
	out = append(out, containerChanges("container", a.Spec.Containers, b.Spec.Containers)...)
	out = append(out, containerChanges("init container", a.Spec.InitContainers, b.Spec.InitContainers)...)
	out = append(out, members("volume", byVolume(a.Spec.Volumes), byVolume(b.Spec.Volumes), "")...)
	out = append(out, members("annotation", a.Annotations, b.Annotations, "")...)
	out = append(out, members("label", a.Labels, b.Labels, "")...)
	for _, field := range fields(a.Spec, b.Spec) {
		if field != "containers" && field != "initContainers" && field != "volumes" {
			out = append(out, field)
		}
	}
	if len(out) == 0 {
		out = []string{"an order within the pod template"} // of containers, variables or volumes: nothing else is left
	}
	return bounded(out)
}

// bounded cuts the list and each of it to what a status holds.
func bounded(changes []string) []string {
	if more := len(changes) - MostChanges + 1; more > 1 {
		changes = append(changes[:MostChanges-1:MostChanges-1], fmt.Sprintf("%d more", more))
	}
	for i, c := range changes {
		changes[i] = text.CutBytes(c, LongestChange)
	}
	return changes
}

// configChanges tells which ConfigMaps and Secrets are named instead of others, and takes their names out of both templates, so that what
// names them is not told again.
func configChanges(a, b *corev1.PodTemplateSpec, annotations map[string]string) []string {
	var out []string
	noted := notesOf(annotations)
	for _, kind := range []ConfigKind{ConfigMap, Secret} {
		was, is := ConfigNames(a, kind), ConfigNames(b, kind)
		gone := slices.DeleteFunc(slices.Clone(was), func(n string) bool { return slices.Contains(is, n) })
		added := slices.DeleteFunc(slices.Clone(is), func(n string) bool { return slices.Contains(was, n) })
		for _, t := range []*corev1.PodTemplateSpec{a, b} {
			eachConfig(t, func(k ConfigKind, name *string, _ ...any) {
				if k == kind && (slices.Contains(gone, *name) || slices.Contains(added, *name)) {
					*name = ""
				}
			})
		}
		sole := len(gone) == 1 && len(added) == 1
		for _, name := range added {
			i := slices.IndexFunc(gone, func(old string) bool { return noted.since(kind, name, old) != "" })
			if i < 0 {
				i = slices.IndexFunc(gone, func(old string) bool { return sole || beforeDash(old) == beforeDash(name) })
			}
			if i < 0 {
				out = append(out, fmt.Sprintf("%s %s added", kind, name))
				continue
			}
			if note := noted.since(kind, name, gone[i]); note != "" {
				out = append(out, note)
			} else {
				out = append(out, fmt.Sprintf("%s %s instead of %s", kind, name, gone[i]))
			}
			gone = slices.Delete(gone, i, i+1)
		}
		for _, name := range gone {
			out = append(out, fmt.Sprintf("%s %s left out", kind, name))
		}
	}
	return out
}

// beforeDash is what the versions of an object have in common where their names end in a hash, a number or a date.
func beforeDash(name string) string {
	if i := strings.LastIndexByte(name, '-'); i > 0 {
		return name[:i]
	}
	return name
}

// containerChanges tells what containers of the same name have otherwise.
func containerChanges(what string, before, after []corev1.Container) []string {
	var out []string
	was, is := map[string]corev1.Container{}, map[string]corev1.Container{}
	for _, c := range before {
		was[c.Name] = c
		if !slices.ContainsFunc(after, func(o corev1.Container) bool { return o.Name == c.Name }) {
			out = append(out, what+" "+c.Name+" left out")
		}
	}
	for _, c := range after {
		is[c.Name] = c
		old, found := was[c.Name]
		if !found {
			out = append(out, what+" "+c.Name+" added")
			continue
		}
		for _, field := range fields(old, c) {
			switch env := members("env", byVariable(old.Env), byVariable(c.Env), c.Name); {
			case field == "env" && len(env) > 0:
				out = append(out, env...)
			case field == "env":
				out = append(out, "order of env of "+c.Name)
			default:
				out = append(out, field+" of "+c.Name)
			}
		}
	}
	return out
}

// named is how many members of one kind are told by their names.
const named = 3

// members tells in one sentence which named members of something differ, are new or are gone; none where all are the same.
func members[T any](what string, before, after map[string]T, of string) []string {
	var differ []string
	for _, name := range slices.Sorted(maps.Keys(union(before, after))) {
		was, had := before[name]
		is, has := after[name]
		if had != has || !equality.Semantic.DeepEqual(was, is) {
			differ = append(differ, text.Clean(name))
		}
	}
	if len(differ) == 0 {
		return nil
	}
	said := what + " " + firstFew(differ)
	if of != "" {
		said += " of " + of
	}
	return []string{said}
}

func union[T any](a, b map[string]T) map[string]T {
	all := make(map[string]T, len(a)+len(b))
	maps.Copy(all, a)
	maps.Copy(all, b)
	return all
}

// firstFew names the first of many.
func firstFew(names []string) string {
	said := strings.Join(names[:min(len(names), named)], ", ")
	if more := len(names) - named; more > 0 {
		said += fmt.Sprintf(" and %d more", more)
	}
	return said
}

// fields are the JSON names of the fields in which two values of the same struct differ, in their order.
func fields(a, b any) []string {
	var out []string
	x, y := reflect.ValueOf(a), reflect.ValueOf(b)
	for i := range x.NumField() {
		if !equality.Semantic.DeepEqual(x.Field(i).Interface(), y.Field(i).Interface()) {
			name, _, _ := strings.Cut(x.Type().Field(i).Tag.Get("json"), ",")
			out = append(out, name)
		}
	}
	return out
}

func byVariable(env []corev1.EnvVar) map[string]corev1.EnvVar {
	out := make(map[string]corev1.EnvVar, len(env))
	for _, e := range env {
		out[e.Name] = e
	}
	return out
}

func byVolume(volumes []corev1.Volume) map[string]corev1.Volume {
	out := make(map[string]corev1.Volume, len(volumes))
	for _, v := range volumes {
		out[v.Name] = v
	}
	return out
}
