package release_test

import (
	"encoding/json"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"sigs.k8s.io/yaml"
)

// beyond are values that only a newer version can have written, by the path of their field in the status of a TrafficShift.
var beyond = map[string]any{
	"release state":                     "Examining",
	"release verdict":                   "Doubtful",
	"release toward":                    "Sideways",
	"release outcome result":            "Parked",
	"release outcome refuse":            "Image",
	"release weights reason":            "Guessed",
	"release commands result":           "Deferred",
	"release commands verb":             "hasten",
	"release plan pace":                 map[string]any{"type": "Learned", "after": "1h"},
	"release plan undetermined action":  "Ask",
	"release plan sharedBreach action":  "Ask",
	"release plan objectives indicator": "Bytes",
	"release evidence":                  "3/true/false 9 1 2 3 4",
	"release direct":                    "u9 1 2 3 4",
	"release counted":                   map[string]any{"upTo": "2027-01-01T00:00:00Z"},
	"conditions reason":                 "Examining",
	"conditions status":                 "Perhaps",
	"lastAnswer result":                 "Deferred",
	"history outcome":                   "Parked",
}

// middles are the moments of the fixtures in which they are tried.
var middles = []string{"second_weight", "external_arms", "between_levers", "counting_the_end", "in_the_handover", "refused"}

// put sets the field of a path in an object, or in each of a list. It says whether there is what may have such a field.
func put(in any, path []string, value any) (found bool) {
	switch in := in.(type) {
	case []any:
		for _, each := range in {
			found = put(each, path, value) || found
		}
	case map[string]any:
		if len(path) > 1 {
			return put(in[path[0]], path[1:], value)
		}
		in[path[0]] = value
		return true
	}
	return found
}

// TestAStatusOfANewerVersionIsNoObstacle has an operator of this version begin its work where a newer one was taken back in the middle of
// a release, whose status has values that this one does not know. The promises to users hold at each write, and the release comes to an end.
func TestAStatusOfANewerVersionIsNoObstacle(t *testing.T) {
	t.Parallel()
	met := map[string]bool{}
	for _, name := range middles {
		text, err := os.ReadFile(filepath.Join("testdata", "versions", unreleased, name+".yaml"))
		if err != nil {
			t.Fatal(err)
		}
		for path, value := range beyond {
			var f fixture
			if err := yaml.UnmarshalStrict(text, &f); err != nil {
				t.Fatal(err)
			}
			if !f.change(t, strings.Fields(path), value) {
				continue
			}
			met[path] = true
			t.Run(name+"/"+path, func(t *testing.T) {
				t.Parallel()
				w := newWorld()
				w.playAll(t, f.Before)
				was := w.record().Number
				w.replace(t, f.Objects)
				w.restart()
				w.playAll(t, f.After)
				if r := w.record(); !w.forgotten() && (r.Number < was || !r.State.Ended()) {
					t.Errorf("release %d has become %s\n%s", was, w.named(w.facts()), w.out.tail())
				}
			})
		}
	}
	for path := range beyond {
		if !met[path] {
			t.Errorf("no fixture has %s", path)
		}
	}
}

// change sets a field of the status of the fixture's TrafficShift.
func (f *fixture) change(t *testing.T, path []string, value any) (found bool) {
	t.Helper()
	for i, text := range f.Objects {
		object := map[string]any{}
		if err := json.Unmarshal(text, &object); err != nil {
			t.Fatal(err)
		}
		if object["kind"] == "TrafficShift" {
			found = put(object["status"], path, value)
		}
		var err error
		if f.Objects[i], err = json.Marshal(object); err != nil {
			t.Fatal(err)
		}
	}
	return found
}
