package shift

import (
	"flag"
	"fmt"
	"maps"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/stagger-dev/stagger/pkg/apis/stagger/v1alpha1"
	"github.com/stagger-dev/stagger/pkg/counting"
)

var everyFault = flag.Bool("every-fault", false, "let each write of each release fail in each way")

// The bounds that hold whatever fails.
const (
	// leverWithin is within what time a lever is pulled that does not fail itself, although others hang.
	leverWithin = time.Second
	// againWithin is within what time a lever that failed is sent again: a call that hangs is given up, and the next one waits.
	againWithin = 8 * time.Second
	// longFault is how long one lasts that is not over at once.
	longFault = 30 * time.Second
)

// Releases end the same, whatever fails: by a whole operator but for its connection, against an API server in memory, in virtual time.
func TestAReleaseEndsTheSame(t *testing.T) {
	t.Parallel()
	var healthy []*tale
	for _, s := range stories() {
		x := s.tell(t, nil, lag{})
		if !x.ended || len(x.attempts) < 25 || len(x.shares) < 2 || x.turn != nil && x.turned.IsZero() {
			t.Fatalf("%s, without a fault: ended %t, turned %t, shares %v\n%s", s.name, x.ended, !x.turned.IsZero(), shares(x), x.log())
		}
		healthy = append(healthy, x)
	}
	t.Run("when each write fails once", func(t *testing.T) { eachWriteFailsOnce(t, healthy) })
	t.Run("when a write fails for half a minute", func(t *testing.T) { aWriteFails(t, healthy) })
	t.Run("when caches are behind", func(t *testing.T) { cachesAreBehind(t, healthy) })
	t.Run("beside its twin", func(t *testing.T) { besideItsTwin(t, healthy) })
}

// Each write fails once, each in another way: in as many tellings as there are ways each fails in each of them. Caches are behind in some.
func eachWriteFailsOnce(t *testing.T, healthy []*tale) {
	t.Helper()
	ways := slices.Sorted(maps.Keys(allFaults()))
	for i, well := range healthy {
		for first := range ways {
			if !*everyFault && (first+i)%3 != 0 {
				continue
			}
			t.Run(fmt.Sprintf("%s, first by %s", well.name, ways[first]), func(t *testing.T) {
				failed := 0
				x := well.story.tell(t, func(x *tale, a attempt) string {
					if x.turn != nil && x.turned.IsZero() || x.failed(a.name, a.nth-1) {
						return "" // until then it is as in the other stories; what has failed is sent again
					}
					failed++
					return ways[(first+failed)%len(ways)]
				}, lag{by: first % 3, most: 3 * time.Second})
				x.endsLike(t, well)
				if most := 3 * well.busiest(); x.busiest() > most || failed < 10 {
					t.Errorf("%d writes in a minute, want at most %d; %d failed", x.busiest(), most, failed)
				}
			})
		}
	}
}

// One write fails in one way for half a minute, and those like it: a write of each kind in each way, in turn those of all stories.
func aWriteFails(t *testing.T, healthy []*tale) {
	t.Helper()
	ways := slices.Sorted(maps.Keys(allFaults()))
	of := map[string][]trouble{} // by the kind of write
	for _, well := range healthy {
		for _, a := range well.attempts {
			if well.turn == nil || !a.at.Before(well.turned) {
				of[a.kind()] = append(of[a.kind()], trouble{well: well, name: a.name, nth: a.nth})
			}
		}
	}
	if len(of) < 14 {
		t.Fatalf("only these kinds of writes are made: %v", slices.Sorted(maps.Keys(of)))
	}
	for _, kind := range slices.Sorted(maps.Keys(of)) {
		writes := of[kind]
		for i, way := range ways {
			for j, f := range writes {
				if f.way = way; *everyFault || j == i*max(1, len(writes)/len(ways))%len(writes) {
					t.Run(fmt.Sprintf("%s, %s %d, %s", f.well.name, f.name, f.nth, way), f.test)
				}
			}
		}
	}
}

// trouble is what a write of a story meets for half a minute.
type trouble struct {
	well *tale
	name string
	nth  int
	way  string
}

func (f trouble) test(t *testing.T) {
	var since time.Time
	x := f.well.story.tell(t, func(_ *tale, a attempt) string {
		if a.name == f.name && a.nth == f.nth {
			since = a.at
		}
		if a.name != f.name || since.IsZero() || a.at.Sub(since) >= longFault {
			return ""
		}
		return f.way
	}, lag{})
	if since.IsZero() {
		t.Fatal("the write is not sent")
	}
	x.endsLike(t, f.well)
	if most := f.well.busiest() + 3*int(time.Minute/retryLast); x.busiest() > most {
		t.Errorf("%d writes in a minute, want at most %d", x.busiest(), most)
	}
	x.leversArePulled(t, 0, f.name, since.Add(longFault))
	if again := x.failed(f.name, f.nth+1); again && !strings.HasPrefix(f.name, "status") && !x.says(f.name, since) {
		t.Errorf("no condition names it while it fails")
	}
}

// failed says whether the nth attempt of a name did.
func (x *tale) failed(name string, nth int) bool {
	return slices.ContainsFunc(x.attempts, func(a attempt) bool { return a.name == name && a.nth == nth && a.fault != "" })
}

// kind is what is written, without the names, and whether it is a lever.
func (a attempt) kind() string {
	kind := strings.Join(strings.Fields(a.name)[:2], " ")
	if a.lever {
		kind += ", a lever"
	}
	return kind
}

// endsLike fails the test where a release ends otherwise than a healthy one, or is raised earlier.
func (x *tale) endsLike(t *testing.T, well *tale) {
	t.Helper()
	t.Cleanup(func() {
		if t.Failed() {
			t.Log("\n" + x.log())
		}
	})
	if !x.ended {
		t.Errorf("it does not end")
	}
	if diff := cmp.Diff(well.end(), x.end()); diff != "" {
		t.Errorf("the end (-healthy +this):\n%s", diff)
	}
	if want, got := shares(well), shares(x); !slices.Equal(want, got) {
		t.Fatalf("shares of the canary: %v, of a healthy release %v", got, want)
	}
	for i, w := range x.shares {
		since := x.pushed
		if i > 0 && x.shares[i-1].share > 0 {
			since = x.shares[i-1].at.Add(v1alpha1.Duration(shortHold).Duration())
		}
		took, usual := w.at.Sub(x.pushed), well.shares[i].at.Sub(well.pushed)
		if w.share > 0 && (w.at.Before(since) || took < usual-counting.DefaultStep) { // a slice may end sooner after the push
			t.Errorf("the share %d is given after %s, in a healthy release after %s", w.share, took, usual)
		}
	}
}

// busiest is how many writes are sent in the minute with most.
func (x *tale) busiest() int {
	most := 0
	for i, a := range x.attempts {
		until := slices.IndexFunc(x.attempts, func(b attempt) bool { return b.at.Sub(a.at) >= time.Minute })
		if until < 0 {
			until = len(x.attempts)
		}
		most = max(most, until-i)
	}
	return most
}

func shares(x *tale) (all []int64) {
	for _, w := range x.shares {
		all = append(all, w.share)
	}
	return all
}

// leversArePulled fails the test where a lever comes late, by a command that is seen after some time. One that fails until some time may come after that.
func (x *tale) leversArePulled(t *testing.T, seen time.Duration, failing string, until time.Time) {
	t.Helper()
	if x.turn == nil {
		return
	}
	condemned := x.turned.Add(seen)
	if !x.bad.IsZero() {
		condemned = x.condemned()
	}
	zero := slices.IndexFunc(x.shares, func(w weighed) bool { return w.share == 0 })
	for lever, at := range map[string]time.Time{"patch VirtualService shop/web": x.shares[zero].at, "patch Service shop/web-canary": x.steered[0]} {
		most := condemned.Add(leverWithin)
		if lever == failing {
			most = later(most, until.Add(againWithin))
		}
		if at.After(most) {
			t.Errorf("%s: %s after the release was condemned, want at most %s", lever, at.Sub(condemned), most.Sub(condemned))
		}
	}
}

// condemned is when a lever was sent first.
func (x *tale) condemned() time.Time {
	i := slices.IndexFunc(x.attempts, func(a attempt) bool { return a.lever && !a.at.Before(x.turned) })
	return x.attempts[i].at
}

// says tells whether a condition names a write while it fails.
func (x *tale) says(name string, since time.Time) bool {
	return slices.ContainsFunc(x.said, func(s saying) bool {
		return !s.at.Before(since) && s.at.Sub(since) < longFault && strings.Contains(s.text, name)
	})
}
