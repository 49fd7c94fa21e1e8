package kubectl

import "github.com/stagger-dev/stagger/pkg/apis/stagger/v1alpha1"

// done is what came of a verb that writes.
type done struct {
	// shift is the object after it.
	shift *v1alpha1.TrafficShift
	// text says it in a line.
	text string
	// already says that it was so before, and nothing was written.
	already bool
}

// tell says what was done; that there was nothing to do is only talk.
func (d done) tell(w World) error {
	if d.already {
		say(w.Streams.ErrOut, "%s", d.text)
		return nil
	}
	return write(w.Streams.Out, d.text+"\n")
}
