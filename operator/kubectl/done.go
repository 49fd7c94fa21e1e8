package kubectl

import (
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"

	"github.com/stagger-dev/stagger/pkg/apis/stagger/v1alpha1"
)

// written is a TrafficShift after an edit, as this version knows it and as it is stored.
type written struct {
	shift  *v1alpha1.TrafficShift
	object *unstructured.Unstructured
}

// done is what came of a verb that writes.
type done struct {
	written
	// text says it in a line.
	text string
	// already says that it was so before, and nothing was written.
	already bool
}

// tell says what was done on the standard output, or on the standard error where the object is asked for; that there was nothing to do
// is only talk.
func (d done) tell(as output, w World) error {
	switch {
	case d.already:
		say(w.Streams.ErrOut, "%s", d.text)
		return nil
	case as.object():
		say(w.Streams.ErrOut, "%s", d.text)
		return as.print(d.object, w.Streams.Out)
	}
	return write(w.Streams.Out, d.text+"\n")
}
