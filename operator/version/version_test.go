package version

import (
	"runtime/debug"
	"testing"
)

func TestAPublishedBuildIsCalledByItsRelease(t *testing.T) {
	built := &debug.BuildInfo{Main: debug.Module{Version: "(devel)"}, Settings: []debug.BuildSetting{{Key: "vcs.revision", Value: "1f2e3d"}}}
	for name, c := range map[string]struct {
		release string
		info    *debug.BuildInfo
		want    string
	}{
		"published":          {"v0.1.0", built, "v0.1.0 1f2e3d"},
		"from a clone":       {"", built, "(devel) 1f2e3d"},
		"as a module":        {"", &debug.BuildInfo{Main: debug.Module{Version: "v0.1.1"}}, "v0.1.1"},
		"nothing is known":   {"", &debug.BuildInfo{}, "unknown"},
		"published, no more": {"v0.1.0", &debug.BuildInfo{}, "v0.1.0"},
	} {
		t.Run(name, func(t *testing.T) {
			if got := of(c.release, c.info); got != c.want {
				t.Errorf("got %q, want %q", got, c.want)
			}
		})
	}
}
