package urgent

import (
	"math/rand/v2"
	"strings"
	"testing"
)

// randomSeconds are seconds of a canary that is well, fails in part or dies, is braked and changes its groups.
func randomSeconds(r *rand.Rand, n int) []Second {
	var all []Second
	groups, share, low := 3, 0.0, false
	for range n {
		if r.IntN(10) == 0 {
			share = []float64{0, 0, 0.2, 1}[r.IntN(4)]
		}
		if r.IntN(20) == 0 {
			low = !low
		}
		if r.IntN(40) == 0 {
			groups = 1 + r.IntN(4)
		}
		var counts []float64
		for range groups {
			n := float64(r.IntN(20))
			counts = append(counts, n, float64(int(n*share*2*r.Float64())))
		}
		s := of(append(counts, float64(r.IntN(100)), float64(r.IntN(40)/38))...)
		s.Braked = low
		if r.IntN(30) == 0 {
			s.Canary = nil // void
		}
		all = append(all, s)
	}
	return all
}

func TestARestartAtEverySecondIsNoRestart(t *testing.T) {
	seen := map[string]int{}
	for seed := range uint64(20) {
		r := rand.New(rand.NewPCG(seed, 1))
		steady, restarted := New(config()), New(config())
		for i, s := range randomSeconds(r, 300) {
			a, b := steady.Next(s), restarted.Next(s)
			if a != b {
				t.Fatalf("seed %d, second %d: restarted %+v, steady %+v", seed, i, b, a)
			}
			if a.Brake && r.IntN(3) == 0 {
				steady.Braked()
				restarted.Braked()
			}
			text := restarted.Checkpoint()
			var err error
			if restarted, err = Restore(config(), text); err != nil {
				t.Fatalf("seed %d, second %d: %v\n%s", seed, i, err, text)
			}
			if want := steady.Checkpoint(); text != want || restarted.Checkpoint() != want {
				t.Fatalf("seed %d, second %d: restarted\n%s\nsteady\n%s", seed, i, text, want)
			}
			for name, is := range map[string]bool{"alarm": a.Alarm, "episode": a.Episode, "abort": a.Abort, "brake": a.Brake} {
				if is {
					seen[name]++
				}
			}
		}
	}
	if len(seen) != 4 {
		t.Errorf("of all signs there were %v alone", seen)
	}
}

func TestTheOrderOfGroupsChangesNothing(t *testing.T) {
	for seed := range uint64(20) {
		r := rand.New(rand.NewPCG(seed, 2))
		a, b := New(config()), New(config())
		for i, s := range randomSeconds(r, 300) {
			other := s
			other.Canary = append([]Group(nil), s.Canary...)
			r.Shuffle(len(other.Canary), func(i, j int) { other.Canary[i], other.Canary[j] = other.Canary[j], other.Canary[i] })
			x, y := a.Next(s), b.Next(other)
			if x != y || a.Checkpoint() != b.Checkpoint() {
				t.Fatalf("seed %d, second %d: %+v, and in another order %+v", seed, i, x, y)
			}
		}
	}
}

func TestGroupsOfOneNameAreOne(t *testing.T) {
	a, b := New(config()), New(config())
	for range 5 {
		x := a.Next(Second{Canary: []Group{{"x", asked(5, 4)}, {"y", asked(5, 5)}, {"x", asked(1, 1)}}, Stable: asked(100, 0)})
		y := b.Next(Second{Canary: []Group{{"x", asked(6, 5)}, {"y", asked(5, 5)}}, Stable: asked(100, 0)})
		if x != y || a.Checkpoint() != b.Checkpoint() {
			t.Errorf("%+v, want %+v", x, y)
		}
	}
}

func TestACheckpointIsSmall(t *testing.T) {
	counts := func(groups int) []float64 {
		var all []float64
		for range groups {
			all = append(all, 12345, 12345)
		}
		return append(all, 123456, 0)
	}
	for groups, most := range map[int]int{1: 200, 4: 400, 16: 1300} {
		l := New(config())
		for range 5 {
			l.Next(of(counts(groups)...))
		}
		if got := len(l.Checkpoint()); got > most {
			t.Errorf("with %d groups it has %d bytes", groups, got)
		}
	}
}

func TestForeignTextIsNoCheckpoint(t *testing.T) {
	good := openEpisode(t).Checkpoint()
	body := good[:len(good)-9]
	words := strings.Fields(body)
	with := func(i int, word string) string {
		changed := append([]string(nil), words...)
		changed[i] = word
		return format().Seal(strings.Join(changed, " "))
	}
	stable := len(words) - 2
	cases := map[string]struct{ text, why string }{
		"empty":                {"", "version"},
		"another version":      {"u2" + good[2:], "version"},
		"that of a release":    {"1 5 5 abc", "version"},
		"cut":                  {good[:len(good)-20], "altered"},
		"altered":              {strings.Replace(good, " 0 ", " 1 ", 1), "altered"},
		"a megabyte":           {"u1 " + strings.Repeat("1 ", 1<<19), "too long"},
		"too few numbers":      {format().Seal("u1 1 0"), "too early"},
		"too many numbers":     {format().Seal(body + " 1"), "too many"},
		"cash that is NaN":     {with(1, "NaN"), "no number"},
		"negative cash":        {with(1, "-1"), "no number"},
		"no number":            {with(2, "x"), "whole number"},
		"a million groups":     {with(15, "1000000"), "whole number"},
		"more bad than all":    {with(stable+1, "1e9"), "bad requests of"},
		"seconds of no groups": {format().Seal(strings.Join(append(words[:15:15], "0", "0", "1", "5", "0"), " ")), "without a group"},
	}
	for name, tc := range cases {
		t.Run(name, func(t *testing.T) {
			if _, err := Restore(config(), tc.text); err == nil || !strings.Contains(err.Error(), tc.why) {
				t.Errorf("error %v does not say %q", err, tc.why)
			}
		})
	}
	if _, err := Restore(config(), format().Seal(body)); err != nil {
		t.Errorf("the text they are made of: %v", err)
	}
}

// FuzzRestore reads any numbers, under a checksum that is right: what is taken goes on, and is written as it was read.
func FuzzRestore(f *testing.F) {
	r := rand.New(rand.NewPCG(3, 3))
	l := New(config())
	for _, s := range randomSeconds(r, 50) {
		l.Next(s)
		text := l.Checkpoint()
		f.Add(text[:len(text)-9])
	}
	next := randomSeconds(r, 20)
	f.Fuzz(func(t *testing.T, body string) {
		if _, err := Restore(config(), body); err == nil && format().Seal(body[:max(0, len(body)-9)]) != body {
			t.Fatalf("%q has no checksum", body)
		}
		l, err := Restore(config(), format().Seal(body))
		if err != nil {
			return
		}
		text := l.Checkpoint()
		again, err := Restore(config(), text)
		if err != nil || again.Checkpoint() != text {
			t.Fatalf("%q is written as %q, and that as %v, %v", body, text, again, err)
		}
		for _, s := range next {
			if sign := l.Next(s); !(sign.Wealth >= 0) {
				t.Fatalf("%q leads to %+v", body, sign)
			}
			if len(s.Canary) > 0 && len(l.stakes) > 0 && len(l.stakes) != len(l.past[0].groups) {
				t.Fatalf("%q leads to stakes on %d of %d groups", body, len(l.stakes), len(l.past[0].groups))
			}
		}
	})
}
