package e2e

import (
	"bufio"
	"cmp"
	"encoding/json"
	"fmt"
	"maps"
	"math"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/stagger-dev/stagger/pkg/apis/stagger/v1alpha1"
	"github.com/stagger-dev/stagger/pkg/cluster"
)

// writing is a kind of write: its verb, and the resource that it is of.
type writing struct{ verb, resource string }

// writes counts those of the operator in the story's namespace between two times, by the API server's own record of them. One that was refused
// counts too; a dry run, which writes nothing, does not. The renewals of the Lease, which is in another namespace, are no part of a release.
func (s *story) writes(from, to time.Time) map[writing]int {
	s.t.Helper()
	log, err := os.Open(auditLog())
	if err != nil {
		s.t.Fatal(err)
	}
	defer func() { _ = log.Close() }() // it was only read
	counted := map[writing]int{}
	lines := bufio.NewScanner(log)
	lines.Buffer(nil, 1<<20)
	for lines.Scan() {
		var e struct {
			Verb, RequestURI       string
			User, ImpersonatedUser struct{ Username string }
			ObjectRef              struct{ Resource, Namespace, Subresource string }
			Received               time.Time `json:"requestReceivedTimestamp"`
		}
		if err := json.Unmarshal(lines.Bytes(), &e); err != nil {
			continue // the last line is being written
		}
		o, within := e.ObjectRef, !e.Received.Before(from) && e.Received.Before(to)
		if cmp.Or(e.ImpersonatedUser.Username, e.User.Username) != operatorUser || o.Namespace != s.ns || !within || strings.Contains(e.RequestURI, "dryRun=") {
			continue
		}
		counted[writing{e.Verb, strings.TrimSuffix(o.Resource+"/"+o.Subresource, "/")}]++
	}
	if err := lines.Err(); err != nil {
		s.t.Fatal(err)
	}
	return counted
}

// auditLog is where the mesh's API server notes each write.
func auditLog() string { return filepath.Join(filepath.Dir(os.Getenv("KUBECONFIG")), "audit.log") }

// A release costs the API server few writes, and a Service at rest none. The table is printed with -v.
func TestAReleaseCostsFewWrites(t *testing.T) {
	t.Parallel()
	if _, err := os.Stat(auditLog()); err != nil {
		t.Skip("told where the API server's audit log is at hand: ", err)
	}
	s := tell(t)
	s.shipped("fast")
	s.gateway()
	table := [][3]string{{"writes", "verb", "resource"}}
	told := func(what string, from time.Time, most int) {
		t.Helper()
		all := 0
		counted := s.writes(from, time.Now())
		for _, c := range slices.SortedFunc(maps.Keys(counted), func(a, b writing) int { return strings.Compare(a.resource+a.verb, b.resource+b.verb) }) {
			all += counted[c]
			table = append(table, [3]string{fmt.Sprint(counted[c]), c.verb, c.resource})
		}
		table = append(table, [3]string{fmt.Sprint(all), "in all", fmt.Sprintf("%s, at most %d", what, most)})
		if all > most || most > 0 && all < 8 {
			t.Errorf("%s: %d writes, at most %d are allowed: %v", what, all, most, counted)
		}
	}
	s.settles()
	rest := time.Now()
	waitFor(t, "a minute has passed at rest", func() (bool, string) { return time.Since(rest) > time.Minute, time.Since(rest).String() })
	told("a minute at rest", rest, 0)

	began := time.Now()
	s.push("1.1.0")
	x := s.within(promotion, "release 1 is promoted", func(x *v1alpha1.TrafficShift) bool {
		return x.Status.Release != nil && x.Status.Release.Number == 1 && x.Status.Release.State == v1alpha1.StatePromoted
	})
	s.settles()
	told("a healthy release by fast", began, healthy(x.Status.Release))
	s.losesNothing()

	s.push("1.2.0-errors")
	x = s.ended(2, v1alpha1.StateAborted)
	s.settles()
	told("an abort, from its decision", x.Status.Release.Outcome.DecidedAt.Time, 20)
	for _, row := range table {
		t.Logf("%6s  %-8s %s", row[0], row[1], row[2])
	}
}

// healthy are the writes that a release by fast may cost: 40, as -soak asks of a machine that does nothing else. On a busy one there is more to
// tell: counts are late and there again, writes meet conflicts, and a release takes more than the usual five minutes.
func healthy(r *v1alpha1.Release) int {
	const most, busy, usual, each = 40, 20, 5, 10
	if *soak {
		return most
	}
	return most + busy + each*max(0, int(math.Ceil(r.FinishedAt.Sub(r.StartedAt.Time).Minutes()))-usual)
}

// shipped puts one of the policies that ship in the place of the story's.
func (s *story) shipped(name string) {
	s.t.Helper()
	text, err := os.ReadFile("../manifests/policies/" + name + ".yaml")
	if err != nil {
		s.t.Fatal(err)
	}
	apply(s.t, s.ns, strings.Replace(string(text), "name: "+name+"\n", "name: "+s.ns+"\n", 1))
}

// settles waits until nothing more is counted or tidied up of the last release.
func (s *story) settles() {
	s.t.Helper()
	last, since := "", time.Now()
	s.until("nothing is told any more", func(x *v1alpha1.TrafficShift) bool {
		if x.ResourceVersion != last {
			last, since = x.ResourceVersion, time.Now()
		}
		return time.Since(since) > 2*cluster.Shortly
	})
}
