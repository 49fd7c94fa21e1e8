package release

import (
	"testing"

	"github.com/stagger-dev/stagger/pkg/apis/stagger/v1alpha1"
)

// An author is whom the API server names, in the write of the template or in the record of a release of the same one. Else nobody knows.
func TestAnAuthorIsKnownOrNobodyIs(t *testing.T) {
	t.Parallel()
	before := &v1alpha1.Release{Revision: "v2", Author: "ann"}
	cases := map[string]struct {
		workload Workload
		release  *v1alpha1.Release
		want     string
	}{
		"named by the API server":              {Workload{Template: "v2", Author: "bob", Signed: true, Mode: HoldOnChange}, nil, "bob"},
		"named where nobody keeps it true":     {Workload{Template: "v2", Signed: true, Mode: HoldOnChange}, nil, ""},
		"named, and no proof who did":          {Workload{Template: "v2", Author: "bob", Signed: true}, nil, ""},
		"named, held by being paused":          {Workload{Template: "v2", Author: "bob", Signed: true, Mode: HoldAlways}, nil, ""},
		"named, held by being paused, a retry": {Workload{Template: "v2", Author: "bob", Signed: true, Mode: HoldAlways}, before, ""},
		"a retry":                              {Workload{Template: "v2", Mode: HoldOnChange}, before, "ann"},
		"a retry of what another one wrote":    {Workload{Template: "v2", Author: "bob", Signed: true, Mode: HoldOnChange}, before, "bob"},
		"another template":                     {Workload{Template: "v3", Mode: HoldOnChange}, before, ""},
	}
	for name, c := range cases {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			if got := (Observation{Workload: c.workload, Release: c.release}).author(); got != c.want {
				t.Errorf("the author is %q, want %q", got, c.want)
			}
		})
	}
}
