package urgent

import "testing"

func TestWhatIsReasonToBrake(t *testing.T) {
	asking := func(bad, requests float64, seconds int) Sign {
		return Sign{Brake: true, Canary: Counts{Requests: requests, Bad: bad}, Seconds: seconds}
	}
	cases := map[string]struct {
		seconds []Second
		want    Sign // Brake, and of what: Canary and Seconds
	}{
		"two of three groups fail":           {[]Second{of(50, 20, 50, 20, 50, 0, 500, 0)}, asking(40, 150, 1)},
		"one of two groups fails":            {[]Second{of(50, 50, 50, 0, 500, 0)}, Sign{}},
		"two bad requests":                   {[]Second{of(1, 1, 1, 1, 1, 0, 500, 0)}, Sign{}},
		"15 % of each group":                 {[]Second{of(100, 15, 100, 15, 500, 0)}, Sign{}},
		"16 % of each group":                 {[]Second{of(100, 16, 100, 16, 500, 0)}, asking(32, 200, 1)},
		"30 % of the only group":             {[]Second{of(100, 30, 500, 0)}, Sign{}},
		"31 % of the only group":             {[]Second{of(100, 31, 500, 0)}, asking(31, 100, 1)},
		"the stable fails as well":           {[]Second{of(100, 50, 100, 50, 500, 250)}, Sign{}},
		"in two seconds":                     {[]Second{of(4, 2, 500, 0), of(1, 1, 500, 0)}, asking(3, 5, 2)},
		"in three":                           {[]Second{of(4, 1, 500, 0), of(4, 1, 500, 0), of(1, 1, 500, 0)}, Sign{}},
		"a void second between":              {[]Second{of(4, 2, 500, 0), {}, of(1, 1, 500, 0)}, Sign{}},
		"a good second after it":             {[]Second{of(50, 40, 500, 0), of(50, 0, 500, 0)}, Sign{}},
		"a second without requests after it": {[]Second{of(50, 40, 500, 0), of(0, 0, 500, 0)}, Sign{}},
		"at a braked weight":                 {[]Second{braked(of(50, 40, 500, 0))}, Sign{}},
	}
	for name, tc := range cases {
		t.Run(name, func(t *testing.T) {
			l := New(config())
			var s Sign
			for _, second := range tc.seconds {
				s = l.Next(second)
			}
			got := Sign{Brake: s.Brake}
			if s.Brake {
				got.Canary, got.Seconds = s.Canary, s.Seconds
			}
			if got != tc.want {
				t.Errorf("got %+v, want %+v", got, tc.want)
			}
		})
	}
}

// toBrake is after how many bad seconds a lane brakes, 0 for never.
func toBrake(l *Lane) int {
	for i := range 20 {
		if l.Next(of(50, 50, 50, 50, 500, 0)).Brake {
			return i + 1
		}
	}
	return 0
}

func TestThreeBrakesInAReleaseEachSlower(t *testing.T) {
	told := map[string]func(*Lane){
		"by Braked and Released": func(l *Lane) {
			l.Braked()
			l.Braked() // and again, by another objective's lane
			l.Next(braked(of(5, 5, 5, 5, 500, 0)))
			l.Released()
			l.Next(braked(of(5, 5, 5, 5, 500, 0))) // the raise is not live yet
		},
		"by the seconds alone": func(l *Lane) {
			l.Next(braked(of(5, 5, 5, 5, 500, 0)))
			l.Next(braked(of(5, 5, 5, 5, 500, 0)))
		},
	}
	for name, tell := range told {
		t.Run(name, func(t *testing.T) {
			l := New(config())
			for i, want := range []int{1, 2, 3, 0} {
				l.Next(of(50, 0, 50, 0, 500, 0))
				if got := toBrake(l); got != want {
					t.Fatalf("brake %d comes after %d seconds, want %d", i+1, got, want)
				}
				tell(l)
			}
		})
	}
}

func TestWhatIsNotBrakedIsNotCounted(t *testing.T) {
	l := New(config())
	for range 5 {
		if got := toBrake(l); got != 1 {
			t.Fatalf("a brake that nobody carried out makes the next one come after %d seconds", got)
		}
		l.Next(of(50, 0, 50, 0, 500, 0))
	}
	l.Braked()
	if got := toBrake(l); got != 0 {
		t.Errorf("it asks to brake while it is braked")
	}
}

func TestABrakeOutlivesARestart(t *testing.T) {
	l := New(config())
	l.Next(of(50, 50, 50, 50, 500, 0))
	text := l.Checkpoint() // the lever was pulled, and the operator died before it could say so
	l, err := Restore(config(), text)
	if err != nil {
		t.Fatal(err)
	}
	l.Next(braked(of(5, 0, 5, 0, 500, 0)))
	if l.brake != (brake{done: 1, down: true}) {
		t.Errorf("after a restart the brake is %+v", l.brake)
	}
	if l, err = Restore(config(), l.Checkpoint()); err != nil {
		t.Fatal(err)
	}
	l.Next(of(50, 0, 50, 0, 500, 0)) // it was released meanwhile
	if got := toBrake(l); got != 2 {
		t.Errorf("the second brake comes after %d seconds", got)
	}
}

func TestWhatIsNotInARowDoesNotBrakeAgain(t *testing.T) {
	bad, low := of(50, 50, 50, 50, 500, 0), braked(of(5, 5, 5, 5, 500, 0))
	cases := map[string]func(*Lane){
		"a void second":              func(l *Lane) { l.Next(bad); l.Void() },
		"a good second":              func(l *Lane) { l.Next(bad); l.Next(of(50, 0, 50, 0, 500, 0)) },
		"other groups":               func(l *Lane) { l.Next(of(50, 50, 50, 50, 50, 50, 500, 0)) },
		"seconds at a braked weight": func(l *Lane) { l.Braked(); l.Next(low); l.Next(low); l.brake.done = 1 },
		"a raise that is not live yet": func(l *Lane) {
			l.Next(low)
			l.Released()
			for range 5 {
				if l.Next(low).Brake {
					t.Error("it brakes at a braked weight")
				}
			}
			l.brake.done = 1
		},
	}
	for name, before := range cases {
		t.Run(name, func(t *testing.T) {
			l := New(config())
			l.Braked()
			l.Released()
			before(l)
			if got := toBrake(l); got != 2 {
				t.Errorf("the second brake comes after %d seconds, want 2", got)
			}
		})
	}
}
