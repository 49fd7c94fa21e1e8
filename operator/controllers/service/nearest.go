package service

import (
	"strings"

	"github.com/stagger-dev/stagger/pkg/text"
)

// longest is the most bytes that are compared: names of policies are short, and annotations may be huge.
const longest = 63

// nearest is the name that was probably meant: the one with the fewest edits, if they are few for the length of what was written.
func nearest(written string, names []string) (string, bool) {
	written = strings.ToLower(strings.TrimSpace(written))
	if len(written) > longest {
		return "", false
	}
	best := text.Nearest(written, names, len(written)/3+1)
	return best, best != ""
}
