package e2e

import (
	"encoding/json"
	"fmt"
	"math"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/prometheus/common/model"

	"github.com/stagger-dev/stagger/e2e/bed"
)

// boardFiles are the dashboards as they are shipped.
const boardFiles = "../manifests/monitoring/dashboards/*.json"

// board is what a story needs of a dashboard.
type board struct {
	UID    string `json:"uid"`
	Panels []struct {
		Type    string `json:"type"`
		Title   string `json:"title"`
		Targets []struct {
			Expr  string `json:"expr"`
			RefID string `json:"refId"`
		} `json:"targets"`
		FieldConfig struct {
			Defaults struct {
				Unit string `json:"unit"`
			} `json:"defaults"`
		} `json:"fieldConfig"`
	} `json:"panels"`
	Annotations struct {
		List []struct {
			Name string `json:"name"`
			Expr string `json:"expr"`
		} `json:"list"`
	} `json:"annotations"`
}

// shown is one question of a board: that of a panel, or of an annotation.
type shown struct {
	where, expr string
	ratio       bool
}

func boards(t *testing.T) []shown {
	t.Helper()
	files, err := filepath.Glob(boardFiles)
	if err != nil || len(files) == 0 {
		t.Fatalf("there are no boards: %v", err)
	}
	var all []shown
	for _, file := range files {
		text, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		var b board
		if err := json.Unmarshal(text, &b); err != nil {
			t.Fatalf("reading %s: %v", file, err)
		}
		for _, p := range b.Panels {
			for _, q := range p.Targets {
				all = append(all, shown{b.UID + "/" + p.Title + "/" + q.RefID, q.Expr, p.FieldConfig.Defaults.Unit == "percentunit"})
			}
		}
		for _, a := range b.Annotations.List {
			all = append(all, shown{b.UID + "/annotation " + a.Name, a.Expr, false})
		}
	}
	return all
}

// The stories that look at the boards at their end.
const (
	promoting   = "TestAGoodVersionIsPromotedStepByStep"
	errorsAbort = "TestAVersionWithErrorsIsTakenBackAndRefused"
	gone        = "TestAReleaseHoldsWhilePrometheusIsGoneAndThenGoesOn"
	steered     = "TestPeopleSteerARelease"
	refusal     = "TestARouteThatMayNotBeWrittenIsToldAndKeepsNobodyAtABadVersion"
)

var everyStory = []string{promoting, errorsAbort, gone, steered, refusal}

// inSome are the questions that are answered in some stories alone. Every other is answered in each.
var inSome = map[string][]string{
	"stagger-fleet/What has waited longest/A":    {gone, steered, refusal}, // elsewhere nothing waits but for its next step
	"stagger-fleet/Alerts that fire/A":           {errorsAbort, gone, refusal},
	"stagger-fleet/Services nobody manages/A":    {errorsAbort},
	"stagger-release/annotation Taken back":      {errorsAbort, steered, refusal},
	"stagger-release/annotation Handed over":     {promoting},
	"stagger-evidence/Aborts by evidence took/A": {errorsAbort}, // people's aborts are not by evidence
	"stagger-evidence/Aborts by evidence took/B": {errorsAbort},
}

// inNone are those that no story can answer, and why.
var inNone = map[string]string{
	"stagger-release/Ready pods/A": "the mesh has no kube-state-metrics",
	"stagger-release/Ready pods/B": "the mesh has no kube-state-metrics",
}

// counted are the questions about events of which a story has some: the answer is more than 0 there. Counters are there at 0 in any case.
var counted = map[string][]string{
	"stagger-fleet/Aborted in 24 h/A":                      {errorsAbort, steered, refusal},
	"stagger-fleet/Promoted in 24 h/A":                     {promoting, gone},
	"stagger-fleet/Ends by cause/A":                        {promoting, gone},
	"stagger-fleet/Ends by cause/B":                        {errorsAbort, steered, refusal},
	"stagger-fleet/What users met/A":                       everyStory,
	"stagger-fleet/Begun by policy/A":                      everyStory,
	"stagger-fleet/Commands of people/A":                   {steered, refusal},
	"stagger-fleet/Running/A":                              everyStory,
	"stagger-fleet/Waiting/A":                              {gone, steered, refusal},
	"stagger-evidence/Queries/A":                           everyStory,
	"stagger-evidence/Aborts and brakes by evidence/A":     {errorsAbort},
	"stagger-evidence/Writes by result/A":                  everyStory,
	"stagger-evidence/Writes that were denied or failed/A": {refusal},
	"stagger-evidence/How Deployments are held/A":          everyStory,
	"stagger-operator/Leader/A":                            everyStory,
	"stagger-operator/Calls to the API server/A":           everyStory,
}

// operators are the metrics of an operator; another's are left out by its pod, whatever cluster and job are chosen.
var operators = regexp.MustCompile(`\b((?:stagger|leader_election|controller_runtime|workqueue|rest_client|process)_\w+)\{cluster=~"\$cluster"`)

// scraped waits until Prometheus has the operator's counters from before the story's first release, as it has where an operator runs for long.
func (s *story) scraped() *story {
	s.t.Helper()
	s.asks(`stagger_releases_started_total{pod="$OP", policy="$NS"} == 0`)
	return s
}

// boards checks that the boards show the story: that the mesh's Prometheus answers what they ask about the time since the operator took charge.
func (s *story) boards() {
	s.t.Helper()
	if bed.Scraped() == "" {
		return
	}
	since := time.Since(s.began).Round(time.Second) + time.Minute
	in := strings.NewReplacer("$__rate_interval", "30s", "$__range", since.String(), "$cluster", ".*", "$job", ".*", "$workload", ".*",
		"$release_namespace", s.ns, "${release_service}", "checkout", "$release_service", "checkout")
	for _, q := range boards(s.t) {
		if stories, some := inSome[q.where]; inNone[q.where] != "" || some && !slices.Contains(stories, s.t.Name()) {
			continue
		}
		expr := in.Replace(operators.ReplaceAllString(q.expr, fmt.Sprintf(`$1{pod=%q`, s.op.process.Pod)))
		least := math.Inf(-1)
		if slices.Contains(counted[q.where], s.t.Name()) {
			least = math.SmallestNonzeroFloat64
		}
		waitFor(s.t, "the board shows "+q.where, func() (bool, string) {
			answer, err := bed.AskOver(s.t.Context(), prometheus(), expr, s.began, time.Now())
			return most(answer) >= least && most(answer) > math.Inf(-1), fmt.Sprint(expr, answer, err)
		})
		if q.ratio {
			s.ratios(q.where, expr)
		}
	}
}

// ratios checks that an expression is never below 0 or above 1.
func (s *story) ratios(where, expr string) {
	s.t.Helper()
	answer, err := bed.AskOver(s.t.Context(), prometheus(), expr, s.began, time.Now())
	if err != nil {
		s.t.Error(err)
	}
	for _, series := range answer {
		for _, v := range series.Values {
			if v.Value < 0 || v.Value > 1 {
				s.t.Errorf("%s is %v, and no ratio, at %s in %s", where, v.Value, v.Timestamp.Time(), series.Metric)
			}
		}
	}
}

// most is the greatest number in an answer; what is no number is none.
func most(answer model.Matrix) float64 {
	greatest := math.Inf(-1)
	for _, series := range answer {
		for _, v := range series.Values {
			if n := float64(v.Value); !math.IsNaN(n) {
				greatest = max(greatest, n)
			}
		}
	}
	return greatest
}

// The tables name questions that the boards ask, and stories that look at the boards.
func TestEveryPanelIsShownInAStory(t *testing.T) {
	var asked []string
	for _, q := range boards(t) {
		asked = append(asked, q.where)
	}
	for where := range inNone {
		if !slices.Contains(asked, where) {
			t.Errorf("no board has %s", where)
		}
	}
	for _, table := range []map[string][]string{inSome, counted} {
		for where, stories := range table {
			if !slices.Contains(asked, where) || inNone[where] != "" {
				t.Errorf("no board that is looked at has %s", where)
			}
			if len(stories) == 0 {
				t.Errorf("%s is shown in no story", where)
			}
			for _, story := range stories {
				if !slices.Contains(everyStory, story) {
					t.Errorf("%s is to be shown in %s, which does not look", where, story)
				}
			}
		}
	}
	files, err := filepath.Glob("*_test.go")
	if err != nil {
		t.Fatal(err)
	}
	var sources strings.Builder
	for _, file := range files {
		text, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		sources.Write(text)
	}
	for _, story := range everyStory {
		_, after, found := strings.Cut(sources.String(), "\nfunc "+story+"(")
		body, _, _ := strings.Cut(after, "\n}\n")
		if !found || !strings.Contains(body, "\n\ts.boards()\n") {
			t.Errorf("%s does not look at the boards", story)
		}
	}
}
