package promql

import (
	"cmp"
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/prometheus/common/model"

	"github.com/stagger-dev/stagger/pkg/counting"
)

const (
	labelJob      = "job"
	labelInstance = "instance"
	labelProxy    = "proxy"
	factAmbiguous = "ambiguous"
	factDiffer    = "differ"

	// proxyOf is the host of an instance: one proxy may be scraped at several of its ports.
	proxyOf = "(.+?)(:[0-9]+)?"
	// maxAbsent is how many values of a label are remembered that no proxy comes by any more.
	maxAbsent = 64
)

// tellers are the labels by which copies of the same proxy's series are told apart, in the order in which a copy is chosen: the scrape job, and
// what those who run several Prometheus call the label of each: Prometheus Operator, Thanos, Mimir and Cortex.
var tellers = []string{labelJob, "prometheus_replica", "replica", "thanos_replica", "receive_replica", "prometheus"}

// Copies is what is known of the proxies that report about the arms by more than one job or replica.
type Copies struct {
	seen []copyOf
	// ambiguous are the jobs, by arm, in which targets that carry it come more than once, told apart by none of the tellers.
	ambiguous map[counting.Service][]string
	// differ are the jobs, by arm, that bring other counts of it than others do, of a proxy that is said to be the same.
	differ map[counting.Service][]string
}

// copyOf is one way by which a proxy's series come; without a proxy, a way by which some come that come by no other.
type copyOf struct {
	proxy  string
	values []string // of the tellers
}

// Copies returns the question by which jobs and replicas the reports of the same proxies come. The same proxy is the same workload at the same
// host. Where none comes twice the answer has one row for each job. Read the answer with DecodeCopies.
//
// Which workload and which host is the word of who is scraped, and of who says how. Copies of one proxy tell the same, each at its own time: none has
// less now than another had two intervals ago. Arms of which that is not so are told.
func (b Batch) Copies() string {
	by, arm := strings.Join(tellers, ", "), b.groups()
	const whose = labelProxy + ", source_workload_namespace, source_workload"
	told := strings.Join([]string{whose, arm, labelCode, labelFlags, labelGRPC}, ", ")
	proxies := func(x string) string {
		return fmt.Sprintf("label_replace(%s, %q, \"$1\", %q, %q)", x, labelProxy, labelInstance, proxyOf)
	}
	back := 2 * b.scope.interval()
	x := b.carriedOver(back, 0)
	each := fmt.Sprintf("(group by (%s, %s) (%s))", whose, by, proxies(x))
	shared := fmt.Sprintf("(count by (%s) (%s) > 1)", whose, each)
	now := fmt.Sprintf("sum by (%s, %s) (%s)", by, told, proxies(x))
	before := fmt.Sprintf("max by (%[2]s) (sum by (%[1]s, %[2]s) (%[3]s))", by, told, proxies(b.carriedOver(back, back)))
	agree := fmt.Sprintf("count by (%[1]s) (%[2]s >= on (%[1]s) group_left () %[3]s)", told, now, before)
	differ := fmt.Sprintf("count by (job, %s) (%s and on (%s) (%s < on (%s) group_left () %s))", arm, now, told, agree, whose, shared)
	ambiguous := fmt.Sprintf("count by (job, %[1]s) (group by (job, instance, %[1]s) (%[2]s) and on (job, instance) (count by (instance, %[3]s) (%[4]s and on (job, instance) %[2]s) > 1))",
		arm, x, by, b.scope.target("up"))
	fact := func(name, value string) string {
		return fmt.Sprintf("label_replace(%s, %q, %q, \"\", \"\")", value, labelFact, name)
	}
	return fmt.Sprintf("%[1]s and on (%[2]s) %[3]s\nor count by (%[4]s) (%[1]s unless on (%[2]s) %[3]s)\nor %[5]s\nor %[6]s",
		each, whose, shared, by, fact(factAmbiguous, ambiguous), fact(factDiffer, differ))
}

// DecodeCopies reads the answer to Copies.
func (b Batch) DecodeCopies(answer model.Vector) (Copies, error) {
	if len(answer) > MaxSeries {
		return Copies{}, TooLarge{"copies", len(answer)}
	}
	c := Copies{ambiguous: map[counting.Service][]string{}, differ: map[counting.Service][]string{}}
	for _, s := range answer {
		if fact := s.Metric[labelFact]; fact != "" {
			arm, _, err := b.arm(s.Metric, labelFact, labelJob)
			if err != nil {
				return Copies{}, fmt.Errorf("copies: %w", err)
			}
			of := c.differ
			if fact == factAmbiguous {
				of = c.ambiguous
			}
			of[arm] = append(of[arm], string(s.Metric[labelJob]))
			continue
		}
		one := copyOf{values: make([]string, len(tellers))}
		for i, label := range tellers {
			one.values[i] = string(s.Metric[model.LabelName(label)])
		}
		if host := s.Metric[labelProxy]; host != "" {
			one.proxy = fmt.Sprintf("%s/%s at %s", s.Metric["source_workload_namespace"], s.Metric["source_workload"], host)
		}
		c.seen = append(c.seen, one)
	}
	return c, nil
}

// And returns what is known by both.
func (c Copies) And(o Copies) Copies {
	return Copies{seen: slices.Concat(c.seen, o.seen), ambiguous: joined(c.ambiguous, o.ambiguous), differ: joined(c.differ, o.differ)}
}

func joined(a, b map[counting.Service][]string) map[counting.Service][]string {
	all := map[counting.Service][]string{}
	for _, one := range []map[counting.Service][]string{a, b} {
		for arm, jobs := range one {
			all[arm] = append(all[arm], jobs...)
		}
	}
	return all
}

// Once says how each proxy is counted once.
type Once struct {
	// Without are the values of labels that are left out of a Scope, since other values bring the reports of the same proxies.
	Without map[string][]string
	// Known are all values that have brought such proxies, those that were counted too.
	Known map[string][]string
	// Left says in a sentence what is left out now, and why; empty: nothing.
	Left string
	// Twice says in a sentence what is counted twice all the same; empty: nothing.
	Twice string

	doubts Copies
}

// Differ says whether what is left out brings other counts of one of the arms than what is not: then nobody knows which are true, and of these arms
// nothing may be left out.
func (o Once) Differ(arms ...counting.Service) bool { return len(jobsOf(o.doubts.differ, arms)) > 0 }

// Doubt says in a sentence why it is not certain that each request to the arms is counted once; empty: it is.
func (o Once) Doubt(arms ...counting.Service) string {
	if jobs := jobsOf(o.doubts.differ, arms); len(jobs) > 0 {
		return fmt.Sprintf("counts of %s by %s differ, although source_workload and instance say that they are of the same proxies, so that all are added up; name the jobs "+
			"that are right in the source's jobs, and find out who made the others", arms[0], named(labelJob, jobs))
	}
	if jobs := jobsOf(o.doubts.ambiguous, arms); len(jobs) > 0 {
		return fmt.Sprintf("%s has several samples of up for the same instance at a time, told apart by other labels than %s, so that requests may be counted more "+
			"than once; name the label of one cluster or replica in the source's matchers", named(labelJob, jobs), strings.Join(tellers, ", "))
	}
	return ""
}

func jobsOf(by map[counting.Service][]string, arms []counting.Service) []string {
	var jobs []string
	for _, arm := range arms {
		jobs = append(jobs, by[arm]...)
	}
	return jobs
}

// Choose returns how to count each proxy once, given how it was done before. What was left out stays so until it is needed: a replica that
// comes back is not counted beside the one that took its place. Who is chosen is those that have most of the proxies, then the first by name.
func (c Copies) Choose(before Once) Once {
	once := Once{Without: map[string][]string{}, Known: map[string][]string{}, doubts: Copies{ambiguous: c.ambiguous, differ: c.differ}}
	if len(c.seen) == 0 {
		once.Without, once.Known = before.Without, before.Known
	}
	seen := c.seen
	var left, twice []string
	for i, label := range tellers {
		p := partition(seen, i)
		known := p.known(before.Known[label])
		out := p.leftOut(known, before.Without[label])
		if len(known) > 0 && len(c.seen) > 0 {
			once.Known[label], once.Without[label] = known, out
		}
		if now := p.among(out); len(now) > 0 {
			left = append(left, fmt.Sprintf("%s scrape the same proxies: %s is left out", named(label, slices.Collect(maps.Keys(p.shared))), named(label, now)))
		}
		seen = slices.DeleteFunc(slices.Clone(seen), func(one copyOf) bool { return slices.Contains(out, one.values[i]) })
		if still := slices.Collect(maps.Keys(partition(seen, i).shared)); len(still) > 0 {
			twice = append(twice, "by "+named(label, still))
		}
	}
	once.Left = strings.Join(left, "; ")
	if len(twice) > 0 {
		once.Twice = fmt.Sprintf("some requests are counted twice, %s: each has proxies that no other has, and some are the same; let each proxy be scraped by one",
			strings.Join(twice, "; "))
	}
	return once
}

// ways are what brings the reports of proxies, by the values of one label.
type ways struct {
	by     map[string]map[string]bool // proxy: values
	needed map[string]bool            // values that bring what no other does
	brings map[string]int             // how many proxies each value brings
	shared map[string]int             // how many of them others bring too
}

func partition(seen []copyOf, label int) ways {
	w := ways{by: map[string]map[string]bool{}, needed: map[string]bool{}, brings: map[string]int{}, shared: map[string]int{}}
	for _, one := range seen {
		value := one.values[label]
		if one.proxy == "" {
			w.needed[value] = true
			continue
		}
		if w.by[one.proxy] == nil {
			w.by[one.proxy] = map[string]bool{}
		}
		w.by[one.proxy][value] = true
	}
	for _, values := range w.by {
		for value := range values {
			w.brings[value]++
			if len(values) > 1 {
				w.shared[value]++
			}
		}
	}
	return w
}

// known are the values that share proxies, or did before.
func (w ways) known(before []string) []string {
	absent := slices.DeleteFunc(slices.Clone(before), func(value string) bool { return w.brings[value] > 0 || w.needed[value] })
	present := slices.DeleteFunc(slices.Clone(before), func(value string) bool { return slices.Contains(absent, value) })
	return distinct(slices.Concat(slices.Collect(maps.Keys(w.shared)), present, absent[:min(len(absent), maxAbsent)]))
}

// leftOut are the values without which every proxy is still reported, of the known ones.
func (w ways) leftOut(known, before []string) []string {
	chosen := maps.Clone(w.needed)
	for value := range w.brings {
		if !slices.Contains(known, value) {
			chosen[value] = true
		}
	}
	last := map[bool]int{true: 1} // what was left out is taken last
	order := slices.SortedFunc(maps.Keys(w.brings), func(a, b string) int {
		return cmp.Or(cmp.Compare(last[slices.Contains(before, a)], last[slices.Contains(before, b)]), cmp.Compare(w.brings[b], w.brings[a]), strings.Compare(a, b))
	})
	for _, value := range order {
		chosen[value] = chosen[value] || w.lacks(value, chosen)
	}
	return slices.DeleteFunc(slices.Clone(known), func(value string) bool { return chosen[value] })
}

// lacks says whether a value brings a proxy that none of the chosen ones does.
func (w ways) lacks(value string, chosen map[string]bool) bool {
	for _, values := range w.by {
		if values[value] && !slices.ContainsFunc(slices.Collect(maps.Keys(values)), func(other string) bool { return chosen[other] }) {
			return true
		}
	}
	return false
}

// among are those of the values that bring proxies now which others bring too.
func (w ways) among(values []string) []string {
	return slices.DeleteFunc(slices.Clone(values), func(value string) bool { return w.shared[value] == 0 })
}

// named names values of a label in a sentence.
func named(label string, values []string) string {
	values = distinct(values)
	for i, value := range values {
		values[i] = cmp.Or(value, "(none)")
	}
	if label == labelJob {
		label = "job"
		if len(values) > 1 {
			label = "the jobs"
		}
	}
	return label + " " + strings.Join(values, " and ")
}
