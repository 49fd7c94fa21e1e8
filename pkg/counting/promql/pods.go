package promql

import (
	"errors"
	"fmt"
	"regexp"
	"strconv"
	"strings"
	"time"

	"github.com/prometheus/common/model"

	"github.com/stagger-dev/stagger/pkg/counting"
)

const (
	labelPod             = "pod"
	labelTargetNamespace = "namespace"

	// longestPrefix is how much of a ReplicaSet's name the names of its pods begin with; suffix is what follows.
	longestPrefix = 58
	suffix        = "[a-z0-9]{5}"
	// maxPods is the largest number of pods that are read.
	maxPods = 5000
)

// Pods are the pods of one ReplicaSet, asked about by what their own proxies report: the only question that needs a count for each
// pod. It rests on the labels namespace and pod that scrape configurations for Kubernetes give to each target. Make it with NewPods.
type Pods struct {
	scope          Scope
	indicator      counting.Indicator
	namespace, set string
}

// NewPods returns the Pods of a ReplicaSet, or an error that names what cannot be used. Of a Custom indicator pods report nothing.
func NewPods(scope Scope, indicator counting.Indicator, namespace, set string) (Pods, error) {
	err := errors.Join(scope.Validate(), indicator.Validate(), checkLabelValue("namespace", namespace), checkLabelValue("ReplicaSet", set))
	if err == nil && indicator.KindOrDefault() == counting.Custom {
		err = errors.New("a Custom indicator is not counted for each pod")
	}
	scope.Reporters = nil // The namespace of the pods is part of the question.
	return Pods{scope, indicator, namespace, set}, err
}

// Increments returns the expression that says, evaluated at T, how many requests each pod was asked in (T-interval, T]. Read the
// answers of a range of times, an interval apart, with Counts.
func (p Pods) Increments(interval time.Duration) (string, error) {
	if err := p.scope.checkSlice(interval); err != nil {
		return "", err
	}
	return p.scope.reported(labelPod, p.indicator, p.selector, interval), nil
}

// selector returns the series of a metric that the pods' proxies reported.
func (p Pods) selector(metric string, others ...string) string {
	prefix := p.set + "-"
	names := regexp.QuoteMeta(prefix[:min(len(prefix), longestPrefix)]) + suffix
	all := append([]string{matcher(labelReporter, "destination"), matcher(labelTargetNamespace, p.namespace), labelPod + "=~" + strconv.Quote(names)},
		p.scope.matchers()...)
	return metric + "{" + strings.Join(append(all, others...), ",") + "}"
}

// Counts reads the answers to Increments over a range of times: what each pod that reported anything was asked in all of it. An
// error says what is wrong with them.
func (p Pods) Counts(answer model.Matrix) (map[string]counting.Counts, error) {
	if len(answer) > MaxSeries {
		return nil, fmt.Errorf("pods: the answer has %d series; at most %d are read", len(answer), MaxSeries)
	}
	pods := map[string]counting.Counts{}
	within := map[string]float64{}
	for _, series := range answer {
		name := string(series.Metric[labelPod])
		n, err := sum(series)
		if err != nil {
			return nil, err
		}
		if name == "" {
			return nil, fmt.Errorf("pods: series %s names no pod", series.Metric)
		}
		c := pods[name]
		switch fact := string(series.Metric[labelFact]); {
		case p.indicator.KindOrDefault() == counting.Requests:
			c.Count(p.indicator.Rules, outcome(series.Metric), n)
		case fact == factAll:
			c.Requests += n
		case fact == factWithin:
			within[name] += n
		default:
			return nil, fmt.Errorf("pods: the answer has the unknown fact %q", fact)
		}
		if pods[name] = c; len(pods) > maxPods {
			return nil, fmt.Errorf("pods: the answer has more than %d pods; no more are read", maxPods)
		}
	}
	for name, c := range pods {
		if p.indicator.KindOrDefault() == counting.Duration {
			c.Bad = max(0, c.Requests-within[name])
			pods[name] = c
		}
	}
	return pods, nil
}

// sum is all that a series of increments gained.
func sum(series *model.SampleStream) (float64, error) {
	total := 0.0
	for _, x := range series.Values {
		n, err := count(x.Value)
		if err != nil {
			return 0, fmt.Errorf("pods: series %s: %w", series.Metric, err)
		}
		total += n
	}
	return total, nil
}
