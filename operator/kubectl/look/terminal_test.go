package look

import (
	"bytes"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// On a terminal a screen takes the place of the one before, and nothing is written when nothing changed.
func TestALiveScreenTakesThePlaceOfTheOneBefore(t *testing.T) {
	var out bytes.Buffer
	s := display{terminal: true, out: &out, lines: func() int { return 0 }}
	for _, text := range []string{"one\ntwo\n", "one\ntwo\n", "1\n"} {
		if err := s.draw(text); err != nil {
			t.Fatal(err)
		}
	}
	want := "one\x1b[K\ntwo\x1b[K\n\x1b[J" + "\x1b[2A1\x1b[K\n\x1b[J"
	if diff := cmp.Diff(want, out.String()); diff != "" {
		t.Errorf("what was written (-want +got):\n%s", diff)
	}
}

// What is taller than the terminal would scroll it, and the next screen would not find its place.
func TestALiveScreenIsNoTallerThanTheTerminal(t *testing.T) {
	const five = "1\n2\n3\n4\n5\n"
	cases := map[int]string{0: five, 3: five, 4: "1\n2\n… 3 more lines\n", 5: "1\n2\n3\n… 2 more lines\n", 6: five, 80: five}
	for lines, want := range cases {
		if got := crop(five, lines); got != want {
			t.Errorf("crop to %d lines = %q, want %q", lines, got, want)
		}
	}
}
