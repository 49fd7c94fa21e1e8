package view

import (
	"fmt"
	"math"
	"strings"
	"time"

	"github.com/stagger-dev/stagger/pkg/apis/stagger/v1alpha1"
)

// Plots are a Trace to be drawn. All positions are from 0 to 1, from left to right and from below; a page only stretches them.
type Plots struct {
	Number int64 `json:"number"`
	// Note says since when is recorded, and what is known from before.
	Note string `json:"note"`
	// Times are on the common axis.
	Times []Tick `json:"times"`
	// Began is where recording began; what is left of it was not seen.
	Began      float64         `json:"began"`
	Weight     *Plot           `json:"weight,omitempty"`
	Objectives []ObjectivePlot `json:"objectives"`
	// Samples are some of the samples in words, from left to right.
	Samples []SampleText `json:"samples"`
}

// SampleText is one sample in words.
type SampleText struct {
	At     float64 `json:"at"`
	Time   string  `json:"time"`
	Weight string  `json:"weight"`
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
	Ticks    []Tick `json:"ticks"`
	Lines    []Line `json:"lines"`
	// Limits are lines that mean something when they are reached.
	Limits []Limit `json:"limits"`
}

// Tick is a labelled position.
type Tick struct {
	At   float64 `json:"at"`
	Text string  `json:"text"`
}

// Limit is a labelled line across a Plot.
type Limit struct {
	At   float64 `json:"at"`
	Text string  `json:"text"`
	Kind string  `json:"kind"`
}

// Line is one series. It is broken where nothing was measured.
type Line struct {
	// Kind is wanted, live, stable, canary, against or for.
	Kind string `json:"kind"`
	Name string `json:"name"`
	// Last is the newest value, in words.
	Last  string         `json:"last"`
	Parts [][][2]float64 `json:"parts"`
	// Band holds the position, the lower and the upper end of an interval, where there is one.
	Band [][3]float64 `json:"band,omitempty"`
}

// maxPoints bounds the points of a line, maxSampleTexts the samples that are put into words: more cannot be told apart on a page.
const maxPoints, maxSampleTexts = 300, 120

// PlotsOf draws a trace as of now, or as of its last sample when the release has ended.
func PlotsOf(t *Trace, now time.Time) Plots {
	p := Plots{Number: t.Number, Objectives: []ObjectivePlot{}, Times: []Tick{}, Samples: []SampleText{}}
	if len(t.Samples) == 0 {
		return p
	}
	if t.Ended {
		now = t.Samples[len(t.Samples)-1].At.In(now.Location())
	}
	a := axisOf(t, now)
	p.Began, p.Times, p.Note = rounded(a.x(t.Since)), a.ticks(), recordedSince(t, now)
	d := drawing{t: t, a: a, now: now, shown: thinned(t.Samples, maxPoints)}
	weights := d.weights()
	p.Weight = &weights
	for i, name := range t.Names {
		p.Objectives = append(p.Objectives, ObjectivePlot{Name: name, Share: d.shares(i), Evidence: d.evidence(i)})
	}
	for _, s := range thinned(t.Samples, maxSampleTexts) {
		p.Samples = append(p.Samples, d.sampleText(s))
	}
	return p
}

// recordedSince says what the plots know, and what was before.
func recordedSince(t *Trace, now time.Time) string {
	clock := func(at time.Time) string { return clockOf(at, now, time.Second) }
	text := "Recorded since " + clock(t.Since) + ", when this dashboard first saw the release."
	if t.Started.IsZero() || t.Since.Sub(t.Started) < 2*time.Second {
		return text
	}
	text += " It had begun at " + clock(t.Started)
	if n := len(t.Before); n > 0 {
		if at := t.Before[n-1].At.Time; at.After(t.Started) && at.Before(t.Since) {
			text += ", and the weight at that time was written at " + clock(at)
		}
	}
	return text + "."
}

func clockOf(at, now time.Time, unit time.Duration) string {
	at = at.In(now.Location())
	layout := "15:04"
	if unit < time.Minute {
		layout = "15:04:05"
	}
	if now.Sub(at) > 20*time.Hour {
		layout = "2 Jan " + layout
	}
	return at.Format(layout)
}

// axis is the time that is shown.
type axis struct{ from, to time.Time }

// axisOf begins where the first weight was written, but so that at least two thirds, or all but a minute, of what is shown was recorded.
func axisOf(t *Trace, now time.Time) axis {
	a := axis{from: t.Since, to: now}
	if len(t.Before) > 0 {
		before := max(0, t.Since.Sub(t.Before[0].At.Time))
		a.from = t.Since.Add(-min(before, max(a.to.Sub(t.Since)/2, time.Minute)))
	}
	least := 30 * time.Second // while there is more to come
	if t.Ended {
		least = time.Second
	}
	if end := a.from.Add(least); a.to.Before(end) {
		a.to = end
	}
	return a
}

func (a axis) x(at time.Time) float64 {
	return min(max(float64(at.Sub(a.from))/float64(a.to.Sub(a.from)), 0), 1)
}

func (a axis) ticks() []Tick {
	const minutes, hours = time.Minute, time.Hour
	length, unit := a.to.Sub(a.from), 24*hours
	for _, u := range []time.Duration{5 * time.Second, 10 * time.Second, 15 * time.Second, 30 * time.Second, minutes, 2 * minutes, 5 * minutes,
		10 * minutes, 15 * minutes, 30 * minutes, hours, 2 * hours, 6 * hours, 12 * hours} {
		if length/u <= 5 {
			unit = u
			break
		}
	}
	ticks := []Tick{}
	_, offset := a.to.Zone()
	shift := time.Duration(offset) * time.Second
	for at := a.from.Add(shift).Truncate(unit).Add(-shift); !at.After(a.to) && len(ticks) < 40; at = at.Add(unit) {
		if !at.Before(a.from) {
			ticks = append(ticks, Tick{rounded(a.x(at)), clockOf(at, a.to, unit)})
		}
	}
	return ticks
}

// drawing makes the plots of one trace.
type drawing struct {
	t     *Trace
	a     axis
	now   time.Time
	shown []Sample
}

func (d drawing) sampleText(s Sample) SampleText {
	l := SampleText{At: rounded(d.a.x(s.At)), Time: clockOf(s.At, d.now, time.Second), Weight: "wanted " + shareText(s.Wanted) + ", live " + liveText(s.Live)}
	for _, p := range s.Points {
		l.Shares = append(l.Shares, "stable "+p.Stable.String()+", canary "+p.Canary.String())
		l.Evidence = append(l.Evidence, "against "+evidenceOf(p.Against)+", for "+evidenceOf(p.For))
	}
	return l
}

func liveText(live float64) string {
	if live < 0 {
		return "not measured"
	}
	return rate(live)
}

func thinned(samples []Sample, most int) []Sample {
	if len(samples) <= most {
		return samples
	}
	var shown []Sample
	for i := range most {
		shown = append(shown, samples[i*(len(samples)-1)/(most-1)])
	}
	return shown
}

func (d drawing) last() Sample { return d.shown[len(d.shown)-1] }

// line puts values below each other; negative ones are not known. A stair keeps its value until the next one.
func (d drawing) line(l Line, stair bool, value func(Sample) float64, y func(float64) float64) Line {
	l.Parts = [][][2]float64{}
	var part [][2]float64
	end := func() {
		if len(part) > 0 {
			l.Parts = append(l.Parts, part)
		}
		part = nil
	}
	for _, s := range d.shown {
		v := value(s)
		if v < 0 {
			end()
			continue
		}
		x, at := rounded(d.a.x(s.At)), rounded(y(v))
		if n := len(part); stair && n > 0 && part[n-1][1] != at {
			part = append(part, [2]float64{x, part[n-1][1]})
		}
		part = append(part, [2]float64{x, at})
	}
	if n := len(part); n > 0 {
		// What was said last holds until something else is said.
		part = append(part, [2]float64{rounded(d.a.x(d.now)), part[n-1][1]})
	}
	end()
	return l
}

func (d drawing) weights() Plot {
	top := 0.0
	for _, s := range d.t.Samples {
		top = max(top, s.Wanted, s.Live)
	}
	for _, b := range d.t.Before {
		top = max(top, b.Weight.Fraction())
	}
	scale, ticks := linear(max(top, 1e-6))
	last := d.last()
	wanted, live := shareText(last.Wanted), liveText(last.Live)
	p := Plot{Title: "Weight", Sentence: "Wanted " + wanted + ", live " + live, Ticks: ticks, Limits: []Limit{}}
	w := d.line(Line{Kind: "wanted", Name: "wanted", Last: wanted}, true, func(s Sample) float64 { return s.Wanted }, scale)
	if len(w.Parts) > 0 {
		w.Parts[0] = append(d.before(scale, w.Parts[0][0]), w.Parts[0]...)
	}
	p.Lines = []Line{w, d.line(Line{Kind: "live", Name: "live", Last: live}, false, func(s Sample) float64 { return s.Live }, scale)}
	return p
}

// before is the stair of the weights that were written before the first point of a line.
func (d drawing) before(scale func(float64) float64, first [2]float64) [][2]float64 {
	var stair [][2]float64
	level := -1.0
	for _, b := range d.t.Before {
		x, y := rounded(d.a.x(b.At.Time)), rounded(scale(b.Weight.Fraction()))
		if x == 0 {
			stair = stair[:0]
		} else if level >= 0 {
			stair = append(stair, [2]float64{x, level})
		}
		stair, level = append(stair, [2]float64{x, y}), y
	}
	if level >= 0 && level != first[1] {
		stair = append(stair, [2]float64{first[0], level})
	}
	return stair
}

// shares are the bad shares of both arms so far, with their intervals.
func (d drawing) shares(i int) Plot {
	phi, allowed := d.t.Phi[i], d.t.Allowed[i]
	top := allowed * 1.5
	for n, s := range d.shown {
		for _, a := range []Arm{s.Points[i].Stable, s.Points[i].Canary} {
			_, high := band(a, phi)
			if a.Requests >= 50 {
				top = max(top, ratio(a.Bad, a.Requests)*1.2)
			}
			if a.Requests > 0 && n >= len(d.shown)*3/4 {
				top = max(top, min(high, 4*max(allowed, ratio(a.Bad, a.Requests))))
			}
		}
	}
	scale, ticks := linear(max(top, 1e-6))
	p := Plot{Title: "Share of bad requests so far", Ticks: ticks, Limits: []Limit{}}
	if allowed > 0 {
		p.Limits = append(p.Limits, Limit{At: rounded(scale(allowed)), Text: "allowed " + shareText(allowed), Kind: "allowed"})
	}
	var said []string
	for _, arm := range []struct {
		name string
		of   func(Sample) Arm
	}{{"stable", func(s Sample) Arm { return s.Points[i].Stable }}, {"canary", func(s Sample) Arm { return s.Points[i].Canary }}} {
		l := d.line(Line{Kind: arm.name, Name: arm.name, Last: interval(arm.of(d.last()), phi)}, false, func(s Sample) float64 {
			if a := arm.of(s); a.Requests > 0 {
				return ratio(a.Bad, a.Requests)
			}
			return -1
		}, scale)
		for _, s := range d.shown {
			if a := arm.of(s); a.Requests > 0 {
				low, high := band(a, phi)
				l.Band = append(l.Band, [3]float64{rounded(d.a.x(s.At)), rounded(scale(low)), rounded(scale(high))})
			}
		}
		if n := len(l.Band); n > 0 {
			end := l.Band[n-1]
			end[0] = rounded(d.a.x(d.now))
			l.Band = append(l.Band, end)
		}
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

// The evidence axis is logarithmic from leastShown to mostShown.
const leastShown, mostShown = 0.1, 1000

func (d drawing) evidence(i int) Plot {
	scale := func(e float64) float64 {
		return math.Log(min(max(e, leastShown), mostShown)/leastShown) / math.Log(mostShown/leastShown)
	}
	p := Plot{Title: "Evidence", Limits: []Limit{
		{At: rounded(scale(abortAt)), Text: fmt.Sprintf("aborts at %d", abortAt), Kind: "against"},
		{At: rounded(scale(d.t.PassAt)), Text: fmt.Sprintf("passes at %g", d.t.PassAt), Kind: "for"},
	}}
	for _, at := range []float64{leastShown, 1, 10, 100, mostShown} {
		p.Ticks = append(p.Ticks, Tick{rounded(scale(at)), fmt.Sprintf("%g", at)})
	}
	against, favour := evidenceOf(d.last().Points[i].Against), evidenceOf(d.last().Points[i].For)
	p.Lines = []Line{
		d.line(Line{Kind: "against", Name: "against", Last: against}, false, func(s Sample) float64 { return s.Points[i].Against }, scale),
		d.line(Line{Kind: "for", Name: "for", Last: favour}, false, func(s Sample) float64 { return s.Points[i].For }, scale),
	}
	p.Sentence = "against " + against + ", for " + favour
	return p
}

func evidenceOf(e float64) string { return evidence(fmt.Sprint(e)) }

// linear is a scale from 0 to a round number that is not below top, and its ticks.
func linear(top float64) (func(float64) float64, []Tick) {
	size := math.Pow(10, math.Floor(math.Log10(top)))
	steps := 5
	for _, r := range []struct {
		times float64
		steps int
	}{{1, 4}, {2, 4}, {2.5, 5}, {4, 4}, {5, 5}, {10, 4}} {
		if steps = r.steps; top <= r.times*size*(1+1e-9) {
			size *= r.times
			break
		}
	}
	size = min(size, 1)
	var ticks []Tick
	for i := 0; i <= steps; i++ {
		at := float64(i) / float64(steps)
		ticks = append(ticks, Tick{rounded(at), shareText(at * size)})
	}
	return func(v float64) float64 { return min(max(v/size, 0), 1) }, ticks
}

// shareText is a share as percentages are written.
func shareText(share float64) string {
	return string(v1alpha1.PercentageOf(int64(math.Round(share * v1alpha1.Whole))))
}

// rounded keeps what can be told apart on a page.
func rounded(x float64) float64 { return math.Round(x*1e4) / 1e4 }
