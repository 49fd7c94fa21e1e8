package load

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"maps"
	"net/http"
	"slices"
	"strconv"
	"sync"
	"time"
)

// Arm is the answers of one version, or of one revision.
type Arm struct {
	OK           int `json:"ok"`
	Failed       int `json:"failed"`
	ServerErrors int `json:"serverErrors"` // Of failed: a status of 500 or more.
}

// Counts is what happened in one second, or in a whole run.
type Counts struct {
	Sent       int            `json:"sent"`
	Dropped    int            `json:"dropped"` // Due, but too many were unanswered.
	OK         int            `json:"ok"`
	Failed     int            `json:"failed"`
	NoUpstream int            `json:"noUpstream"`      // Of failed: answered by the proxy, not by the app (no x-version).
	NoAnswer   int            `json:"noAnswer"`        // Of failed: the connection was refused, was cut, or the time was over.
	Resent     int            `json:"resent"`          // Sent again by the client on a new connection, because the proxy had closed an idle one.
	ByCode     map[string]int `json:"byCode"`          // By HTTP status; "0" is no answer.
	ByVersion  map[string]Arm `json:"byVersion"`       // By the header x-version.
	ByRevision map[string]Arm `json:"byRevision"`      // By the header x-revision.
	P50        float64        `json:"p50Ms,omitempty"` // Latency in milliseconds, of what was answered to all cohorts.
	P95        float64        `json:"p95Ms,omitempty"`
	Max        float64        `json:"maxMs,omitempty"`

	ByCohort map[string]Counts `json:"byCohort,omitempty"` // By the cohort's name; nil without cohorts.
}

// Second is one line of the record.
type Second struct {
	T int64 `json:"t"` // Unix time at which the second begins.
	Counts
}

// Summary is the whole run.
type Summary struct {
	From time.Time `json:"from"`
	To   time.Time `json:"to"`
	Counts
}

// result is one request's end.
type result struct {
	code              int // 0: no answer.
	version, revision string
	latency           time.Duration
	resent            int
}

func (r result) failed() bool { return r.code == 0 || r.code >= 400 }

// recorder collects results and writes one line when a second is over.
type recorder struct {
	mu      sync.Mutex
	now     func() time.Time
	out     *json.Encoder
	err     error // The first failure to write.
	current Second
	seconds []time.Duration // Latencies of the current second.
	total   Summary
	all     histogram
}

func newRecorder(out io.Writer, now func() time.Time) *recorder {
	r := &recorder{now: now, out: json.NewEncoder(out)}
	r.current = Second{T: now().Unix(), Counts: newCounts()}
	r.total = Summary{From: now(), Counts: newCounts()}
	return r
}

func newCounts() Counts {
	return Counts{ByCode: map[string]int{}, ByVersion: map[string]Arm{}, ByRevision: map[string]Arm{}}
}

// sent, dropped and done count one event of a cohort at the time of the call, which is read under the lock: a second that was written
// never changes.
func (r *recorder) sent(cohort string) { r.count(cohort, func(c *Counts) { c.Sent++ }) }

func (r *recorder) dropped(cohort string) { r.count(cohort, func(c *Counts) { c.Dropped++ }) }

func (r *recorder) done(cohort string, x result) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.change(cohort, func(c *Counts) { c.add(x) })
	if x.code != 0 {
		r.seconds = append(r.seconds, x.latency)
		r.all.add(x.latency)
	}
}

func (r *recorder) count(cohort string, change func(*Counts)) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.change(cohort, change)
}

// change changes the counts of now and those of the run. The caller has the lock.
func (r *recorder) change(cohort string, change func(*Counts)) {
	r.turn(r.now().Unix())
	r.current.of(cohort, change)
	r.total.of(cohort, change)
}

// of changes the counts, and those of a cohort with them; without a name there is none.
func (c *Counts) of(cohort string, change func(*Counts)) {
	change(c)
	if cohort == "" {
		return
	}
	if c.ByCohort == nil {
		c.ByCohort = map[string]Counts{}
	}
	its, seen := c.ByCohort[cohort]
	if !seen {
		its = newCounts()
	}
	change(&its)
	c.ByCohort[cohort] = its
}

func (c *Counts) add(x result) {
	c.ByCode[strconv.Itoa(x.code)]++
	c.Resent += x.resent
	switch {
	case x.code == 0:
		c.Failed++
		c.NoAnswer++
		return
	case !x.failed():
		c.OK++
	default:
		c.Failed++
		if x.version == "" {
			c.NoUpstream++
		}
	}
	count(c.ByVersion, x.version, x)
	count(c.ByRevision, x.revision, x)
}

func count(arms map[string]Arm, name string, x result) {
	if name == "" {
		return
	}
	a := arms[name]
	if x.failed() {
		a.Failed++
	} else {
		a.OK++
	}
	if x.code >= http.StatusInternalServerError {
		a.ServerErrors++
	}
	arms[name] = a
}

// turn writes the seconds that are over, also empty ones, so that the record has no holes.
func (r *recorder) turn(now int64) {
	for r.current.T < now {
		r.write()
		r.current = Second{T: r.current.T + 1, Counts: newCounts()}
	}
}

func (r *recorder) write() {
	slices.Sort(r.seconds)
	r.current.P50, r.current.P95, r.current.Max = quantile(r.seconds, 0.5), quantile(r.seconds, 0.95), quantile(r.seconds, 1)
	r.seconds = r.seconds[:0]
	if err := r.out.Encode(r.current); err != nil {
		r.err = errors.Join(r.err, fmt.Errorf("writing the record: %w", err))
	}
}

// tick writes what is over although nothing happens.
func (r *recorder) tick() {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.turn(r.now().Unix())
}

// close writes the last, partial second.
func (r *recorder) close() (Summary, error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.turn(r.now().Unix())
	r.write()
	r.total.To = r.now()
	r.total.P50, r.total.P95, r.total.Max = r.all.quantile(0.5), r.all.quantile(0.95), r.all.quantile(1)
	return r.total, r.err
}

// quantile is that of sorted latencies, in milliseconds.
func quantile(sorted []time.Duration, q float64) float64 {
	if len(sorted) == 0 {
		return 0
	}
	return milliseconds(sorted[min(len(sorted)-1, int(q*float64(len(sorted))))])
}

func milliseconds(d time.Duration) float64 {
	return float64(d.Round(10*time.Microsecond)) / float64(time.Millisecond)
}

// histogram keeps the latencies of a run of any length, to a tenth of a millisecond.
type histogram struct {
	counts map[time.Duration]int
	n      int
}

func (h *histogram) add(d time.Duration) {
	if h.counts == nil {
		h.counts = map[time.Duration]int{}
	}
	h.counts[d.Round(100*time.Microsecond)]++
	h.n++
}

func (h *histogram) quantile(q float64) float64 {
	left := int(q * float64(h.n))
	last := 0.0
	for _, d := range slices.Sorted(maps.Keys(h.counts)) {
		last = milliseconds(d)
		if left -= h.counts[d]; left < 0 {
			break
		}
	}
	return last
}
