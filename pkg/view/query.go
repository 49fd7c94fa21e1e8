package view

import (
	"strings"

	"github.com/stagger-dev/stagger/pkg/apis/stagger/v1alpha1"
	"github.com/stagger-dev/stagger/pkg/counting"
	"github.com/stagger-dev/stagger/pkg/counting/promql"
)

// Query is PromQL to paste.
type Query struct {
	Title string `json:"title"`
	Text  string `json:"text"`
}

// QueriesOf are the queries of the newest release of a TrafficShift, whose requests are counted by the arms: one for the eye, and for each
// objective that which the operator asks. What the operator's configuration adds for its sources, such as labels of a cluster, is not in them.
func QueriesOf(shift *v1alpha1.TrafficShift, arms counting.Pair) []Query {
	r := shift.Status.Release
	if r == nil {
		return nil
	}
	all := []Query{{Title: "How the requests of both versions were answered, for the eye", Text: queryOf(shift)}}
	for _, o := range r.Plan.Objectives {
		text, err := asked(o, arms)
		if err != nil {
			continue // an objective that cannot be asked about is told by a condition
		}
		all = append(all, Query{Title: "What is counted for " + clean(o.Name) + ": as the operator asks it for each " + span(counting.DefaultStep), Text: text})
	}
	return all
}

// asked is the question of an objective about both arms.
func asked(o v1alpha1.Objective, arms counting.Pair) (string, error) {
	b, err := promql.NewBatch(promql.Scope{}, counting.IndicatorOf(o), []counting.Service{arms.Stable, arms.Canary})
	if err != nil {
		return "", err
	}
	text, err := b.Increments(counting.DefaultStep)
	return strings.TrimSpace(text), err
}

// CommandsOf are what can be typed for what a page shows, with the flags that lead to its cluster: what makes sense now, and what tells more.
func CommandsOf(p ServicePage, flags string) []Hint {
	line := func(verb, more string) string {
		return "kubectl stagger " + verb + " " + p.Name + " -n " + p.Namespace + flags + more
	}
	all := []Hint{}
	for _, a := range p.Actions {
		if a.Refused != "" {
			continue
		}
		more := ""
		if a.Reason == ReasonRequired {
			more = " --reason '…'"
		}
		all = append(all, Hint{Text: a.Label, Line: line(string(a.Verb), more)})
	}
	all = append(all, Hint{Text: "Tell why", Line: line("why", "")}, Hint{Text: "Follow in a terminal", Line: line("watch", "")})
	if p.Number > 0 {
		all = append(all, Hint{Text: "Write the report", Line: line("report", "")})
	}
	return all
}
