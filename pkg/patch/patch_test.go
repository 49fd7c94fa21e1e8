package patch

import (
	"encoding/json"
	"testing"

	jsonpatch "github.com/evanphx/json-patch/v5"
	"github.com/google/go-cmp/cmp"
)

func apply(t *testing.T, p Patch, object string) (string, error) {
	t.Helper()
	body, err := json.Marshal(p)
	if err != nil {
		t.Fatal(err)
	}
	decoded, err := jsonpatch.DecodePatch(body)
	if err != nil {
		t.Fatal(err)
	}
	out, err := decoded.Apply([]byte(object))
	if err != nil {
		return "", err
	}
	var sorted any
	if err := json.Unmarshal(out, &sorted); err != nil {
		t.Fatal(err)
	}
	if out, err = json.Marshal(sorted); err != nil {
		t.Fatal(err)
	}
	return string(out), nil
}

func TestAKeyIsSetAndTakenOutAgainWithoutATrace(t *testing.T) {
	cases := map[string]struct {
		current map[string]string
		object  string
		set     string
	}{
		"in an object without the map": {nil, `{"m":{"x":"1"}}`, `{"l":{"a/b":"v"},"m":{"x":"1"}}`},
		"beside another key":           {map[string]string{"c": "d"}, `{"l":{"c":"d"}}`, `{"l":{"a/b":"v","c":"d"}}`},
	}
	for name, c := range cases {
		t.Run(name, func(t *testing.T) {
			set, err := apply(t, SetIn("/l", c.current, "a/b", "v"), c.object)
			if err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(c.set, set); diff != "" {
				t.Error(diff)
			}
			now := map[string]string{"a/b": "v"}
			for k, v := range c.current {
				now[k] = v
			}
			back, err := apply(t, UnsetIn("/l", now, "a/b"), set)
			if err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(c.object, back); diff != "" {
				t.Error(diff)
			}
			if p := SetIn("/l", now, "a/b", "v"); p != nil {
				t.Errorf("what is set is set again: %v", p)
			}
		})
	}
}

func TestWhatWasWrittenSinceTheReadIsNotOverwritten(t *testing.T) {
	cases := map[string]struct {
		p      Patch
		object string
	}{
		"the map is there now":     {SetIn("/l", nil, "k", "v"), `{"l":{"other":"1"}}`},
		"the key is there now":     {SetIn("/l", map[string]string{"a": "b"}, "k", "v"), `{"l":{"a":"b","k":"theirs"}}`},
		"the value is another now": {SetIn("/l", map[string]string{"k": "old"}, "k", "v"), `{"l":{"k":"theirs"}}`},
		"more is in the map now":   {UnsetIn("/l", map[string]string{"k": "v"}, "k"), `{"l":{"k":"v","theirs":"1"}}`},
	}
	for name, c := range cases {
		t.Run(name, func(t *testing.T) {
			if out, err := apply(t, c.p, c.object); err == nil {
				t.Errorf("the patch was applied: %s", out)
			}
		})
	}
}

func TestValuesAreWrittenAlsoWhenTheyAreZero(t *testing.T) {
	body, err := json.Marshal(Patch{Replace("/a", 0), Add("/b", nil), Remove("/c")})
	if err != nil {
		t.Fatal(err)
	}
	want := `[{"op":"replace","path":"/a","value":0},{"op":"add","path":"/b","value":null},{"op":"remove","path":"/c"}]`
	if diff := cmp.Diff(want, string(body)); diff != "" {
		t.Error(diff)
	}
}
