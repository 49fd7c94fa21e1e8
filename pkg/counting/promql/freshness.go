package promql

import (
	"fmt"
	"math"
	"time"

	"github.com/prometheus/common/model"

	"github.com/stagger-dev/stagger/pkg/counting"
)

// The values of a Freshness come in one answer and are told apart by this label, which no target can set: the aggregations drop all others.
const (
	labelFact   = "fact"
	factTargets = "targets"
	factFresh   = "fresh"
	factNewest  = "newest"
	factNew     = "new"
	factUnknown = "unknown"
)

// Freshness says how current the scrapes of one service's reporters are: the proxies and gateways that sent it a request.
// The zero Freshness is that of a service nobody has reported about, such as a canary before its first request; the stable's
// Freshness speaks for it then, for the same proxies report both.
type Freshness struct {
	// Targets is how many scrape targets, still there, carried the service in the look-back.
	Targets int
	// Fresh is how many of them were scraped with success within two scrape intervals.
	Fresh int
	// Newest is when the newest sample of the service was taken; zero when the last scrape of every target failed.
	Newest time.Time
	// New is how many of the Targets are of jobs that are only beginning to be scraped, as all are in a new or emptied Prometheus: others of them may
	// not have been scraped yet, and what they all counted before is nobody's.
	New int
	// Unknown is how many others carry the service now and have no up in the look-back, by their job: nobody knows when they were scraped.
	// Federation, pushed metrics and labels that were dropped make such.
	Unknown map[string]int
}

// NoUp is how many targets have no up.
func (f Freshness) NoUp() int {
	n := 0
	for _, targets := range f.Unknown {
		n += targets
	}
	return n
}

// Current reports whether counts may be taken as all that happened: at least nine tenths of the targets, and one, are fresh.
func (f Freshness) Current() bool { return f.Targets > 0 && 10*f.Fresh >= 9*(f.Targets+f.NoUp()) }

// Begins reports whether more than a tenth of the targets are New: what the arm was asked is not known then, nor will it be.
func (f Freshness) Begins() bool { return 10*f.New > f.Targets }

// Freshness returns the question how current the scrapes of the arms' reporters are. A target counts as fresh by its own up:
// a proxy that was restarted carries no series of the service until its next request, and is known all the same to have
// counted nothing. A target that discovery has lost is no longer waited for. Evaluated at T it is about (T-slice, T], slice as for Increments: a job
// is new when it was not scraped for the time that Scope.Settle returns before. Read the answer with DecodeFreshness.
func (b Batch) Freshness(slice time.Duration) (string, error) {
	if err := b.scope.checkSlice(slice); err != nil {
		return "", err
	}
	up := b.scope.target("up")
	carriers := fmt.Sprintf("(group by (job, instance, %s) (%s) and on (job, instance) %s)", b.groups(), b.carriedOver(b.scope.lookback(), 0), up)
	fact := func(name, value string) string {
		return fmt.Sprintf("label_replace(%s, %q, %q, \"\", \"\")", value, labelFact, name)
	}
	by := "by (" + b.groups() + ") "
	fresh := fmt.Sprintf("(%s and on (job, instance) (max_over_time(%s[%s]) == 1))", carriers, up, duration(2*b.scope.interval()))
	return fact(factTargets, "count "+by+carriers) + "\nor " +
		fact(factFresh, "count "+by+fresh) + "\nor " +
		fact(factNewest, "max "+by+"("+b.taken()+")") + "\nor " +
		fact(factNew, fmt.Sprintf("count %s(%s unless on (job) %s)", by, carriers, b.scope.settled(slice))) + "\nor " +
		fact(factUnknown, fmt.Sprintf("count by (%[1]s, job) (group by (job, instance, %[1]s) (%[2]s) unless on (job, instance) last_over_time(%[3]s[%[4]s]))",
			b.groups(), b.carried(), up, duration(b.scope.lookback()))), nil
}

// DecodeFreshness reads the answer to Freshness. Arms nobody has reported about are not in it. An error says what is wrong
// with the answer; then nothing is known about any arm.
func (b Batch) DecodeFreshness(answer model.Vector) (map[counting.Service]Freshness, error) {
	read := map[counting.Service]Freshness{}
	for _, s := range answer {
		metric := s.Metric
		if metric[labelFact] == factUnknown {
			metric = metric.Clone()
			delete(metric, labelJob)
		}
		arm, asked, err := b.arm(metric, labelFact)
		if err != nil {
			return nil, fmt.Errorf("freshness: %w", err)
		}
		if !asked {
			continue
		}
		f := read[arm]
		if err := f.set(s.Metric, float64(s.Value)); err != nil {
			return nil, fmt.Errorf("freshness of %s: %w", arm, err)
		}
		read[arm] = f
	}
	for arm, f := range read {
		if f.Fresh > f.Targets {
			return nil, fmt.Errorf("freshness of %s: %d of %d targets are said to be fresh", arm, f.Fresh, f.Targets)
		}
	}
	return read, nil
}

func (f *Freshness) set(metric model.Metric, value float64) error {
	fact := string(metric[labelFact])
	if math.IsNaN(value) || value < 0 || value > maxCount {
		return fmt.Errorf("%s is %v; it must be a number from 0 to %v", fact, value, float64(maxCount))
	}
	switch fact {
	case factTargets:
		f.Targets = int(value)
	case factFresh:
		f.Fresh = int(value)
	case factNewest:
		f.Newest = time.UnixMilli(int64(math.Round(value * 1000)))
	case factNew:
		f.New = int(value)
	case factUnknown:
		if f.Unknown == nil {
			f.Unknown = map[string]int{}
		}
		f.Unknown[string(metric[labelJob])] = int(value)
	default:
		return fmt.Errorf("the answer has the unknown fact %q", fact)
	}
	return nil
}
