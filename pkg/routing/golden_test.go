package routing

import (
	"encoding/json"
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"sigs.k8s.io/yaml"

	"github.com/stagger-dev/stagger/pkg/patch"
)

var update = flag.Bool("update", false, "write the golden files anew")

const shift = "shop/checkout"

func checkout() Target { return Target{Namespace: "shop", Service: "checkout"} }

// inviting is checkout, whose owner lets two other namespaces take part in its releases.
func inviting() Target {
	t := checkout()
	t.Invites = "edge, team"
	return t
}

// story is one file of testdata: the user's object, what the user does to the live one after the first raise, and the spec
// and annotations expected in the end, where they are not those of the object.
type story struct {
	Object          json.RawMessage   `json:"object"`
	Edit            json.RawMessage   `json:"edit"`
	Want            map[string]any    `json:"want"`
	WantAnnotations map[string]string `json:"wantAnnotations"`
}

// TestStories raises to 5 %, lets the user edit, raises to 25 %, aborts and restores, and compares every patch and result.
func TestStories(t *testing.T) {
	files, err := filepath.Glob("testdata/*.yaml")
	if err != nil || len(files) == 0 {
		t.Fatalf("no stories in testdata: %v", err)
	}
	for _, file := range files {
		t.Run(strings.TrimSuffix(filepath.Base(file), ".yaml"), func(t *testing.T) {
			s, user := readStory(t, file)
			transcript, restored := s.play(t, user)
			compare(t, strings.TrimSuffix(file, ".yaml")+".golden", transcript)

			want := user.DeepCopy()
			if s.Want != nil {
				want.Object["spec"] = decode(t, mustJSON(t, map[string]any{"kind": "x", "spec": s.Want})).Object["spec"]
			}
			if s.WantAnnotations != nil {
				want.SetAnnotations(s.WantAnnotations)
			}
			if diff := cmp.Diff(want.Object, restored.Object); diff != "" {
				t.Errorf("restored is not what the user wrote (-want +got):\n%s", diff)
			}
		})
	}
}

func (s story) play(t *testing.T, user *unstructured.Unstructured) (string, *unstructured.Unstructured) {
	t.Helper()
	var out strings.Builder
	live := user
	step := func(title string, p patch.Patch, err error) {
		fmt.Fprintf(&out, "# %s\n", title)
		if err != nil {
			fmt.Fprintf(&out, "refused: %v\n\n", err)
			return
		}
		for _, op := range p {
			fmt.Fprintf(&out, "patch: %s\n", mustJSON(t, op))
		}
		live = apply(t, live, mustJSON(t, p))
		shown := map[string]any{"annotations": live.GetAnnotations()}
		for _, kind := range kinds() {
			if routes := list(live, kind); len(routes) > 0 {
				shown[kind] = routes
			}
		}
		text, err := yaml.Marshal(shown)
		if err != nil {
			t.Fatal(err)
		}
		lowest, highest, _ := Share(live, checkout())
		fmt.Fprintf(&out, "share: %d to %d\n%s\n", lowest, highest, text)
	}
	raise := func(share int64) (patch.Patch, error) {
		return Split(live, checkout(), share, Mark{Shift: shift, Number: 7}, Raise{ResourceVersion: live.GetResourceVersion()})
	}

	p, err := raise(50_000)
	step("raise to 5 %", p, err)
	if s.Edit != nil {
		live = apply(t, live, s.Edit)
		fmt.Fprintf(&out, "# the user edits\npatch: %s\n", mustJSON(t, s.Edit))
		if edit, found := Foreign(live, checkout(), 50_000, "stagger"); found {
			fmt.Fprintf(&out, "foreign edit: %s, %s[%d] at %d\n", edit.Kind, edit.Route.Kind, edit.Route.Index, edit.Route.Share)
		}
		fmt.Fprintf(&out, "unsupported: %q\n\n", Unsupported(live, checkout()))
	}
	p, err = raise(250_000)
	step("raise to 25 %", p, err)
	p, err = Split(live, checkout(), 0, Mark{Shift: shift, Number: 7, Aborted: true}, Raise{})
	step("abort", p, err)
	p, err = Restore(live, checkout(), shift)
	step("restore", p, err)
	return out.String(), live
}

func readStory(t *testing.T, file string) (story, *unstructured.Unstructured) {
	t.Helper()
	text, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	var s story
	if err := yaml.UnmarshalStrict(text, &s); err != nil {
		t.Fatalf("%s: %v", file, err)
	}
	return s, decode(t, s.Object)
}

func compare(t *testing.T, file, got string) {
	t.Helper()
	if *update {
		if err := os.WriteFile(file, []byte(got), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(string(want), got); diff != "" {
		t.Errorf("%s (-want +got):\n%s", file, diff)
	}
}
