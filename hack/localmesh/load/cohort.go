package load

import (
	"fmt"
	"net/http"
	"slices"
	"strconv"
	"strings"
)

// Others is the name in the record of those who are in no cohort, where there are cohorts.
const Others = "others"

// Cohort is a group of clients: a share of the requests, which carry what its members are known by, such as a header, a cookie or a token.
type Cohort struct {
	Name    string
	Share   float64     // Of all requests, above 0 and at most 1; those of all cohorts add up to at most 1.
	Headers http.Header // Beside those of everybody, and in place of those with the same name; may be nil.
}

// ParseCohorts reads the shares of cohorts, such as "staff=0.1", and what they send, such as "staff:cookie=cohort=staff".
func ParseCohorts(shares, headers []string) ([]Cohort, error) {
	var all []Cohort
	for _, text := range shares {
		name, number, _ := strings.Cut(text, "=")
		share, err := strconv.ParseFloat(number, 64)
		if err != nil {
			return nil, fmt.Errorf("--cohort %q: write NAME=SHARE, such as staff=0.1", text)
		}
		all = append(all, Cohort{Name: name, Share: share, Headers: http.Header{}})
	}
	for _, text := range headers {
		name, header, _ := strings.Cut(text, ":")
		key, value, ok := strings.Cut(header, "=")
		if !ok || key == "" {
			return nil, fmt.Errorf("--cohort-header %q: write NAME:HEADER=VALUE, such as staff:x-cohort=staff", text)
		}
		i := slices.IndexFunc(all, func(c Cohort) bool { return c.Name == name })
		if i < 0 {
			return nil, fmt.Errorf("--cohort-header %q: there is no --cohort %s", text, name)
		}
		all[i].Headers.Add(key, value)
	}
	return all, checkCohorts(all)
}

// rounding is by how much shares that are written as decimal numbers may add up to more than 1.
const rounding = 1e-9

func checkCohorts(all []Cohort) error {
	sum, seen := 0.0, map[string]bool{"": true, Others: true}
	for _, c := range all {
		if seen[c.Name] {
			return fmt.Errorf("--cohort %s: each needs a name of its own, other than %q", c.Name, Others)
		}
		seen[c.Name] = true
		if !(c.Share > 0 && c.Share <= 1) {
			return fmt.Errorf("--cohort %s=%v: use a share from above 0 to 1", c.Name, c.Share)
		}
		sum += c.Share
	}
	if sum > 1+rounding {
		return fmt.Errorf("--cohort: the shares add up to %v, which is more than 1", sum)
	}
	return nil
}

// turns says whose request is next. The turns are even: after any number of requests each cohort has had its share, to within two.
type turns struct {
	all  []Cohort  // The others are the last. Without cohorts they are alone, and have no name.
	owed []float64 // How much of a request each is behind.
}

func newTurns(cohorts []Cohort) *turns {
	others := Cohort{Share: 1}
	for _, c := range cohorts {
		others.Name = Others
		others.Share -= c.Share
	}
	return &turns{all: append(slices.Clone(cohorts), others), owed: make([]float64, len(cohorts)+1)}
}

func (t *turns) next() Cohort {
	most := 0
	for i, c := range t.all {
		t.owed[i] += c.Share
		if t.owed[i] > t.owed[most] {
			most = i
		}
	}
	t.owed[most]--
	return t.all[most]
}
