package fieldmanager_test

import (
	"testing"
	"time"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/stagger-dev/stagger/pkg/fieldmanager"
)

func TestTheLastWriterOfAFieldIsFound(t *testing.T) {
	t.Parallel()
	const selector, template = `{"f:spec":{"f:selector":{}}}`, `{"f:spec":{"f:template":{"f:metadata":{"f:annotations":{"f:a/selector":{}}}}}}`
	entry := func(manager string, second int, fields string) metav1.ManagedFieldsEntry {
		at := metav1.NewTime(time.Date(2026, 3, 4, 12, 0, second, 0, time.UTC))
		return metav1.ManagedFieldsEntry{Manager: manager, Time: &at, FieldsV1: metav1.NewFieldsV1(fields)}
	}
	with := func(e metav1.ManagedFieldsEntry, change func(*metav1.ManagedFieldsEntry)) metav1.ManagedFieldsEntry {
		change(&e)
		return e
	}
	cases := map[string]struct {
		all    []metav1.ManagedFieldsEntry
		except string
		path   []string
		want   string
	}{
		"nobody":                 {},
		"the last":               {all: []metav1.ManagedFieldsEntry{entry("a", 1, selector), entry("b", 3, selector), entry("c", 2, selector)}, want: "b"},
		"the last but one":       {all: []metav1.ManagedFieldsEntry{entry("a", 1, selector), entry("us", 3, selector)}, except: "us", want: "a"},
		"nobody but us":          {all: []metav1.ManagedFieldsEntry{entry("us", 3, selector)}, except: "us"},
		"one without a name":     {all: []metav1.ManagedFieldsEntry{entry("a", 1, selector), entry("", 3, selector)}, want: ""},
		"another field":          {all: []metav1.ManagedFieldsEntry{entry("a", 1, selector), entry("b", 3, template)}, want: "a"},
		"a name that is deeper":  {all: []metav1.ManagedFieldsEntry{entry("b", 3, `{"f:status":{"f:spec":{"f:selector":{}}}}`)}},
		"a field below":          {all: []metav1.ManagedFieldsEntry{entry("b", 3, `{"f:spec":{"f:selector":{"f:app":{}}}}`)}, want: "b"},
		"a path with dots":       {all: []metav1.ManagedFieldsEntry{entry("b", 3, template)}, path: []string{"spec", "template", "metadata", "annotations", "a/selector"}, want: "b"},
		"a write of the status":  {all: []metav1.ManagedFieldsEntry{with(entry("b", 3, selector), func(e *metav1.ManagedFieldsEntry) { e.Subresource = "status" })}},
		"no time":                {all: []metav1.ManagedFieldsEntry{with(entry("b", 3, selector), func(e *metav1.ManagedFieldsEntry) { e.Time = nil }), entry("a", 1, selector)}, want: "a"},
		"no fields":              {all: []metav1.ManagedFieldsEntry{with(entry("b", 3, selector), func(e *metav1.ManagedFieldsEntry) { e.FieldsV1 = nil })}},
		"fields that are broken": {all: []metav1.ManagedFieldsEntry{entry("b", 3, `{"f:spec":[]}`), entry("c", 3, `{`)}},
	}
	for name, c := range cases {
		path := c.path
		if path == nil {
			path = []string{"spec", "selector"}
		}
		got := ""
		if e := fieldmanager.LastWriter(c.all, c.except, path...); e != nil {
			got = e.Manager
		}
		if got != c.want {
			t.Errorf("%s: %q, want %q", name, got, c.want)
		}
	}
}
