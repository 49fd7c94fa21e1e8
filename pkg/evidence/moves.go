package evidence

import (
	"fmt"
	"time"
)

// Moves keeps the slices of a release at the weights they belong to: which begins a step of the tests, which may count towards the next
// one, and beside which there was a stable. Its zero value is a release before its first weight.
type Moves struct {
	number   int32
	alone    bool
	wasAlone bool // at the move before
	begun    bool
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

// Place says what a slice from a time is, when the present weight was written at written and is settled since settled; nil: not yet.
func (m Moves) Place(s *Slice, written time.Time, settled *time.Time) {
	before := s.From.Before(written)
	s.Settled = !before && settled != nil && !s.From.Before(*settled)
	s.Alone = m.alone
	if before {
		s.Alone = m.wasAlone
	}
}

// A Moves as text: the last move, or a dash before the first.
const (
	movesFormat = "%d/%t/%t"
	unmoved     = "-"
)

// String is what ParseMoves reads, in a word.
func (m Moves) String() string {
	if !m.begun {
		return unmoved
	}
	return fmt.Sprintf(movesFormat, m.number, m.alone, m.wasAlone)
}

// ParseMoves reads a String, so that a restart neither misses a step nor takes it twice.
func ParseMoves(s string) (Moves, error) {
	if s == unmoved {
		return Moves{}, nil
	}
	m := Moves{begun: true}
	if _, err := fmt.Sscanf(s, movesFormat, &m.number, &m.alone, &m.wasAlone); err != nil {
		return Moves{}, fmt.Errorf("reading the move %.20q: %w", s, err)
	}
	return m, nil
}
