package routing

import (
	"encoding/json"
	"fmt"
	"reflect"
	"slices"
	"strconv"
	"strings"
	"testing"

	jsonpatch "github.com/evanphx/json-patch/v5"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/runtime"

	"github.com/stagger-dev/stagger/pkg/patch"
)

// applier gives an object as a patch leaves it.
type applier func(*testing.T, *unstructured.Unstructured, patch.Patch) *unstructured.Unstructured

// asTheServer applies a patch as the API server does.
func asTheServer(t *testing.T, vs *unstructured.Unstructured, p patch.Patch) *unstructured.Unstructured {
	t.Helper()
	return apply(t, vs, mustJSON(t, p))
}

// unescapes are the characters that a token of a JSON Pointer does not hold as they are.
var unescapes = strings.NewReplacer("~1", "/", "~0", "~")

// inPlace applies a patch as the API server does, without encoding anything: a fuzzer gets ten times as far. What it cannot do, routing never asks.
func inPlace(t *testing.T, vs *unstructured.Unstructured, p patch.Patch) *unstructured.Unstructured {
	t.Helper()
	out := vs.DeepCopy()
	for _, o := range p {
		tokens := strings.Split(o.Path, "/")[1:]
		for i, token := range tokens {
			tokens[i] = unescapes.Replace(token)
		}
		o.Value = decoded(o.Value)
		if _, err := edited(out.Object, tokens, o); err != nil {
			t.Fatalf("%s %s: %v", o.Op, o.Path, err)
		}
	}
	return out
}

// decoded is a copy of a patch's value, of the types that decoders of JSON give.
func decoded(value any) any {
	texts, ok := value.(map[string]string)
	if !ok {
		return runtime.DeepCopyJSONValue(value)
	}
	all := map[string]any{}
	for k, v := range texts {
		all[k] = v
	}
	return all
}

// both applies a patch in both ways, and fails where they differ.
func both(t *testing.T, vs *unstructured.Unstructured, p patch.Patch) *unstructured.Unstructured {
	t.Helper()
	out := inPlace(t, vs, p)
	same(t, "applied by another library", asTheServer(t, vs, p), out)
	return out
}

// edited is a JSON value when an operation was made at the end of a path.
func edited(value any, path []string, o patch.Operation) (any, error) {
	if len(path) == 0 {
		if o.Op == "test" && !reflect.DeepEqual(value, o.Value) {
			return nil, fmt.Errorf("is %v, not %v", value, o.Value)
		}
		return o.Value, nil
	}
	key, last := path[0], len(path) == 1
	switch at := value.(type) {
	case map[string]any:
		child, found := at[key]
		if !found && !(last && (o.Op == "add" || o.Op == "test")) {
			return nil, fmt.Errorf("%s is not there", key)
		}
		child, err := edited(child, path[1:], o)
		switch {
		case err != nil:
			return nil, err
		case last && o.Op == "remove":
			delete(at, key)
		case o.Op != "test":
			at[key] = child
		}
		return at, nil
	case []any:
		i, err := strconv.Atoi(key)
		inserts := last && o.Op == "add"
		switch {
		case err != nil || i < 0 || i > len(at) || i == len(at) && !inserts:
			return nil, fmt.Errorf("%s of element %s", o.Op, key)
		case inserts:
			return slices.Insert(at, i, o.Value), nil
		case last && o.Op == "remove":
			return slices.Delete(at, i, i+1), nil
		}
		child, err := edited(at[i], path[1:], o)
		if err == nil && o.Op != "test" {
			at[i] = child
		}
		return at, err
	}
	return nil, fmt.Errorf("%v has no %s", value, key)
}

// apply does what the API server does with a JSON patch.
func apply(t testing.TB, vs *unstructured.Unstructured, text []byte) *unstructured.Unstructured {
	t.Helper()
	out, err := tryApply(vs, text)
	if err != nil {
		t.Fatalf("applying %s: %v", text, err)
	}
	return out
}

func tryApply(vs *unstructured.Unstructured, text []byte) (*unstructured.Unstructured, error) {
	p, err := jsonpatch.DecodePatch(text)
	if err != nil {
		return nil, err
	}
	before, err := vs.MarshalJSON()
	if err != nil {
		return nil, err
	}
	after, err := p.Apply(before)
	if err != nil {
		return nil, err
	}
	out := &unstructured.Unstructured{}
	return out, out.UnmarshalJSON(after)
}

func decode(t testing.TB, text []byte) *unstructured.Unstructured {
	t.Helper()
	out := &unstructured.Unstructured{}
	if err := out.UnmarshalJSON(text); err != nil {
		t.Fatal(err)
	}
	return out
}

func mustJSON(t testing.TB, value any) []byte {
	t.Helper()
	text, err := json.Marshal(value)
	if err != nil {
		t.Fatal(err)
	}
	return text
}
