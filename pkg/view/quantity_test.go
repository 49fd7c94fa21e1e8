package view

import (
	"math"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/stagger-dev/stagger/pkg/apis/stagger/v1alpha1"
)

func TestQuantities(t *testing.T) {
	cases := map[string]struct{ got, want string }{
		"no thousands":                          {count(999), "999"},
		"thousands":                             {count(1204511), "1,204,511"},
		"the least number":                      {count(math.MinInt64), "-9,223,372,036,854,775,808"},
		"one of a thing":                        {counted(1, "request"), "1 request"},
		"none of a thing":                       {counted(0, "request"), "0 requests"},
		"a rate of nothing":                     {rate(0), "0%"},
		"a tiny rate is not nothing":            {rate(1e-9), "<0.0001%"},
		"a small rate":                          {rate(0.000042), "0.0042%"},
		"a usual rate":                          {rate(0.0011), "0.11%"},
		"a rate of some percent":                {rate(0.0423), "4.23%"},
		"a large rate":                          {rate(0.14623), "14.6%"},
		"nearly all is not all":                 {rate(0.9999), "99.9%"},
		"all":                                   {rate(1), "100%"},
		"evidence of nothing":                   {evidence("0"), "0"},
		"a little evidence":                     {evidence("0.04"), "<0.1"},
		"some evidence":                         {evidence("0.34"), "0.3"},
		"evidence just below the limit":         {evidence("99.99"), "99"},
		"evidence of the limit":                 {evidence("100"), "100"},
		"much evidence":                         {evidence("1e9"), ">999"},
		"boundless evidence":                    {evidence("+Inf"), ">999"},
		"evidence beyond what a float can hold": {evidence("1e400"), ">999"},
		"evidence that is no number":            {evidence("NaN"), "-"},
		"evidence that is no text of a number":  {evidence("much"), "-"},
		"no evidence":                           {evidence(""), "-"},
		"negative evidence":                     {evidence("-3"), "-"},
		"a second":                              {span(time.Second), "1s"},
		"a minute":                              {span(time.Minute), "60s"},
		"a minute and some":                     {span(72 * time.Second), "72s"},
		"some minutes":                          {span(5*time.Minute + 10*time.Second), "5m10s"},
		"many minutes":                          {span(25*time.Minute + 30*time.Second), "25m"},
		"hours":                                 {span(3*time.Hour + 10*time.Minute), "3h10m"},
		"days":                                  {span(99 * time.Hour), "4d3h"},
		"time that runs backwards":              {span(-time.Hour), "0s"},
		"a setting":                             {setting("1h"), "1h"},
		"no setting":                            {setting(""), "0s"},
		"a fraction of a request":               {approximate(0.23), "0.2"},
		"hardly a request":                      {approximate(0.01), "<0.1"},
		"whole requests":                        {approximate(3), "3"},
		"many requests":                         {approximate(1234.5), "1,235"},
		"no number of requests":                 {approximate(math.NaN()), "0"},
		"a percentage":                          {percent("4.9300%"), "4.93%"},
		"nothing written":                       {percent(""), ""},
		"no percentage":                         {percent("lots"), ""},
		"zero percent":                          {percent("0%"), "0%"},
		"escape sequences":                      {clean("\x1b[31mred\x1b[0m\u202e\n two"), "[31mred[0m two"},
		"broken UTF-8":                          {clean("a\xffb"), "ab"},
		"an image with a registry and a port":   {shortImage("registry.example:5000/shop/checkout"), "checkout"},
		"an image with a tag and a digest":      {shortImage("shop/checkout:1.5.0@sha256:0123456789abcdef"), "checkout:1.5.0"},
		"an image with a digest only":           {shortImage("shop/checkout@sha256:0123456789abcdef"), "checkout@0123456789ab"},
	}
	for name, c := range cases {
		t.Run(name, func(t *testing.T) {
			if c.got != c.want {
				t.Errorf("got %q, want %q", c.got, c.want)
			}
		})
	}
}

func TestVersionsTellTheDifference(t *testing.T) {
	images := func(names ...string) []string { return names }
	cases := map[string]struct {
		release        v1alpha1.Release
		stable         v1alpha1.Version
		history        []v1alpha1.PastRelease
		canary, former string
	}{
		"another tag": {
			release: v1alpha1.Release{Revision: "b", Stable: "a", Images: images("x/app:2")},
			stable:  v1alpha1.Version{Revision: "a", Images: images("x/app:1")},
			canary:  "app:2", former: "1",
		},
		"another image": {
			release: v1alpha1.Release{Revision: "b", Stable: "a", Images: images("x/new:2")},
			stable:  v1alpha1.Version{Revision: "a", Images: images("x/app:1")},
			canary:  "new:2", former: "app:1",
		},
		"only the second container changes": {
			release: v1alpha1.Release{Revision: "b", Stable: "a", Images: images("app:1", "log:2")},
			stable:  v1alpha1.Version{Revision: "a", Images: images("app:1", "log:1")},
			canary:  "log:2", former: "1",
		},
		"two containers change": {
			release: v1alpha1.Release{Revision: "b", Stable: "a", Images: images("app:2", "log:2")},
			stable:  v1alpha1.Version{Revision: "a", Images: images("app:1", "log:1")},
			canary:  "app:2 and 1 more", former: "1",
		},
		"a promoted canary is compared with what it replaced": {
			release: v1alpha1.Release{Revision: "b", Stable: "a", State: v1alpha1.StatePromoted, Images: images("app:2")},
			stable:  v1alpha1.Version{Revision: "b", Images: images("app:2")},
			history: []v1alpha1.PastRelease{{Revision: "a", Images: images("app:1")}},
			canary:  "app:2", former: "1",
		},
		"of what it replaced only the revision is known": {
			release: v1alpha1.Release{Revision: "b", Stable: "a", State: v1alpha1.StatePromoted, Images: images("app:2")},
			stable:  v1alpha1.Version{Revision: "b", Images: images("app:2")},
			canary:  "app:2", former: "",
		},
		"the same image by another configuration": {
			release: v1alpha1.Release{Revision: "b", Stable: "a", Images: images("app:1"), Changes: images("settings: 2 keys changed (a, b)", "env X of app")},
			stable:  v1alpha1.Version{Revision: "a", Images: images("app:1")},
			canary:  "settings: 2 keys changed and 1 more", former: "app:1",
		},
		"a configuration that was promoted, of what it replaced only the revision is known": {
			release: v1alpha1.Release{Revision: "b", Stable: "a", State: v1alpha1.StatePromoted, Images: images("app:1"), Changes: images("settings: 1 key added (a)")},
			stable:  v1alpha1.Version{Revision: "b", Images: images("app:1")},
			canary:  "settings: 1 key added", former: "app:1",
		},
		"an image and more than a list has room for": {
			release: v1alpha1.Release{Revision: "b", Stable: "a", Images: images("app:2"), Changes: images("image of app", "env X of app", "7 more")},
			stable:  v1alpha1.Version{Revision: "a", Images: images("app:1")},
			canary:  "app:2 and 8 more", former: "1",
		},
		"no images are known": {
			release: v1alpha1.Release{Revision: "b", Stable: "a"},
			stable:  v1alpha1.Version{Revision: "a"},
			canary:  "b", former: "a",
		},
	}
	for name, c := range cases {
		t.Run(name, func(t *testing.T) {
			shift := &v1alpha1.TrafficShift{Status: v1alpha1.TrafficShiftStatus{Stable: c.stable, Release: &c.release, History: c.history}}
			canary, former := versions(shift)
			if diff := cmp.Diff([]string{c.canary, c.former}, []string{canary, former}); diff != "" {
				t.Errorf("names (-want +got):\n%s", diff)
			}
		})
	}
}

func TestEveryStateHasAnIcon(t *testing.T) {
	icons := map[string]State{}
	for _, s := range []State{StatePending, StateIdle, StateWaiting, StatePreparing, StateShifting, StateHeld, StatePaused, StateHandover,
		StateAborting, StateDraining, StateRestoring, StatePromoted, StateAborted, StateStalled} {
		if other, taken := icons[s.Icon()]; taken || s.Icon() == "?" {
			t.Errorf("%s has the icon %q of %q", s, s.Icon(), other)
		}
		icons[s.Icon()] = s
	}
}
