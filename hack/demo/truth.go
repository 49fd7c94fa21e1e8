package main

import (
	"context"
	"fmt"
	"io"
	"maps"
	"os"
	"regexp"
	"strings"
	"text/tabwriter"
	"time"

	"github.com/stagger-dev/stagger/e2e/bed"
	"github.com/stagger-dev/stagger/pkg/apis/stagger/v1alpha1"
)

// row is the truth about one release: what clients saw, and what is left of it.
type row struct {
	number int64
	tag    string
	wanted v1alpha1.ReleaseState
	record *v1alpha1.Release
	// judged are the pods at full traffic, started counts those that the promotion added.
	judged  map[string]bool
	started int
	// requests and failed are all of the release's time, blamed those that the version itself answered badly or died with.
	requests, failed, blamed int
	// lost are failures that are nobody's but Stagger's: of the stable, or of no version while the canary was well.
	lost int
	// gone is how long the version went on answering after its first failure.
	gone time.Duration
	// counts is how long it took from the counts that decided an abort to its writes, by the operator's log; "" when none did.
	counts string
	// differs is what is not as the user wrote it.
	differs string
}

// judge notes what clients saw from a time on, and what is not as before.
func (d *demo) judge(ctx context.Context, r *row, before bed.Snapshot, began time.Time) error {
	end := time.Now()
	if err := bed.Poll(ctx, "the record of the last second", 10*time.Second, func(context.Context) (bool, string) {
		seconds, err := d.load.Seconds(end)
		return err == nil && len(seconds) > 1, fmt.Sprint(err)
	}); err != nil {
		return err
	}
	seconds, err := d.load.Seconds(began)
	if err != nil {
		return err
	}
	r.count(seconds)
	after, err := bed.TakeSnapshot(ctx, namespace)
	if err != nil {
		return err
	}
	r.differs = differs(before, after)
	text, err := os.ReadFile(d.op.Log)
	if err != nil {
		return fmt.Errorf("reading the operator's log: %w", err)
	}
	if m := regexp.MustCompile(fmt.Sprintf(`msg="Release aborted".* release=%d .*sinceCounts=(\S+)`, r.number)).FindSubmatch(text); m != nil {
		r.counts = string(m[1])
	}
	d.rows = append(d.rows, *r)
	return nil
}

// count adds up the record. A failure that no version answered is the version's when it crashes, and Stagger's when it does not.
func (r *row) count(seconds []bed.Second) {
	first, last := int64(0), int64(0)
	for _, s := range seconds {
		r.requests += s.Sent
		r.failed += s.Failed
		mine := s.ByVersion[r.tag]
		r.blamed += mine.Failed
		silent := s.NoUpstream + s.NoAnswer
		if strings.HasSuffix(r.tag, "-crash") {
			r.blamed += silent
			mine.Failed += silent
		}
		if mine.Failed > 0 && first == 0 {
			first = s.T
		}
		if mine.OK+mine.Failed > 0 {
			last = s.T
		}
	}
	r.lost = r.failed - r.blamed
	if first > 0 {
		r.gone = time.Duration(last-first+1) * time.Second
	}
}

// differs compares what the user wrote with what is there: the Deployment but for the template he changed, and for being paused
// while a template waits that was refused.
func differs(before, after bed.Snapshot) string {
	was, is := maps.Clone(before), maps.Clone(after)
	for _, s := range []bed.Snapshot{was, is} {
		d := maps.Clone(s["Deployment/"+service])
		spec, ok := d["spec"].(map[string]any)
		if !ok {
			return "the Deployment is gone"
		}
		spec = maps.Clone(spec)
		delete(spec, "template")
		delete(spec, "paused")
		d["spec"] = spec
		s["Deployment/"+service] = d
	}
	return was.Diff(is)
}

// table writes the truth, and says whether it is what Stagger promises.
func (d *demo) table(w io.Writer) bool {
	fmt.Fprintf(w, "\nWhat the clients saw, by the load generator's own record\n\n")
	t := tabwriter.NewWriter(w, 0, 4, 2, ' ', 0)
	fmt.Fprintln(t, "RELEASE\tVERSION\tEND\tREQUESTS\tFAILED\tFIRST FAILURE TO NONE\tCOUNTS TO WRITE\tLOST BY ROUTE CHANGES\tPODS STARTED BY PROMOTION\tUSER'S OBJECTS")
	good := true
	var problems []string
	for _, r := range d.rows {
		gone, pods, objects, counts := "-", "-", "as written", "-"
		if took, err := time.ParseDuration(r.counts); err == nil {
			counts = took.Round(10 * time.Millisecond).String()
		}
		if r.gone > 0 {
			gone = fmt.Sprintf("%d s", int(r.gone.Seconds()))
		}
		if r.record.State == v1alpha1.StatePromoted {
			pods = fmt.Sprint(r.started)
		}
		if r.differs != "" {
			objects = "CHANGED"
		}
		fmt.Fprintf(t, "%d\t%s\t%s (%s)\t%d\t%d\t%s\t%s\t%d\t%s\t%s\n", r.number, r.tag, r.record.State, r.record.Outcome.Reason,
			r.requests, r.failed, gone, counts, r.lost, pods, objects)
		problems = append(problems, r.problems()...)
	}
	if err := t.Flush(); err != nil {
		return false
	}
	for _, p := range problems {
		good = false
		fmt.Fprintln(w, "✘", p)
	}
	if good {
		fmt.Fprintln(w, "\n✔ all as promised")
	}
	return good
}

// problems are the promises that were not kept.
func (r row) problems() []string {
	var out []string
	add := func(broken bool, format string, args ...any) {
		if broken {
			out = append(out, fmt.Sprintf("release %d: ", r.number)+fmt.Sprintf(format, args...))
		}
	}
	add(r.record.State != r.wanted, "ended %s where %s was right", r.record.State, r.wanted)
	add(r.lost > 0, "%d requests were lost that no bad version answered", r.lost)
	add(r.started > 0, "the promotion started %d pods", r.started)
	add(r.differs != "", "not as the user wrote it:\n%s", r.differs)
	add(r.gone > time.Minute, "the version went on failing for %s", r.gone)
	return out
}
