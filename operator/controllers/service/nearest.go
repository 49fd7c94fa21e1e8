package service

import (
	"slices"
	"strings"
)

// nearest is the name that was probably meant: the one with the fewest edits, if they are few for the length of what was written.
// Among equals the first in the alphabet wins.
func nearest(written string, names []string) (string, bool) {
	written = strings.ToLower(strings.TrimSpace(written))
	if len(written) > longest {
		return "", false
	}
	best, fewest := "", len(written)/3+2
	for _, name := range slices.Sorted(slices.Values(names)) {
		if len(name) > longest {
			continue
		}
		if n := edits(written, name); n < fewest {
			best, fewest = name, n
		}
	}
	return best, best != ""
}

// longest is the most bytes that are compared: names of policies are short, and annotations may be huge.
const longest = 63

// edits is the Levenshtein distance in bytes: how many insertions, deletions and substitutions lead from a to b.
func edits(a, b string) int {
	row := make([]int, len(b)+1)
	for j := range row {
		row[j] = j
	}
	for i := range len(a) {
		diagonal := row[0]
		row[0] = i + 1
		for j := range len(b) {
			cost := diagonal
			if a[i] != b[j] {
				cost++
			}
			diagonal = row[j+1]
			row[j+1] = min(cost, row[j]+1, row[j+1]+1)
		}
	}
	return row[len(b)]
}
