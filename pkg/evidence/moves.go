package evidence

import (
	"fmt"
	"strconv"
	"strings"
	"time"
)

// Moves keeps the slices of a release at the weights they belong to: which begins a step of the tests, which may count towards the next
// one, and beside which there was a stable. Its zero value is a release before its first weight.
type Moves struct {
	number   int32
	alone    bool
	wasAlone bool // at the move before
	begun    bool
	excused  int32
}

// Move takes the weight of a number. It tells whether a new step of the tests begins with it: the first weight is none.
func (m *Moves) Move(number int32, alone bool) bool {
	next := m.begun && m.number != number
	if next {
		m.wasAlone = m.alone
	}
	m.number, m.alone, m.begun = number, alone, true
	return next
}

// Excuse takes how often one pod of the canary was excused, or that excuse ended. It tells whether the evidence begins anew with it.
func (m *Moves) Excuse(times int32) bool {
	anew := m.excused != times
	m.excused = times
	return anew
}

// Place says what a slice from a time is, when the present weight was written at written and is settled since settled; nil: not yet.
func (m Moves) Place(s *Slice, written time.Time, settled *time.Time) {
	before := s.From.Before(written)
	s.Settled = !before && settled != nil && !s.From.Before(*settled)
	s.Alone = m.alone
	if before {
		s.Alone = m.wasAlone
	}
}

// CutShort says whether a slice was cut short by a brake that was written at a time: it has the bad requests for which the weight was lowered, and
// lacks the good ones that would have come with them, for as long as reports tell of the time before. It would look worse than the version is.
func CutShort(from, to, written time.Time, reports time.Duration) bool {
	return to.After(written) && from.Before(written.Add(reports))
}

// A Moves as text: the last move, or a dash before the first, and how often a pod was excused, when one was.
const (
	movesFormat = "%d/%t/%t"
	excusedSign = "+"
	unmoved     = "-"
)

// String is what ParseMoves reads, in a word.
func (m Moves) String() string {
	if !m.begun {
		return unmoved
	}
	moves := fmt.Sprintf(movesFormat, m.number, m.alone, m.wasAlone)
	if m.excused > 0 {
		moves += excusedSign + strconv.Itoa(int(m.excused))
	}
	return moves
}

// ParseMoves reads a String, so that a restart neither misses a step nor takes it twice.
func ParseMoves(s string) (Moves, error) {
	if s == unmoved {
		return Moves{}, nil
	}
	m := Moves{begun: true}
	moves, excused, found := strings.Cut(s, excusedSign)
	if found {
		n, err := strconv.ParseInt(excused, 10, 32)
		if err != nil || n <= 0 {
			return Moves{}, fmt.Errorf("reading the move %.20q: %.20q is not how often a pod was excused", s, excused)
		}
		m.excused = int32(n)
	}
	if _, err := fmt.Sscanf(moves, movesFormat, &m.number, &m.alone, &m.wasAlone); err != nil {
		return Moves{}, fmt.Errorf("reading the move %.20q: %w", s, err)
	}
	return m, nil
}
