package evidence

import (
	"fmt"
	"math"
	"strings"
	"time"

	"github.com/stagger-dev/stagger/pkg/evidence/internal/exact"
)

// Checkpoint is the whole state as one line of text, for the release's status: version, numbers, and a checksum over them and
// the objectives' names and limits. It is about 300 bytes for each objective, 400 while the canary is alone.
func (t *Tests) Checkpoint() string { return t.format().Write(t.walk) }

// Restore goes on where Checkpoint left off, to the last bit. It refuses text of an unknown version, text that was altered
// or cut, and that of a release with other objectives; the tests then have to begin again with New.
func Restore(c Config, checkpoint string) (*Tests, error) {
	t, err := New(c)
	if err != nil {
		return nil, err
	}
	if err := t.format().Read(checkpoint, t.walk); err != nil {
		return nil, fmt.Errorf("evidence: %w", err)
	}
	if t.accused > int64(len(t.objectives)) {
		return nil, fmt.Errorf("evidence: checkpoint is corrupt: objective %d is unknown", t.accused)
	}
	return t, nil
}

// format makes text that only tests of the same objectives read.
func (t *Tests) format() exact.Format {
	var objectives strings.Builder
	for _, o := range t.c.Objectives {
		fmt.Fprintf(&objectives, "%q %v ", o.Name, o.Limit)
	}
	return exact.Format{Version: "1", Salt: objectives.String()}
}

// walk is the format: one number after the other.
func (t *Tests) walk(c exact.Codec) {
	c.Whole(&t.through, math.MaxInt64)
	c.Whole(&t.stepped, math.MaxInt64)
	for _, d := range []*time.Duration{&t.warmup, &t.covered, &t.fast, &t.slow, &t.sums} {
		c.Whole((*int64)(d), math.MaxInt64/2)
	}
	for _, b := range []*bool{&t.warming, &t.settling, &t.alone, &t.stepsBack, &t.byShare} {
		c.Yes(b)
	}
	c.Whole(&t.accused, maxObjectives)
	for i := range t.objectives {
		t.objectives[i].walk(c)
	}
}

func (o *objective) walk(c exact.Codec) {
	o.beside.fast.walk(c)
	o.beside.slow.walk(c)
	solo := o.solo != nil
	c.Yes(&solo)
	if solo {
		if o.solo == nil {
			o.solo = withoutStable()
		}
		o.solo.fast.walk(c)
		o.solo.slow.walk(c)
	}
	sums := []*float64{&o.stable.requests, &o.stable.bad}
	for _, a := range []*arms{&o.fast, &o.slow, &o.sums, &o.release} {
		sums = append(sums, &a.ns, &a.ks, &a.nc, &a.kc)
	}
	for _, n := range []*Counts{&o.all, &o.kept, &o.control} {
		sums = append(sums, &n.Requests, &n.Bad)
	}
	for _, x := range sums {
		c.Float(x, 64, maxSum)
	}
}

func (b *bankroll) walk(c exact.Codec) {
	c.Float(&b.cash, 32, exact.MaxStake)
	for i := range b.stakes {
		c.Float(&b.stakes[i], 32, exact.MaxStake)
	}
	c.Whole(&b.ticks, math.MaxInt32)
	c.Yes(&b.boost)
}
