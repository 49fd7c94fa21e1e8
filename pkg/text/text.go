// Package text cleans texts, cuts them to a bound and finds the name that was probably meant.
//
//	CutBytes   for what the API or an object bounds in bytes
//	Name       for a name that is made of another one, within what a kind allows
//	CutRunes   for what a message bounds in characters
//	Clean      for what somebody else wrote, in one line
//	Shown      for what is laid out already
//	Nearest    for "did you mean"
package text

import (
	"crypto/sha256"
	"encoding/hex"
	"strings"
	"unicode"
	"unicode/utf8"
)

// CutBytes is the beginning of s, at most n bytes of it. It never ends within a character, and what is no UTF-8 is left out.
func CutBytes(s string, n int) string {
	return strings.ToValidUTF8(s[:min(len(s), max(n, 0))], "")
}

// CutRunes is the beginning of s, at most n characters of it.
func CutRunes(s string, n int) string {
	for i := range s {
		if n <= 0 {
			return s[:i]
		}
		n--
	}
	return s
}

// Clean makes a text that somebody else wrote safe to show: one line, valid UTF-8, nothing that moves a cursor or turns the writing
// direction, one blank where there was space.
func Clean(s string) string { return strings.Join(strings.Fields(Shown(s)), " ") }

// Shown makes a text safe to show as it is laid out, in lines and with its blanks: what is no UTF-8 is left out, and what a terminal would not
// print but obey, such as what moves its cursor, sets colours or turns the writing direction.
func Shown(s string) string {
	return strings.Map(func(r rune) rune {
		switch {
		case r == '\n':
			return r
		case unicode.IsSpace(r):
			return ' '
		case r == utf8.RuneError || !unicode.IsPrint(r):
			return -1
		}
		return r
	}, s)
}

// Nearest is the name that is the fewest edits away from what was written, at most so many; the first in the alphabet among equals, ""
// when there is none.
func Nearest(written string, names []string, edits int) string {
	best, least := "", edits+1
	for _, name := range names {
		// Each edit changes the length by one at most, so a name of a very different length need not be compared.
		if max(len(name)-len(written), len(written)-len(name)) > edits {
			continue
		}
		if d := distance(written, name); d < least || d == least && best != "" && name < best {
			best, least = name, d
		}
	}
	return best
}

// distance is the Levenshtein distance in bytes: how many insertions, deletions and substitutions lead from a to b.
func distance(a, b string) int {
	row := make([]int, len(b)+1)
	for j := range row {
		row[j] = j
	}
	for i := range len(a) {
		diagonal := row[0]
		row[0] = i + 1
		for j := range len(b) {
			substituted := diagonal
			if a[i] != b[j] {
				substituted++
			}
			diagonal = row[j+1]
			row[j+1] = min(substituted, row[j]+1, diagonal+1)
		}
	}
	return row[len(b)]
}

// Name is a name of at most this length: a longer one is cut, and told apart by eight hexadecimal digits of its SHA-256.
func Name(name string, length int) string {
	if len(name) <= length {
		return name
	}
	sum := sha256.Sum256([]byte(name))
	digits := "-" + hex.EncodeToString(sum[:4])
	return strings.TrimRight(name[:length-len(digits)], "-.") + digits
}
