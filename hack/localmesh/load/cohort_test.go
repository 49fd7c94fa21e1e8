package load

import (
	"bytes"
	"context"
	"math"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
)

func TestEachCohortHasItsShareAtAnyTime(t *testing.T) {
	cases := map[string]map[string]float64{
		"none":                 {"": 1},
		"one":                  {"staff": 0.1, Others: 0.9},
		"everybody":            {"staff": 1},
		"some":                 {"staff": 0.004, "early": 0.061, "late": 0.22, Others: 0.715},
		"some who are all":     {"a": 0.1, "b": 0.2, "c": 0.7},
		"a half and two parts": {"a": 0.5, "b": 0.25, "c": 0.25},
	}
	for name, shares := range cases {
		t.Run(name, func(t *testing.T) {
			var cohorts []Cohort
			for name, share := range shares {
				if name != "" && name != Others {
					cohorts = append(cohorts, Cohort{Name: name, Share: share})
				}
			}
			if err := checkCohorts(cohorts); err != nil {
				t.Fatal(err)
			}
			whose, had := newTurns(cohorts), map[string]int{}
			for n := 1; n <= 10_000; n++ {
				had[whose.next().Name]++
				for name := range had {
					if want := shares[name] * float64(n); math.Abs(float64(had[name])-want) > 2 {
						t.Fatalf("after %d requests %q had %d, want %v", n, name, had[name], want)
					}
				}
			}
			for name := range shares {
				if had[name] == 0 {
					t.Errorf("%q had none", name)
				}
			}
		})
	}
}

func TestParseCohorts(t *testing.T) {
	got, err := ParseCohorts([]string{"staff=0.1", "early=0.25", "late=0.5"}, []string{
		"staff:x-cohort=staff", "staff:cookie=cohort=staff; a=b, c", "early:authorization=Bearer a.b.c==",
	})
	if err != nil {
		t.Fatal(err)
	}
	want := []Cohort{
		{Name: "staff", Share: 0.1, Headers: http.Header{"X-Cohort": {"staff"}, "Cookie": {"cohort=staff; a=b, c"}}},
		{Name: "early", Share: 0.25, Headers: http.Header{"Authorization": {"Bearer a.b.c=="}}},
		{Name: "late", Share: 0.5, Headers: http.Header{}},
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("cohorts (-want +got):\n%s", diff)
	}
}

func TestParseCohortsNamesWhatIsWrong(t *testing.T) {
	cases := map[string]struct {
		shares, headers []string
		mention         string
	}{
		"no share":                   {[]string{"staff"}, nil, `"staff"`},
		"a share in words":           {[]string{"staff=some"}, nil, `"staff=some"`},
		"a share of nothing":         {[]string{"staff=0"}, nil, "staff=0"},
		"no number":                  {[]string{"staff=NaN"}, nil, "staff=NaN"},
		"more than everybody":        {[]string{"staff=1.5"}, nil, "staff=1.5"},
		"more than everybody in all": {[]string{"staff=0.6", "early=0.6"}, nil, "1.2"},
		"one name for two":           {[]string{"staff=0.1", "staff=0.1"}, nil, "staff"},
		"the name of the others":     {[]string{"others=0.1"}, nil, "others"},
		"no name":                    {[]string{"=0.1"}, nil, "a name of its own"},
		"a header without value":     {[]string{"staff=0.1"}, []string{"staff:x-cohort"}, "staff:x-cohort"},
		"a value without header":     {[]string{"staff=0.1"}, []string{"staff:=x"}, "staff:=x"},
		"a header of nobody":         {[]string{"staff=0.1"}, []string{"early:x-cohort=early"}, "no --cohort early"},
	}
	for name, c := range cases {
		t.Run(name, func(t *testing.T) {
			if _, err := ParseCohorts(c.shares, c.headers); err == nil || !strings.Contains(err.Error(), c.mention) {
				t.Errorf("error %v does not mention %s", err, c.mention)
			}
		})
	}
}

func TestEachCohortSendsItsHeadersAndIsRecordedByWhatItMet(t *testing.T) {
	const enough = 40
	ctx, end := context.WithCancel(t.Context())
	defer end()
	var mu sync.Mutex
	asked, all := map[string]int{}, 0
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		who := strings.Join([]string{r.Header.Get("x-all"), r.Header.Get("cookie"), r.Header.Get("authorization")}, "|")
		mu.Lock()
		asked[who]++
		if all++; all == enough {
			end()
		}
		mu.Unlock()
		version := "1"
		if r.Header.Get("cookie") != "" {
			version = "2"
		}
		w.Header().Set("x-version", version)
		if r.Header.Get("authorization") != "" {
			w.WriteHeader(http.StatusInternalServerError)
		}
	}))
	defer server.Close()
	o := Options{
		Addr: strings.TrimPrefix(server.URL, "http://"), Host: "x", Path: "/", Headers: http.Header{"X-All": {"yes"}},
		Rate: 500, Timeout: time.Minute, Outstanding: 1000, Cohorts: []Cohort{
			{Name: "staff", Share: 0.25, Headers: http.Header{"Cookie": {"cohort=staff"}}},
			{Name: "early", Share: 0.25, Headers: http.Header{"Authorization": {"Bearer t"}, "X-All": {"no"}}},
		},
	}
	sum, err := Run(ctx, o, &bytes.Buffer{})
	if err != nil {
		t.Fatal(err)
	}
	staff, early, others := asked["yes|cohort=staff|"], asked["no||Bearer t"], asked["yes||"]
	if staff == 0 || early == 0 || others == 0 || staff+early+others != sum.Sent {
		t.Fatalf("asked %v times of %d", asked, sum.Sent)
	}
	want := map[string]Counts{
		"staff": {Sent: staff, OK: staff, ByCode: map[string]int{"200": staff}, ByVersion: map[string]Arm{"2": {OK: staff}}},
		"early": {Sent: early, Failed: early, ByCode: map[string]int{"500": early}, ByVersion: map[string]Arm{"1": {Failed: early, ServerErrors: early}}},
		Others:  {Sent: others, OK: others, ByCode: map[string]int{"200": others}, ByVersion: map[string]Arm{"1": {OK: others}}},
	}
	for name, c := range want {
		c.ByRevision = map[string]Arm{}
		want[name] = c
	}
	if diff := cmp.Diff(want, sum.ByCohort); diff != "" {
		t.Errorf("by cohort (-want +got):\n%s", diff)
	}
}
