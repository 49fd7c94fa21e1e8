// Package bounds keeps values within what the schema of their kind allows, so that an API server takes them.
//
//	schema of a CRD ──► New ──► Of ──► Keep(status)
//
//	maxLength    a text is cut to so many characters
//	maxItems     of a list the first so many are left
package bounds

import (
	"reflect"
	"slices"
	"strings"

	apiextensionsv1 "k8s.io/apiextensions-apiserver/pkg/apis/apiextensions/v1"

	"github.com/stagger-dev/stagger/pkg/text"
)

// Of are the bounds of the texts and lists in a value of a type. The zero value has none.
type Of[T any] struct{ root *node }

// node are the bounds of a value and of what is in it.
type node struct {
	runes, items *int64
	each         *node
	fields       []field
}

// field is one of a struct, by its index there.
type field struct {
	index int
	node  *node
}

// New returns the bounds that a schema sets for a type, which is the one that the schema was made of.
func New[T any](schema *apiextensionsv1.JSONSchemaProps) Of[T] {
	return Of[T]{of(schema, reflect.TypeFor[T]())}
}

// of is nil where nothing has a bound.
func of(schema *apiextensionsv1.JSONSchemaProps, t reflect.Type) *node {
	n := &node{runes: schema.MaxLength, items: schema.MaxItems}
	switch t.Kind() {
	case reflect.Pointer:
		return of(schema, t.Elem())
	case reflect.Slice:
		if schema.Items != nil && schema.Items.Schema != nil {
			n.each = of(schema.Items.Schema, t.Elem())
		}
	case reflect.Struct:
		for i := range t.NumField() {
			name, _, _ := strings.Cut(t.Field(i).Tag.Get("json"), ",")
			if s, known := schema.Properties[name]; known {
				if in := of(&s, t.Field(i).Type); in != nil {
					n.fields = append(n.fields, field{i, in})
				}
			}
		}
	default:
	}
	if n.runes == nil && n.items == nil && n.each == nil && n.fields == nil {
		return nil
	}
	return n
}

// Keep cuts what is beyond its bound. Texts in lists of texts are changed in a copy of the list; all else that the value points to is changed itself.
func (o Of[T]) Keep(value *T) {
	if o.root != nil {
		o.root.keep(reflect.ValueOf(value).Elem())
	}
}

func (n *node) keep(v reflect.Value) {
	switch v.Kind() {
	case reflect.Pointer:
		if !v.IsNil() {
			n.keep(v.Elem())
		}
	case reflect.String:
		if n.beyond(v.String()) {
			v.SetString(text.CutRunes(v.String(), int(*n.runes)))
		}
	case reflect.Slice:
		n.keepList(v)
	case reflect.Struct:
		for _, f := range n.fields {
			f.node.keep(v.Field(f.index))
		}
	default:
	}
}

func (n *node) keepList(v reflect.Value) {
	if n.items != nil && v.Len() > int(*n.items) {
		v.Set(v.Slice(0, int(*n.items)))
	}
	if n.each == nil {
		return
	}
	if texts, ok := v.Interface().([]string); ok && slices.ContainsFunc(texts, n.each.beyond) {
		v.Set(reflect.ValueOf(slices.Clone(texts)))
	}
	for i := range v.Len() {
		n.each.keep(v.Index(i))
	}
}

// beyond says whether a text may have more characters than its bound; a character has a byte at least.
func (n *node) beyond(s string) bool { return n.runes != nil && len(s) > int(*n.runes) }
