package chance

import (
	"encoding/json"
	"reflect"
	"testing"
)

func TestSpoiledValuesAreOtherOnesOfTheSameShape(t *testing.T) {
	type shape struct {
		Text string
		N    int64
		On   bool
		List []string
		In   map[string]string
	}
	want := shape{"a", 1, true, []string{"b", "c"}, map[string]string{"d": "e"}}
	text, err := json.Marshal(want)
	if err != nil {
		t.Fatal(err)
	}
	spoil := func(bytes []byte) (s shape) {
		var value any
		if err := json.Unmarshal(text, &value); err != nil {
			t.Fatal(err)
		}
		d := Dice(bytes)
		spoiled, err := json.Marshal(d.Spoil(value, Hostile()))
		if err != nil {
			t.Fatal(err)
		}
		if err := json.Unmarshal(spoiled, &s); err != nil {
			t.Fatalf("%s: %v", spoiled, err)
		}
		return s
	}
	var seen [5]bool
	Throws(200, 16, func(bytes []byte) {
		got := spoil(bytes)
		if again := spoil(bytes); !reflect.DeepEqual(got, again) {
			t.Errorf("the same bytes make %+v and %+v", got, again)
		}
		for i, differs := range []bool{got.Text != want.Text, got.N != want.N, got.On != want.On, !reflect.DeepEqual(got.List, want.List), !reflect.DeepEqual(got.In, want.In)} {
			seen[i] = seen[i] || differs
		}
	})
	if seen != [5]bool{true, true, true, true, true} {
		t.Errorf("not every field was ever spoiled: %v", seen)
	}
}
