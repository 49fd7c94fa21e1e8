package patch

import (
	"encoding/json"
	"fmt"
	"strings"
)

// Operation is one step of a Patch. Op is one of test, add, replace and remove; Path is a JSON Pointer (RFC 6901).
type Operation struct {
	Op    string `json:"op"`
	Path  string `json:"path"`
	Value any    `json:"value,omitempty"`
}

// MarshalJSON writes the value of every operation but remove, also when it is null, zero or empty.
func (o Operation) MarshalJSON() ([]byte, error) {
	if o.Op == "remove" {
		return json.Marshal(map[string]string{"op": o.Op, "path": o.Path})
	}
	return json.Marshal(map[string]any{"op": o.Op, "path": o.Path, "value": o.Value})
}

// Patch is applied whole or not at all, in order.
type Patch []Operation

// Test demands that the value at the path equals value; nil also when nothing is there.
func Test(path string, value any) Operation { return Operation{Op: "test", Path: path, Value: value} }

// Add sets the member, or inserts the element, at the path.
func Add(path string, value any) Operation { return Operation{Op: "add", Path: path, Value: value} }

// Replace sets the member or element that exists at the path.
func Replace(path string, value any) Operation {
	return Operation{Op: "replace", Path: path, Value: value}
}

// Remove deletes the member or element at the path.
func Remove(path string) Operation { return Operation{Op: "remove", Path: path} }

// Version makes the API server refuse the patch with 409 Conflict when the object is no longer the one that was read.
func Version(resourceVersion string) Operation {
	return Replace("/metadata/resourceVersion", resourceVersion)
}

// escapes are the two characters that a token of a JSON Pointer may not hold as they are.
var escapes = strings.NewReplacer("~", "~0", "/", "~1")

// Pointer joins the tokens to a JSON Pointer; tokens are strings or ints and are escaped.
func Pointer(tokens ...any) string {
	var b strings.Builder
	for _, t := range tokens {
		b.WriteByte('/')
		b.WriteString(escapes.Replace(fmt.Sprint(t)))
	}
	return b.String()
}

// SetIn sets key to value in the string map at path (labels, annotations, a selector), guarded by a test of what is there;
// current is the map as read, nil when the object has none.
func SetIn(path string, current map[string]string, key, value string) Patch {
	if len(current) == 0 {
		return Patch{Test(path, nil), Add(path, map[string]string{key: value})}
	}
	old, found := current[key]
	switch {
	case found && old == value:
		return nil
	case found:
		return Patch{Test(path+Pointer(key), old), Replace(path+Pointer(key), value)}
	}
	return Patch{Test(path+Pointer(key), nil), Add(path+Pointer(key), value)}
}

// UnsetIn removes key from the string map at path, and the map itself when nothing else is in it; nil when the key is not there.
func UnsetIn(path string, current map[string]string, key string) Patch {
	old, found := current[key]
	switch {
	case !found:
		return nil
	case len(current) == 1:
		return Patch{Test(path, current), Remove(path)}
	}
	return Patch{Test(path+Pointer(key), old), Remove(path + Pointer(key))}
}
