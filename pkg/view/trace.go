package view

import (
	"math"
	"reflect"
	"slices"
	"strconv"
	"time"

	"github.com/stagger-dev/stagger/pkg/apis/stagger/v1alpha1"
	judging "github.com/stagger-dev/stagger/pkg/evidence"
)

// Sample is what the status of a release said at one moment.
type Sample struct {
	At time.Time
	// Wanted and Live are shares from 0 to 1; Live is negative when it is not measured.
	Wanted, Live float64
	// Points are in the order of Trace.Names.
	Points []Point
}

// Point is one objective in a Sample.
type Point struct {
	Stable, Canary Arm
	// Unknown says that nothing is known of the counts at this moment; the arms are empty then.
	Unknown bool
	// Against and For are evidence, negative when unknown.
	Against, For float64
}

// MaxSamples bounds a Trace: more cannot be told apart on a page.
const MaxSamples = 500

// Trace is what was seen of one release since somebody looked. It is bounded: when it is full, every second sample of it goes, so
// that it always covers the whole time.
type Trace struct {
	// Number of the release.
	Number int64
	// Since is when the first look was, and Started when the release began; zero when unknown.
	Since, Started time.Time
	// Before are the weights that were written before the first look, oldest first, as far as they are known.
	Before []v1alpha1.WrittenWeight
	// Names are the objectives, Allowed the shares of bad requests that they allow, 0 when unknown, and Phi the dispersions of their bad requests.
	Names   []string
	Allowed []float64
	Phi     []float64
	// PassAt is the evidence at which an objective passes.
	PassAt  float64
	Samples []Sample
	// Ended says that the last sample is of the end of the release.
	Ended bool
	// Judged says that the release has its outcome, be it only being taken back.
	Judged bool
	// Late says that the release had ended before the first look: Samples are what its record says.
	Late bool
	// Past are samples from before the first look, as Source, a Prometheus, has counted in steps of Step. Trouble is a sentence that says why
	// there are none, "" when that needs no saying.
	Past    []Sample
	Source  string
	Step    time.Duration
	Trouble string
}

// NewTrace is a trace of the newest release of a TrafficShift, which is empty while that runs, and else holds what its record says; false where
// there has been none.
func NewTrace(shift *v1alpha1.TrafficShift, now time.Time) (*Trace, bool) {
	r := shift.Status.Release
	if r == nil {
		return nil, false
	}
	t := &Trace{Number: r.Number, Since: now, Started: r.StartedAt.Time, PassAt: passAt(r.Plan.Confidence), Before: writtenWeights(r)}
	if !r.Running() {
		t.Late, t.Ended, t.Since = true, true, endOf(r, now)
	}
	for _, o := range objectivesOf(r) {
		t.Names = append(t.Names, o.Name)
		t.Allowed, t.Phi = append(t.Allowed, 0), append(t.Phi, 1)
	}
	for _, o := range r.Plan.Objectives {
		if i := slices.Index(t.Names, clean(o.Name)); i >= 0 && o.Target.Fraction() > 0 {
			t.Allowed[i] = 1 - o.Target.Fraction()
		}
	}
	if r.Baseline != nil {
		for _, o := range r.Baseline.Objectives {
			if i := slices.Index(t.Names, clean(o.Name)); i >= 0 {
				t.Phi[i] = max(o.Dispersion(), 1)
			}
		}
	}
	if t.Late {
		t.Samples = t.recorded(r)
	}
	return t, true
}

// Add takes what the release says now; true when that is something new. The release must be the trace's own.
func (t *Trace) Add(shift *v1alpha1.TrafficShift, now time.Time) bool {
	r := shift.Status.Release
	if r == nil || r.Number != t.Number {
		return false
	}
	t.Ended, t.Judged = r.State.Ended(), r.Outcome != nil || r.State.Ended()
	if t.Late { // what is counted after the end corrects the record
		before := t.Samples
		t.Samples = t.recorded(r)
		return !reflect.DeepEqual(before, t.Samples)
	}
	s := t.sampleOf(r, now)
	if n := len(t.Samples); n > 0 {
		last := t.Samples[n-1]
		if last.Wanted == s.Wanted && last.Live == s.Live && slices.Equal(last.Points, s.Points) {
			return false
		}
	}
	if len(t.Samples) == MaxSamples {
		half := t.Samples[:0]
		for i := 0; i < MaxSamples; i += 2 {
			half = append(half, t.Samples[i])
		}
		t.Samples = half
	}
	t.Samples = append(t.Samples, s)
	return true
}

// sampleOf is what the status of the release says.
func (t *Trace) sampleOf(r *v1alpha1.Release, at time.Time) Sample {
	s := Sample{At: at, Wanted: r.Weight.Fraction(), Live: -1}
	if percent(r.LiveWeight) != "" && !r.State.Ended() {
		s.Live = r.LiveWeight.Fraction()
	}
	statuses := map[string]v1alpha1.ObjectiveStatus{}
	for _, o := range r.Objectives {
		statuses[clean(o.Name)] = o
	}
	for _, name := range t.Names {
		s.Points = append(s.Points, pointOf(statuses[name]))
	}
	return s
}

func pointOf(o v1alpha1.ObjectiveStatus) Point {
	p := Point{Stable: Arm{max(o.Stable.Requests, 0), max(o.Stable.Bad, 0)}, Canary: Arm{max(o.Canary.Requests, 0), max(o.Canary.Bad, 0)}, Against: parseEvidence(o.Against), For: parseEvidence(o.For)}
	return p
}

// parseEvidence reads evidence; negative when it is unknown.
func parseEvidence(text string) float64 {
	if evidence(text) == "-" {
		return -1
	}
	e, err := strconv.ParseFloat(text, 64)
	if err != nil {
		return math.MaxFloat64 // what cannot be written is known to be large
	}
	return min(e, math.MaxFloat64)
}

// band is the interval of an arm's bad share.
func band(a Arm, phi float64) (low, high float64) {
	return judging.Wilson(judging.Counts{Requests: float64(a.Requests), Bad: float64(a.Bad)}, phi)
}
