package release

import (
	"time"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/stagger-dev/stagger/pkg/text"
)

// What the API server accepts in a record: characters of a text, entries of a list.
const (
	mostMessage = 2000
	mostNext    = 1000
	mostUser    = 256
	mostToken   = 64

	mostSteps    = 20
	mostWeights  = 32
	mostCommands = 32
)

// truncate keeps a text within so many characters.
func truncate(s string, most int) string { return text.CutRunes(s, most) }

// Rounding is how far after a moment its time in the record may lie: the API keeps whole seconds, and the next one is recorded.
const Rounding = time.Second

// stamp is a time as the API stores it, in whole seconds: the next one, so that nothing counted before the moment is taken for
// what came after it.
func stamp(t time.Time) *metav1.Time {
	m := metav1.NewTime(t.Add(Rounding - 1).Truncate(Rounding))
	return &m
}
