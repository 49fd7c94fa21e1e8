package evidence

import (
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
)

func TestMovesPlaceSlices(t *testing.T) {
	noon := time.Date(2026, 3, 2, 12, 0, 0, 0, time.UTC)
	settled := noon.Add(10 * time.Second)
	var m Moves
	for _, x := range []struct {
		number int32
		alone  bool
		next   bool
	}{{1, false, false}, {1, false, false}, {2, true, true}} {
		if next := m.Move(x.number, x.alone); next != x.next {
			t.Errorf("move %d begins a step: %t", x.number, next)
		}
	}
	for _, x := range []struct {
		times int32
		anew  bool
	}{{0, false}, {1, true}, {1, false}, {2, true}} {
		if anew := m.Excuse(x.times); anew != x.anew {
			t.Errorf("excused %d times: the evidence begins anew: %t", x.times, anew)
		}
	}
	again, err := ParseMoves(m.String())
	if err != nil || again != m {
		t.Errorf("%v was read as %v, %v", m, again, err)
	}
	if begun, err := ParseMoves(Moves{}.String()); err != nil || begun != (Moves{}) {
		t.Errorf("before the first move: %v, %v", begun, err)
	}
	for _, rubbish := range []string{"rubbish", "1/true/false+", "1/true/false+0", "1/true/false+x"} {
		if m, err := ParseMoves(rubbish); err == nil {
			t.Errorf("%q was read as %+v", rubbish, m)
		}
	}
	place := func(from time.Time, settled *time.Time) [2]bool {
		s := Slice{From: from}
		again.Place(&s, noon, settled)
		return [2]bool{s.Settled, s.Alone}
	}
	got := [][2]bool{
		place(noon.Add(-time.Second), &settled), place(noon, &settled), place(settled, &settled), place(settled, nil),
		place(noon.Add(-time.Second), &noon),
	}
	if diff := cmp.Diff([][2]bool{{false, false}, {false, true}, {true, true}, {false, true}, {false, false}}, got); diff != "" {
		t.Errorf("settled, alone (-want +got):\n%s", diff)
	}
}
