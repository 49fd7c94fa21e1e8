package bed

import (
	"bufio"
	"context"
	"encoding/json"
	"fmt"
	"maps"
	"os"
	"os/exec"
	"slices"
	"strconv"
	"syscall"
	"time"
)

// Second is what clients saw in one second.
type Second struct {
	T          int64                    `json:"t"`
	Sent       int                      `json:"sent"`
	OK         int                      `json:"ok"`
	Failed     int                      `json:"failed"`
	NoUpstream int                      `json:"noUpstream"`
	NoAnswer   int                      `json:"noAnswer"`
	ByCode     map[string]int           `json:"byCode"`
	ByVersion  map[string]VersionCounts `json:"byVersion"`
	ByRevision map[string]VersionCounts `json:"byRevision"` // by the pod-template-hash of the pod that answered; those without it are left out

	// ByCohort are the same counts of each cohort that something was sent or answered to, without the time. Those in none are Others.
	ByCohort map[string]Second `json:"byCohort"`
}

// Others is the name of the clients in no cohort, where the load has cohorts.
const Others = "others"

// Cohort is a group of clients: a share of all requests, above 0 and at most 1, and the headers that its members send.
type Cohort struct {
	Name    string
	Share   float64
	Headers map[string]string
}

// arguments are those of the load generator for a group.
func (c Cohort) arguments() []string {
	args := []string{"--cohort", c.Name + "=" + strconv.FormatFloat(c.Share, 'g', -1, 64)}
	for _, name := range slices.Sorted(maps.Keys(c.Headers)) {
		args = append(args, "--cohort-header", c.Name+":"+name+"="+c.Headers[name])
	}
	return args
}

// VersionCounts are the answers of one version.
type VersionCounts struct {
	OK           int `json:"ok"`
	Failed       int `json:"failed"`
	ServerErrors int `json:"serverErrors"`
}

// Load is a load generator that runs.
type Load struct {
	cmd    *exec.Cmd
	record string
}

// StartLoad sends requests to a host at a rate per second, by the mesh's gateway or by the client's sidecar, until Stop. Cohorts have their
// shares of them. The record is a file, a JSON line a second.
func StartLoad(ctx context.Context, record, by, host string, rate int, cohorts ...Cohort) (*Load, error) {
	l := &Load{record: record}
	if err := os.WriteFile(l.record, nil, 0o644); err != nil {
		return nil, fmt.Errorf("beginning the record of the load: %w", err)
	}
	args := []string{"load", "--addr", by, "--host", host, "--rate", strconv.Itoa(rate), "--record", l.record}
	for _, c := range cohorts {
		args = append(args, c.arguments()...)
	}
	l.cmd = exec.CommandContext(context.WithoutCancel(ctx), "localmesh", args...)
	l.cmd.SysProcAttr = &syscall.SysProcAttr{Pdeathsig: syscall.SIGKILL}
	if err := l.cmd.Start(); err != nil {
		return nil, fmt.Errorf("starting the load: %w", err)
	}
	return l, nil
}

// Stop ends the load and waits until its record is complete; a second time it does nothing.
func (l *Load) Stop() error {
	if l.cmd.ProcessState != nil {
		return nil
	}
	if err := l.cmd.Process.Signal(syscall.SIGTERM); err != nil {
		return fmt.Errorf("stopping the load: %w", err)
	}
	return l.cmd.Wait()
}

// Seconds reads the record from a time on.
func (l *Load) Seconds(from time.Time) ([]Second, error) {
	file, err := os.Open(l.record)
	if err != nil {
		return nil, fmt.Errorf("reading the record of the load: %w", err)
	}
	defer func() { _ = file.Close() }() // only read
	var all []Second
	for lines := bufio.NewScanner(file); lines.Scan(); {
		var s Second
		if err := json.Unmarshal(lines.Bytes(), &s); err != nil {
			continue // a line that is being written
		}
		if s.T >= from.Unix() {
			all = append(all, s)
		}
	}
	return all, nil
}

// Of are the seconds as one cohort saw them, or Others: all that is asked of seconds can be asked of them.
func Of(seconds []Second, cohort string) []Second {
	its := make([]Second, len(seconds))
	for i, s := range seconds {
		its[i] = s.ByCohort[cohort]
		its[i].T = s.T
	}
	return its
}

// Failed are the requests that failed from a time on, in all and by version ("" : no version answered).
func Failed(seconds []Second) (int, map[string]int) {
	n, by := 0, map[string]int{}
	for _, s := range seconds {
		n += s.Failed
		for version, c := range s.ByVersion {
			if c.Failed > 0 {
				by[version] += c.Failed
			}
		}
	}
	return n, by
}

// Span is a time.
type Span struct{ From, To time.Time }

// longest is how long a client waits for an answer at most.
const longest = 10 * time.Second

// Stalls are the times in which nobody's requests need be answered, by the seconds of a bystander: a Service that never changes. A request
// that came from no pod there says that the machine or the mesh stood still, from up to the longest wait before it to as long after it. They overlap.
func Stalls(bystander []Second) []Span {
	var all []Span
	for _, s := range bystander {
		if s.NoAnswer+s.NoUpstream > 0 {
			all = append(all, Span{time.Unix(s.T, 0).Add(-longest), time.Unix(s.T+1, 0).Add(longest)})
		}
	}
	return all
}

// Without are the seconds without the failed requests that no pod answered in a stall, and how many those are. What a pod answered stays.
func Without(seconds []Second, stalls []Span) (rest []Second, excused int) {
	rest = slices.Clone(seconds)
	for i, s := range rest {
		if n := s.NoAnswer + s.NoUpstream; n > 0 && s.in(stalls) {
			rest[i].Failed, rest[i].NoAnswer, rest[i].NoUpstream = s.Failed-n, 0, 0
			excused += n
		}
	}
	return rest, excused
}

// in says whether a part of the second is in one of some spans.
func (s Second) in(spans []Span) bool {
	from := time.Unix(s.T, 0)
	return slices.ContainsFunc(spans, func(b Span) bool { return from.Before(b.To) && from.Add(time.Second).After(b.From) })
}

// Lost are the requests that failed in no span, but for those that a version failed by itself: what was lost by whoever moves traffic.
func Lost(seconds []Second, version string, but ...Span) int {
	n := 0
	for _, s := range seconds {
		if !s.in(but) {
			n += s.Failed - s.ByVersion[version].Failed
		}
	}
	return n
}

// Met are the requests that each version answered.
func Met(seconds []Second) map[string]int {
	met := map[string]int{}
	for _, s := range seconds {
		for version, c := range s.ByVersion {
			met[version] += c.OK + c.Failed
		}
	}
	return met
}

// Sent are the requests that were sent.
func Sent(seconds []Second) int {
	n := 0
	for _, s := range seconds {
		n += s.Sent
	}
	return n
}
