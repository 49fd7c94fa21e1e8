package kubectl

import (
	"bytes"
	"testing"

	"github.com/google/go-cmp/cmp"
	"k8s.io/cli-runtime/pkg/genericiooptions"
)

// On a terminal a screen takes the place of the one before, and nothing is written when nothing changed.
func TestALiveScreenTakesThePlaceOfTheOneBefore(t *testing.T) {
	var out bytes.Buffer
	l := live{terminal: true, w: World{Streams: genericiooptions.IOStreams{Out: &out}}}
	for _, text := range []string{"one\ntwo\n", "one\ntwo\n", "1\n"} {
		if err := l.draw(text); err != nil {
			t.Fatal(err)
		}
	}
	want := "one\x1b[K\ntwo\x1b[K\n\x1b[J" + "\x1b[2A1\x1b[K\n\x1b[J"
	if diff := cmp.Diff(want, out.String()); diff != "" {
		t.Errorf("what was written (-want +got):\n%s", diff)
	}
}
