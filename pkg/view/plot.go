package view

import (
	"fmt"
	"math"
	"slices"
	"strings"
	"time"

	"github.com/stagger-dev/stagger/pkg/apis/stagger/v1alpha1"
)

// Plots are a Trace as values over time, and in words. How they are drawn is the page's affair.
type Plots struct {
	Number int64 `json:"number"`
	// Note says since when is recorded, and what is known from before.
	Note string `json:"note"`
	// Times are those of all values, in seconds since 1970, from the beginning of the axis to now; none is before the one in front of it.
	Times []float64 `json:"times"`
	// First is the place in Times from which on counts are known, and Unseen says of the time before it that they are not.
	First  int    `json:"first"`
	Unseen string `json:"unseen"`
	// Offset is how many seconds the clock of the words is ahead of UTC.
	Offset     int             `json:"offset"`
	Weight     *Plot           `json:"weight,omitempty"`
	Objectives []ObjectivePlot `json:"objectives"`
	// Samples are in words, from Times[First] on. At the last of Times what the last one says still holds.
	Samples []SampleText `json:"samples"`
}

// SampleText is one sample in words.
type SampleText struct {
	Time   string `json:"time"`
	Weight string `json:"weight"`
	// Shares and Evidence are in the order of the objectives.
	Shares   []string `json:"shares"`
	Evidence []string `json:"evidence"`
}

// ObjectivePlot is what was seen of one objective.
type ObjectivePlot struct {
	Name     string `json:"name"`
	Share    Plot   `json:"share"`
	Evidence Plot   `json:"evidence"`
}

// Plot is one picture.
type Plot struct {
	Title string `json:"title"`
	// Sentence is what it shows now, in a sentence.
	Sentence string `json:"said"`
	// Unit of all values: "%" or "".
	Unit string `json:"unit"`
	// Bottom and Top are the ends of the axis. What lies beyond them is not worth the room.
	Bottom float64 `json:"bottom"`
	Top    float64 `json:"top"`
	// Logarithmic says that equal ratios are equally long on the axis.
	Logarithmic bool   `json:"logarithmic"`
	Lines       []Line `json:"lines"`
	// Limits are values that mean something when they are reached.
	Limits []Limit `json:"limits"`
}

// Limit is a labelled value.
type Limit struct {
	Value float64 `json:"value"`
	Text  string  `json:"text"`
	// Kind is allowed, against or for.
	Kind string `json:"kind"`
}

// Line is one series. Its values are at the times of the Plots, nil where nothing was measured.
type Line struct {
	// Kind is wanted, live, stable, canary, against or for.
	Kind string `json:"kind"`
	Name string `json:"name"`
	// Last is the newest value, in words.
	Last string `json:"last"`
	// Stepped says that a value holds until the next one.
	Stepped bool       `json:"stepped"`
	Values  []*float64 `json:"values"`
	// Low and High are the ends of an interval, where there is one.
	Low  []*float64 `json:"low,omitempty"`
	High []*float64 `json:"high,omitempty"`
}

// PlotsOf shows a trace as of now, or as of its last sample when the release has ended.
func PlotsOf(t *Trace, now time.Time) Plots {
	p := Plots{Number: t.Number, Objectives: []ObjectivePlot{}, Times: []float64{}, Samples: []SampleText{}}
	if len(t.Samples) == 0 {
		return p
	}
	if t.Ended {
		now = t.Samples[len(t.Samples)-1].At.In(now.Location())
	}
	_, p.Offset = now.Zone()
	p.Note, p.Unseen = t.note(now), "not recorded"
	if t.Late {
		p.Unseen = "only weights are recorded"
	}
	d := drawing{t: t, samples: slices.Concat(t.Past, t.newest())}
	d.moments = momentsOf(t, d.samples, now)
	for _, m := range d.moments {
		p.Times = append(p.Times, m.at)
	}
	p.First = len(d.moments) - len(d.samples) - 1
	weights := d.weights()
	p.Weight = &weights
	for i, name := range t.Names {
		p.Objectives = append(p.Objectives, ObjectivePlot{Name: name, Share: d.shares(i), Evidence: d.evidence(i)})
	}
	for _, s := range d.samples {
		p.Samples = append(p.Samples, sampleText(s, now))
	}
	return p
}

func clockOf(at, now time.Time) string {
	at = at.In(now.Location())
	if now.Sub(at) > 20*time.Hour {
		return at.Format("2 Jan 15:04:05")
	}
	return at.Format("15:04:05")
}

// moment is one of the times of all values.
type moment struct {
	at float64
	// wanted is the weight in the routes, as a share.
	wanted float64
	// sample is what was seen, nil before the first look.
	sample *Sample
}

// momentsOf are the weights that were written before the first sample, the samples, and now. They begin where the first weight was written, but
// so that at least two thirds, or all but a minute, of the time was recorded, unless the release is judged, so that all of it is wanted, or a
// Prometheus tells of the rest.
func momentsOf(t *Trace, samples []Sample, now time.Time) []moment {
	all := make([]moment, 0, len(t.Before)+len(samples)+1)
	add := func(at time.Time, wanted float64, sample *Sample) {
		m := moment{float64(at.UnixMilli()) / 1000, wanted, sample}
		if n := len(all); n > 0 { // also where a clock was put back
			m.at = max(m.at, all[n-1].at)
		}
		all = append(all, m)
	}
	since, most := t.Since, max(now.Sub(t.Since)/2, time.Minute)
	if t.Judged || t.Late || len(t.Past) > 0 {
		since, most = samples[0].At, math.MaxInt64
	}
	for _, b := range t.Before {
		ago := since.Sub(b.At.Time)
		if ago >= most {
			all = all[:0] // it begins at the weight that was in force then
		}
		if ago > 0 {
			add(since.Add(-min(ago, most)), b.Weight.Fraction(), nil)
		}
	}
	for i := range samples {
		add(samples[i].At, samples[i].Wanted, &samples[i])
	}
	last := &samples[len(samples)-1]
	add(now, last.Wanted, last)
	return all
}

// drawing makes the plots of one trace.
type drawing struct {
	t *Trace
	// samples are those of the past and those that were seen.
	samples []Sample
	moments []moment
}

func sampleText(s Sample, now time.Time) SampleText {
	l := SampleText{Time: clockOf(s.At, now), Weight: "wanted " + wantedText(s.Wanted) + ", live " + liveText(s.Live)}
	for _, p := range s.Points {
		shares := "stable " + p.Stable.String() + ", canary " + p.Canary.String()
		if p.Unknown {
			shares = "no counts are known of this time"
		}
		l.Shares = append(l.Shares, shares)
		l.Evidence = append(l.Evidence, "against "+evidenceOf(p.Against)+", for "+evidenceOf(p.For))
	}
	return l
}

// wantedText is a wanted weight, which is negative where it is not known.
func wantedText(wanted float64) string {
	if wanted < 0 {
		return "unknown"
	}
	return shareText(wanted)
}

func liveText(live float64) string {
	if live < 0 {
		return "not measured"
	}
	return rate(live)
}

func (d drawing) last() Sample { return d.samples[len(d.samples)-1] }

// values are those of all moments; negative ones are not known.
func (d drawing) values(of func(moment) float64) []*float64 {
	values := make([]*float64, len(d.moments))
	for i, m := range d.moments {
		if v := of(m); v >= 0 {
			v = rounded(v)
			values[i] = &v
		}
	}
	return values
}

// seen is a value of what was seen, unknown where nothing was.
func seen(of func(Sample) float64) func(moment) float64 {
	return func(m moment) float64 {
		if m.sample == nil {
			return -1
		}
		return of(*m.sample)
	}
}

func (d drawing) weights() Plot {
	last, top := d.last(), 0.0
	for _, m := range d.moments {
		top = max(top, m.wanted, seen(func(s Sample) float64 { return s.Live })(m))
	}
	wanted, live := wantedText(last.Wanted), liveText(last.Live)
	return Plot{Title: "Weight", Sentence: "Wanted " + wanted + ", live " + live, Unit: "%", Top: topOf(top), Limits: []Limit{}, Lines: []Line{
		{Kind: "wanted", Name: "wanted", Last: wanted, Stepped: true, Values: d.values(func(m moment) float64 { return 100 * m.wanted })},
		{Kind: "live", Name: "live", Last: live, Values: d.values(seen(func(s Sample) float64 { return 100 * s.Live }))},
	}}
}

// shares are the bad shares of both arms so far, with their intervals.
func (d drawing) shares(i int) Plot {
	phi, allowed := d.t.Phi[i], d.t.Allowed[i]
	top := allowed * 1.5
	for n, s := range d.samples {
		for _, a := range []Arm{s.Points[i].Stable, s.Points[i].Canary} {
			_, high := band(a, phi)
			if a.Requests >= 50 {
				top = max(top, ratio(a.Bad, a.Requests)*1.2)
			}
			if a.Requests > 0 && n >= len(d.samples)*3/4 {
				top = max(top, min(high, 4*max(allowed, ratio(a.Bad, a.Requests))))
			}
		}
	}
	p := Plot{Title: "Share of bad requests so far", Unit: "%", Top: topOf(top), Limits: []Limit{}}
	if allowed > 0 {
		p.Limits = append(p.Limits, Limit{Value: rounded(100 * allowed), Text: "allowed " + shareText(allowed), Kind: "allowed"})
	}
	var said []string
	for _, arm := range []struct {
		name string
		of   func(Sample) Arm
	}{{"stable", func(s Sample) Arm { return s.Points[i].Stable }}, {"canary", func(s Sample) Arm { return s.Points[i].Canary }}} {
		percents := func(of func(Arm) float64) []*float64 {
			return d.values(seen(func(s Sample) float64 {
				if a := arm.of(s); a.Requests > 0 {
					return 100 * of(a)
				}
				return -1
			}))
		}
		l := Line{Kind: arm.name, Name: arm.name, Last: interval(arm.of(d.last()), phi)}
		l.Values = percents(func(a Arm) float64 { return ratio(a.Bad, a.Requests) })
		l.Low = percents(func(a Arm) float64 { low, _ := band(a, phi); return low })
		l.High = percents(func(a Arm) float64 { _, high := band(a, phi); return high })
		p.Lines = append(p.Lines, l)
		said = append(said, arm.name+" "+l.Last)
	}
	p.Sentence = strings.Join(said, "; ") + "; the bands are intervals of 95%"
	return p
}

// interval is a bad share with its interval in words.
func interval(a Arm, phi float64) string {
	if a.Requests == 0 {
		return "no requests"
	}
	low, high := band(a, phi)
	return fmt.Sprintf("%s (%s to %s)", rate(ratio(a.Bad, a.Requests)), rate(low), rate(high))
}

// The evidence axis is logarithmic from leastShown to mostShown, or as many powers of ten beyond it as the limits need. Evidence beyond it is
// drawn at its ends, and told in words.
const leastShown, mostShown = 0.1, 1000

func (d drawing) evidence(i int) Plot {
	top := float64(mostShown)
	for top < d.t.PassAt {
		top *= 10
	}
	shown := func(of func(Point) float64) []*float64 {
		return d.values(seen(func(s Sample) float64 {
			e := of(s.Points[i])
			if e < 0 {
				return e
			}
			return min(max(e, leastShown), top)
		}))
	}
	against, favour := evidenceOf(d.last().Points[i].Against), evidenceOf(d.last().Points[i].For)
	return Plot{Title: "Evidence", Sentence: "against " + against + ", for " + favour, Bottom: leastShown, Top: top, Logarithmic: true,
		Limits: []Limit{
			{Value: abortAt, Text: fmt.Sprintf("aborts at %d", abortAt), Kind: "against"},
			{Value: d.t.PassAt, Text: fmt.Sprintf("passes at %g", d.t.PassAt), Kind: "for"},
		},
		Lines: []Line{
			{Kind: "against", Name: "against", Last: against, Values: shown(func(p Point) float64 { return p.Against })},
			{Kind: "for", Name: "for", Last: favour, Values: shown(func(p Point) float64 { return p.For })},
		}}
}

func evidenceOf(e float64) string { return evidence(fmt.Sprint(e)) }

// topOf is the end of an axis of percentages for a largest share, with some room above it. Where all shares are 0 it is 1%.
func topOf(share float64) float64 {
	if !(share > 0) {
		share = 0.01 / 1.05
	}
	return rounded(100 * min(max(1.05*share, 1e-6), 1))
}

// shareText is a share as percentages are written.
func shareText(share float64) string {
	return string(v1alpha1.PercentageOf(int64(math.Round(share * v1alpha1.Whole))))
}

// rounded keeps what can be told apart on a page, and down to the smallest weight.
func rounded(x float64) float64 { return math.Round(x*1e6) / 1e6 }
