package release_test

import (
	"os"
	"path/filepath"
	"testing"

	"github.com/google/go-cmp/cmp"
	"sigs.k8s.io/yaml"

	"github.com/stagger-dev/stagger/pkg/apis/stagger/v1alpha1"
)

// The statuses of testdata were written by operators of versions before this one, in the middle of the same release. It goes on with this one: it reads
// each field of them, and ends as a release that had no other operator. A file is added when the status changes, and none is changed.
func TestAReleaseThatAnEarlierVersionBeganGoesOn(t *testing.T) {
	t.Parallel()
	files, err := filepath.Glob("testdata/statuses/*.yaml")
	if err != nil || len(files) == 0 {
		t.Fatalf("no statuses: %v", err)
	}
	begins, ends := []string{"wait 5s", "push v2", "wait 2m"}, []string{"wait for the end 15m"}
	whole := newWorld()
	whole.playAll(t, append(begins, ends...))
	for _, file := range files {
		t.Run(filepath.Base(file), func(t *testing.T) {
			t.Parallel()
			text, err := os.ReadFile(file)
			if err != nil {
				t.Fatal(err)
			}
			var before v1alpha1.TrafficShiftStatus
			if err := yaml.UnmarshalStrict(text, &before); err != nil {
				t.Fatalf("what an earlier version wrote is not read whole: %v", err)
			}
			w := newWorld()
			w.playAll(t, begins)
			shift := w.shift().DeepCopy()
			shift.Status = before
			w.store.Put(shift)
			w.restart()
			w.playAll(t, ends)
			if diff := cmp.Diff(whole.end(), w.end()); diff != "" {
				t.Errorf("it ends otherwise (-whole +with another operator):\n%s\n%s", diff, w.out.tail())
			}
			if r := w.record(); r == nil || r.StartedAt != before.Release.StartedAt || r.Moves < before.Release.Moves {
				t.Errorf("it is another release than the one that was begun: %+v", r)
			}
		})
	}
}
