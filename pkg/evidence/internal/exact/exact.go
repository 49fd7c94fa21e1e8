// Package exact keeps numbers the same to the last bit from one process to the next: as a line of text that is refused when it is not the
// one that was written.
//
//	version, number, … number, checksum, between blanks
//
// One function walks over all numbers of a state, in an order that is the format. Given a writer it writes them, given a reader it reads
// them back, so that the two cannot differ.
package exact

import (
	"errors"
	"fmt"
	"hash/fnv"
	"math"
	"strconv"
	"strings"
)

const maxText = 1 << 16 // bytes

// Format is how a state is written.
type Format struct {
	// Version stands first. Text of another version is not read.
	Version string
	// Salt is what the text is of, for the checksum: text that was written with another salt is not read.
	Salt string
}

// Codec reads or writes one number after the other.
type Codec interface {
	// Float takes a number from 0 to most, with the precision of so many bits, 32 or 64.
	Float(x *float64, bits int, most float64)
	// Whole takes a whole number from 0 to most.
	Whole(x *int64, most int64)
	// Yes takes a bool.
	Yes(x *bool)
}

// Write is the text of what walk walks over.
func (f Format) Write(walk func(Codec)) string {
	w := writer{words: []string{f.Version}}
	walk(&w)
	return f.Seal(strings.Join(w.words, " "))
}

// Seal is a text with its checksum.
func (f Format) Seal(body string) string { return body + " " + f.checksum(body) }

// Read has walk take its numbers from a text. On an error, which says what is wrong with the text, some of them were not taken.
func (f Format) Read(text string, walk func(Codec)) error {
	if len(text) > maxText {
		return fmt.Errorf("checkpoint of %d bytes is too long, at most %d are read", len(text), maxText)
	}
	version, _, _ := strings.Cut(text, " ")
	if version != f.Version {
		return fmt.Errorf("checkpoint has version %.20q, only %q is known", version, f.Version)
	}
	end := strings.LastIndexByte(text, ' ')
	if end < 0 || text[end+1:] != f.checksum(text[:end]) {
		return errors.New("checkpoint was altered or is of other objectives")
	}
	r := reader{words: strings.Split(text[:end], " ")[1:]}
	walk(&r)
	if r.err == nil && len(r.words) > 0 {
		r.err = fmt.Errorf("%d numbers too many", len(r.words))
	}
	if r.err != nil {
		return fmt.Errorf("checkpoint is corrupt: %w", r.err)
	}
	return nil
}

func (f Format) checksum(body string) string {
	h := fnv.New32a()
	fmt.Fprint(h, f.Salt, body) // a hash's Write never fails
	return fmt.Sprintf("%08x", h.Sum32())
}

type writer struct{ words []string }

// Float writes a number.
func (w *writer) Float(x *float64, bits int, _ float64) {
	w.words = append(w.words, strconv.FormatFloat(*x, 'g', -1, bits))
}

// Whole writes a whole number.
func (w *writer) Whole(x *int64, _ int64) { w.words = append(w.words, strconv.FormatInt(*x, 10)) }

// Yes writes 1 or 0.
func (w *writer) Yes(x *bool) {
	n := int64(0)
	if *x {
		n = 1
	}
	w.Whole(&n, 1)
}

// reader keeps its first error and leaves what it could not read as it was.
type reader struct {
	words []string
	err   error
}

func (r *reader) next() string {
	if len(r.words) == 0 {
		if r.err == nil {
			r.err = errors.New("it ends too early")
		}
		return "0"
	}
	word := r.words[0]
	r.words = r.words[1:]
	return word
}

// Float reads a number.
func (r *reader) Float(x *float64, bits int, most float64) {
	word := r.next()
	y, err := strconv.ParseFloat(word, bits)
	switch {
	case r.err != nil:
	case err != nil || !Within(y, 0, most):
		r.err = fmt.Errorf("%.40q is no number from 0 to %v", word, most)
	default:
		*x = y
	}
}

// Whole reads a whole number.
func (r *reader) Whole(x *int64, most int64) {
	word := r.next()
	y, err := strconv.ParseInt(word, 10, 64)
	switch {
	case r.err != nil:
	case err != nil || y < 0 || y > most:
		r.err = fmt.Errorf("%.40q is no whole number from 0 to %d", word, most)
	default:
		*x = y
	}
}

// Yes reads 1 or 0.
func (r *reader) Yes(x *bool) {
	var n int64
	r.Whole(&n, 1)
	*x = n == 1
}

// Within tells whether x lies between two bounds, themselves included; false for NaN.
func Within(x, least, most float64) bool { return x >= least && x <= most }

// MaxStake is the most that Down leaves, far above any threshold.
const MaxStake = 1e15

// Down rounds money, not below 0, towards 0 to the precision of a float32, which is nine digits in a checkpoint instead of seventeen, and
// caps it. Taking money away can only make a false abort less likely.
func Down(x float64) float64 {
	const lost = 52 - 23 // bits of the two mantissas
	if x < 1e-37 {
		return 0
	}
	return math.Float64frombits(math.Float64bits(min(x, MaxStake)) &^ (1<<lost - 1))
}
