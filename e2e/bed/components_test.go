package bed

import (
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

// mesh is a localmesh that says this of its components, and writes down what it is told.
func mesh(t *testing.T, status string) (told func() string) {
	t.Helper()
	dir := t.TempDir()
	program := "#!/bin/sh\nif [ \"$1\" = status ]; then echo '" + status + "'; exit 1; fi\necho \"$@\" >> " + dir + "/told\n"
	if err := os.WriteFile(filepath.Join(dir, "localmesh"), []byte(program), 0o700); err != nil {
		t.Fatal(err)
	}
	t.Setenv("PATH", dir+string(os.PathListSeparator)+os.Getenv("PATH"))
	return func() string {
		text, err := os.ReadFile(filepath.Join(dir, "told"))
		if err != nil && !os.IsNotExist(err) {
			t.Fatal(err)
		}
		return strings.TrimSpace(string(text))
	}
}

func TestWhatEndedByItselfIsStartedAgain(t *testing.T) {
	told := mesh(t, `{"components": [{"name": "etcd", "state": "running"}, {"name": "apiserver", "state": "failed"},
		{"name": "istiod", "state": "paused"}, {"name": "prometheus-replica", "state": "stopped"}]}`)
	revived, err := Revive(t.Context())
	if err != nil || !slices.Equal(revived, []string{"apiserver"}) || told() != "fault start apiserver" {
		t.Errorf("revived %v, %v; the mesh was told %q", revived, err, told())
	}
}

func TestAMeshThatSaysNothingIsAnError(t *testing.T) {
	mesh(t, "")
	if all, err := Components(t.Context()); err == nil {
		t.Errorf("the components are %v", all)
	}
}
