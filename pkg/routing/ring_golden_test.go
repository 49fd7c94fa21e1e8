package routing

import (
	"encoding/json"
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"sigs.k8s.io/yaml"

	"github.com/stagger-dev/stagger/pkg/patch"
)

// ringStory is a file of testdata/rings: the user's objects, and by their names what the user does to them in the middle, as a JSON Patch in
// which ORIGINAL0 is the place of the first route of the user's, and LAST that of the last route.
type ringStory struct {
	Objects []json.RawMessage `json:"objects"`
	Edits   map[string]string `json:"edits"`

	t     *testing.T
	users map[string]*unstructured.Unstructured // as the user has them
	live  map[string]*unstructured.Unstructured
	out   strings.Builder
}

// storyRings are those of all stories: by a header, by who calls, by a claim.
func storyRings() []Ring { return []Ring{staff(), backoffice(), early()} }

// TestRingStories leads releases with rings through all that is written, with edits of the user's in the middle, and compares every patch.
func TestRingStories(t *testing.T) {
	files, err := filepath.Glob("testdata/rings/*.yaml")
	if err != nil || len(files) == 0 {
		t.Fatalf("no stories: %v", err)
	}
	for _, file := range files {
		t.Run(strings.TrimSuffix(filepath.Base(file), ".yaml"), func(t *testing.T) {
			s := readRingStory(t, file)
			s.play()
			compare(t, strings.TrimSuffix(file, ".yaml")+".golden", s.out.String())
			for name, user := range s.users {
				same(t, "restored "+name, user, s.live[name])
			}
		})
	}
}

func readRingStory(t *testing.T, file string) *ringStory {
	t.Helper()
	text, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	s := &ringStory{t: t, users: map[string]*unstructured.Unstructured{}, live: map[string]*unstructured.Unstructured{}}
	if err := yaml.UnmarshalStrict(text, s); err != nil {
		t.Fatalf("%s: %v", file, err)
	}
	for _, object := range s.Objects {
		user := decode(t, object)
		s.users[user.GetName()], s.live[user.GetName()] = user, user
	}
	return s
}

func (s *ringStory) play() {
	t, rings := s.t, storyRings()
	all := slices.Collect(maps.Values(s.users))
	fmt.Fprintf(&s.out, "unsupported: %q\n", RingsUnsupported(all, inviting(), rings))
	for _, doubt := range RingDoubts(all, inviting(), rings) {
		fmt.Fprintf(&s.out, "doubt: %s\n", doubt)
	}
	split := func(shares map[string]int64, m Mark, may bool) func(*unstructured.Unstructured) (patch.Patch, error) {
		return func(live *unstructured.Unstructured) (patch.Patch, error) {
			r := Raise{}
			if may {
				r.ResourceVersion = live.GetResourceVersion()
			}
			return SplitRings(live, inviting(), rings, shares, m, r)
		}
	}
	raise := func(live *unstructured.Unstructured) (patch.Patch, error) {
		return Split(live, inviting(), 100_000, seven(), Raise{ResourceVersion: live.GetResourceVersion()})
	}
	aborted := Mark{Shift: shift, Number: 7, Aborted: true}
	s.step("all rings on the stable", false, split(nil, seven(), true))
	s.step("staff at 5 %", false, split(map[string]int64{"staff": 50_000}, seven(), true))
	s.step("10 % of the whole", false, raise)
	s.edit()
	s.step("made anew", true, split(map[string]int64{"staff": 50_000, "early": Whole}, seven(), true))
	s.step("aborted", false, split(nil, aborted, false))
	s.step("restored", false, func(live *unstructured.Unstructured) (patch.Patch, error) { return Restore(live, inviting(), shift) })
	for name, live := range s.live {
		if p, err := Restore(live, inviting(), shift); len(p) > 0 || err != nil {
			t.Errorf("%s is restored again by %v, %v", name, p, err)
		}
	}
}

// step writes one thing to all objects.
func (s *ringStory) step(title string, show bool, write func(*unstructured.Unstructured) (patch.Patch, error)) {
	s.t.Helper()
	fmt.Fprintf(&s.out, "\n# %s\n", title)
	for _, name := range slices.Sorted(maps.Keys(s.live)) {
		p, err := write(s.live[name])
		if err != nil {
			s.t.Fatalf("%s, %s: %v", title, name, err)
		}
		for _, o := range p {
			fmt.Fprintf(&s.out, "%s: %s\n", name, mustJSON(s.t, o))
		}
		live := both(s.t, s.live[name], p)
		s.live[name] = live
		if len(p) == 0 {
			continue
		}
		for _, r := range ReadRings(live, inviting(), storyRings()) {
			fmt.Fprintf(&s.out, "%s: %+v\n", name, r)
		}
		if show {
			text, err := yaml.Marshal(map[string]any{"http": list(live, kindHTTP)})
			if err != nil {
				s.t.Fatal(err)
			}
			s.out.Write(text)
		}
	}
}

// edit does the user's edits, to the live objects and to what the user has.
func (s *ringStory) edit() {
	fmt.Fprintf(&s.out, "\n# the user edits\n")
	for _, name := range slices.Sorted(maps.Keys(s.Edits)) {
		for _, objects := range []map[string]*unstructured.Unstructured{s.users, s.live} {
			o := objects[name]
			places := strings.NewReplacer("ORIGINAL0", fmt.Sprint(allRoutes(o, inviting())[0].index), "LAST", fmt.Sprint(len(list(o, kindHTTP))-1))
			objects[name] = apply(s.t, o, []byte(places.Replace(s.Edits[name])))
		}
		for _, r := range ReadRings(s.live[name], inviting(), storyRings()) {
			fmt.Fprintf(&s.out, "%s: %+v\n", name, r)
		}
	}
}
