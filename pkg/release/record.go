package release

import (
	"time"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/stagger-dev/stagger/pkg/text"
)

// What the API server accepts in a record: bytes of a text, entries of a list.
const (
	mostMessage = 2000
	mostNext    = 1000
	mostUser    = 256
	mostToken   = 64

	mostSteps    = 20
	mostWeights  = 32
	mostCommands = 16
)

// truncate keeps a text within so many bytes, without half a character at its end.
func truncate(s string, most int) string { return text.CutBytes(s, most) }

// stamp is a time as the API stores it, in whole seconds: the next one, so that nothing counted before the moment is taken for
// what came after it.
func stamp(t time.Time) *metav1.Time {
	m := metav1.NewTime(t.Add(time.Second - 1).Truncate(time.Second))
	return &m
}
