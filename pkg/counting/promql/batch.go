package promql

import (
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/prometheus/common/model"

	"github.com/stagger-dev/stagger/pkg/counting"
)

const (
	// MaxArms is the largest number of arms in a Batch: both arms of 250 releases.
	MaxArms = 500

	labelReporter  = "reporter"
	labelNamespace = "destination_service_namespace"
	labelName      = "destination_service_name"
	labelRevision  = "destination_canonical_revision"
	labelCode      = counting.LabelCode
	labelFlags     = counting.LabelFlags
	labelGRPC      = counting.LabelGRPC
	labelProtocol  = counting.LabelProtocol
	labelEdge      = "le"

	// remembered is how long a target is remembered that discovery has lost: when it comes back sooner it is not a new one.
	remembered = time.Hour
)

// Batch is the arms asked for together at one source, by one indicator. Make it with NewBatch.
type Batch struct {
	scope     Scope
	indicator counting.Indicator
	arms      []counting.Service
}

// NewBatch returns the Batch of 1 to MaxArms arms, or an error that names the arm or field that cannot be used.
func NewBatch(scope Scope, indicator counting.Indicator, arms []counting.Service) (Batch, error) {
	if err := scope.Validate(); err != nil {
		return Batch{}, err
	}
	if err := indicator.Validate(); err != nil {
		return Batch{}, err
	}
	if len(arms) == 0 || len(arms) > MaxArms {
		return Batch{}, fmt.Errorf("a batch of %d arms was asked for; it must have 1 to %d", len(arms), MaxArms)
	}
	for _, a := range arms {
		if (a.Revision == "") != (arms[0].Revision == "") {
			return Batch{}, fmt.Errorf("%s and %s are told apart by different labels; ask about them in two batches", arms[0], a)
		}
		err := errors.Join(checkLabelValue("namespace of "+a.String(), a.Namespace), checkLabelValue("name of "+a.String(), a.Name))
		if err != nil {
			return Batch{}, err
		}
	}
	sorted, own := slices.Clone(arms), make([]string, len(arms))
	for i, a := range arms {
		own[i] = a.Namespace
	}
	scope.own = distinct(own)
	slices.SortFunc(sorted, counting.Service.Compare)
	return Batch{scope: scope, indicator: indicator, arms: slices.Compact(sorted)}, nil
}

// Increments returns the expression of the indicator: evaluated at T it says how many requests each arm had in (T-slice, T].
// slice is a whole number of milliseconds and at most half of the look-back. Read the answer with Counts. What it groups by:
//
//	Requests  service, protocol, response code, response flags, gRPC status
//	Duration  service; all requests, and those within the threshold
//	Custom    service; all requests, and the bad ones
func (b Batch) Increments(slice time.Duration) (string, error) {
	if err := b.scope.checkSlice(slice); err != nil {
		return "", err
	}
	arm := b.groups()
	if i := b.indicator; i.KindOrDefault() == counting.Custom {
		return twoFacts(factAll, b.scope.increments(arm, b.custom(i.Total), slice), factBad, b.scope.increments(arm, b.custom(i.Bad), slice)), nil
	}
	return b.scope.reported(arm, b.indicator, b.selector, slice), nil
}

// Base returns the question whether counts of (T-slice, T] can be believed. It gives the number of targets that were known
// long enough before the slice. No answer, or zero: Prometheus was empty, new or down for longer than the look-back; the
// slice is void, and everything starts from a new base. It stays so for the time Scope.Settle returns after the first scrape.
func (b Batch) Base(slice time.Duration) (string, error) {
	if err := b.scope.checkSlice(slice); err != nil {
		return "", err
	}
	return "count(" + b.scope.settled(slice) + ")", nil
}

// Lag returns the question for the longest scrape in the look-back, in seconds, of the targets that carry each arm; others of their jobs are
// not waited for. Samples have the time their scrape started and become visible when it has ended: T must lie that far behind now. Read the answer
// with Seconds.
func (b Batch) Lag() string {
	return fmt.Sprintf("max by (%s) (%s)", b.groups(), b.byTarget(fmt.Sprintf("max_over_time(%s[%s])", b.scope.target("scrape_duration_seconds"), duration(b.scope.lookback()))))
}

// byTarget returns a number about targets, for each target and arm that it carries.
func (b Batch) byTarget(number string) string {
	return fmt.Sprintf("group by (job, instance, %s) (%s) * on (job, instance) group_left () max by (job, instance) (%s)", b.groups(), b.carried(), number)
}

// Indicator is what the arms are asked about by.
func (b Batch) Indicator() counting.Indicator { return b.indicator }

// LeavingOut returns the Batch without what some values of labels bring: see Once.
func (b Batch) LeavingOut(without map[string][]string) Batch {
	b.scope.Without = without
	return b
}

// carrier returns the series whose targets carry the arms.
func (b Batch) carrier() string {
	if i := b.indicator; i.KindOrDefault() == counting.Custom {
		return b.custom(i.Total)
	}
	return b.selector(counting.Indicator{}.String())
}

// carried returns the newest samples of the series that carry the arms, of pods that are believed about them.
func (b Batch) carried() string { return b.scope.believed(b.carrier(), b.carrier()) }

// carriedOver returns the last samples in a time, which ended so long ago, of the series that carry the arms, of pods that are believed about them.
func (b Batch) carriedOver(back, ago time.Duration) string {
	offset := ""
	if ago > 0 {
		offset = " offset " + duration(ago)
	}
	return b.scope.believed(fmt.Sprintf("last_over_time(%s[%s]%s)", b.carrier(), duration(back), offset), b.carrier())
}

// taken returns when the newest samples were taken of the series that carry the arms, of pods that are believed about them.
func (b Batch) taken() string { return b.scope.believed("timestamp("+b.carrier()+")", b.carrier()) }

// groups are the labels that tell the arms apart.
func (b Batch) groups() string {
	if b.arms[0].Revision != "" {
		return labelNamespace + ", " + labelName + ", " + labelRevision
	}
	return labelNamespace + ", " + labelName
}

// selector returns the series of a metric that clients' proxies and gateways reported about the arms.
func (b Batch) selector(metric string, others ...string) string {
	all := append([]string{matcher(labelReporter, "source")}, b.labels()...)
	return metric + "{" + strings.Join(append(all, others...), ",") + "}"
}

// custom returns the user's series about the arms.
func (b Batch) custom(selector string) string {
	return strings.Replace(selector, counting.Placeholder, strings.Join(b.labels(), ","), 1)
}

// labels are the matchers of the arms and of the scope. They also hold for other services whose namespace is one arm's and
// whose name is another's; readers drop those.
func (b Batch) labels() []string {
	namespaces, names := make([]string, len(b.arms)), make([]string, len(b.arms))
	for i, a := range b.arms {
		namespaces[i], names[i] = a.Namespace, a.Name
	}
	return append([]string{matcher(labelNamespace, distinct(namespaces)...), matcher(labelName, distinct(names)...)}, b.scope.matchers()...)
}

func duration(d time.Duration) string { return model.Duration(d).String() }
