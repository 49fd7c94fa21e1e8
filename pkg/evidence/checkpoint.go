package evidence

import (
	"errors"
	"fmt"
	"hash/fnv"
	"math"
	"strconv"
	"strings"
	"time"
)

const (
	checkpointVersion = "1"
	maxCheckpoint     = 1 << 16 // bytes
)

// Checkpoint is the whole state as one line of text, for the release's status: version, numbers, and a checksum over them and
// the objectives' names and limits. It is about 300 bytes for each objective, 400 while the canary is alone.
func (t *Tests) Checkpoint() string {
	e := encoder{words: []string{checkpointVersion}}
	t.walk(&e)
	body := strings.Join(e.words, " ")
	return body + " " + t.checksum(body)
}

// Restore goes on where Checkpoint left off, to the last bit. It refuses text of an unknown version, text that was altered
// or cut, and that of a release with other objectives; the tests then have to begin again with New.
func Restore(c Config, checkpoint string) (*Tests, error) {
	t, err := New(c)
	if err != nil {
		return nil, err
	}
	if len(checkpoint) > maxCheckpoint {
		return nil, fmt.Errorf("evidence: checkpoint of %d bytes is too long, at most %d are read", len(checkpoint), maxCheckpoint)
	}
	version, _, _ := strings.Cut(checkpoint, " ")
	if version != checkpointVersion {
		return nil, fmt.Errorf("evidence: checkpoint has version %.20q, only %q is known", version, checkpointVersion)
	}
	end := strings.LastIndexByte(checkpoint, ' ')
	if end < 0 || checkpoint[end+1:] != t.checksum(checkpoint[:end]) {
		return nil, errors.New("evidence: checkpoint was altered or is of other objectives")
	}
	d := decoder{words: strings.Split(checkpoint[:end], " ")[1:]}
	t.walk(&d)
	if d.err == nil && len(d.words) > 0 {
		d.err = fmt.Errorf("%d numbers too many", len(d.words))
	}
	if d.err == nil && t.accused > int64(len(t.objectives)) {
		d.err = fmt.Errorf("objective %d is unknown", t.accused)
	}
	if d.err != nil {
		return nil, fmt.Errorf("evidence: checkpoint is corrupt: %w", d.err)
	}
	return t, nil
}

func (t *Tests) checksum(body string) string {
	h := fnv.New32a()
	for _, o := range t.c.Objectives {
		fmt.Fprintf(h, "%q %v ", o.Name, o.Limit) // a hash's Write never fails
	}
	fmt.Fprint(h, body)
	return fmt.Sprintf("%08x", h.Sum32())
}

// codec reads or writes one number after the other; walk is the format.
type codec interface {
	float(x *float64, bits int, most float64)
	whole(x *int64, most int64)
	yes(x *bool)
}

func (t *Tests) walk(c codec) {
	c.whole(&t.through, math.MaxInt64)
	c.whole(&t.stepped, math.MaxInt64)
	for _, d := range []*time.Duration{&t.warmup, &t.covered, &t.fast, &t.slow, &t.sums} {
		c.whole((*int64)(d), math.MaxInt64/2)
	}
	for _, b := range []*bool{&t.warming, &t.settling, &t.alone, &t.stepsBack, &t.byShare} {
		c.yes(b)
	}
	c.whole(&t.accused, maxObjectives)
	for i := range t.objectives {
		t.objectives[i].walk(c)
	}
}

func (o *objective) walk(c codec) {
	o.beside.fast.walk(c)
	o.beside.slow.walk(c)
	solo := o.solo != nil
	c.yes(&solo)
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
		c.float(x, 64, maxSum)
	}
}

func (b *bankroll) walk(c codec) {
	c.float(&b.cash, 32, maxStake)
	for i := range b.stakes {
		c.float(&b.stakes[i], 32, maxStake)
	}
	c.whole(&b.ticks, math.MaxInt32)
	c.yes(&b.boost)
}

type encoder struct{ words []string }

func (e *encoder) float(x *float64, bits int, _ float64) {
	e.words = append(e.words, strconv.FormatFloat(*x, 'g', -1, bits))
}

func (e *encoder) whole(x *int64, _ int64) { e.words = append(e.words, strconv.FormatInt(*x, 10)) }

func (e *encoder) yes(x *bool) {
	n := int64(0)
	if *x {
		n = 1
	}
	e.whole(&n, 1)
}

// decoder keeps its first error and leaves what it could not read as it was.
type decoder struct {
	words []string
	err   error
}

func (d *decoder) next() string {
	if len(d.words) == 0 {
		if d.err == nil {
			d.err = errors.New("it ends too early")
		}
		return "0"
	}
	word := d.words[0]
	d.words = d.words[1:]
	return word
}

func (d *decoder) float(x *float64, bits int, most float64) {
	word := d.next()
	y, err := strconv.ParseFloat(word, bits)
	switch {
	case d.err != nil:
	case err != nil || !within(y, 0, most):
		d.err = fmt.Errorf("%.40q is no number from 0 to %v", word, most)
	default:
		*x = y
	}
}

func (d *decoder) whole(x *int64, most int64) {
	word := d.next()
	y, err := strconv.ParseInt(word, 10, 64)
	switch {
	case d.err != nil:
	case err != nil || y < 0 || y > most:
		d.err = fmt.Errorf("%.40q is no whole number from 0 to %d", word, most)
	default:
		*x = y
	}
}

func (d *decoder) yes(x *bool) {
	var n int64
	d.whole(&n, 1)
	*x = n == 1
}
