package evidence

import (
	"math/rand/v2"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
)

func TestARestartAtEverySliceIsNoRestart(t *testing.T) {
	c := twoObjectives()
	c.Warmup = 20 * time.Second
	for seed := range uint64(20) {
		tr := randomTraffic(rand.New(rand.NewPCG(seed, 5)), 2, 120)
		steady, restarted := begin(t, c), begin(t, c)
		i := 0
		tr.run(steady, func(int) {
			if tr.steps[i] {
				restarted.NextStep(tr.slices[i].From)
			}
			restarted.Add(tr.slices[i])
			i++
			text := restarted.Checkpoint()
			var err error
			if restarted, err = Restore(c, text); err != nil {
				t.Fatalf("seed %d, slice %d: %v\n%s", seed, i, err, text)
			}
			if want := steady.Checkpoint(); text != want || restarted.Checkpoint() != want {
				t.Fatalf("seed %d, slice %d: restarted\n%s\nsteady\n%s", seed, i, text, want)
			}
			if diff := cmp.Diff(steady.Verdict(Question{}), restarted.Verdict(Question{})); diff != "" {
				t.Fatalf("seed %d, slice %d:\n%s", seed, i, diff)
			}
		})
	}
}

func TestACheckpointIsSmall(t *testing.T) {
	tests, f := begin(t, twoObjectives()), newFlow()
	r := rand.New(rand.NewPCG(6, 6))
	longest := 0
	for i := range 2000 {
		f.alone = i > 1000
		f.feed(tests, 1, Counts{float64(r.IntN(100000)), float64(r.IntN(100))}, Counts{float64(r.IntN(100000)), float64(r.IntN(100))})
		longest = max(longest, len(tests.Checkpoint()))
	}
	if longest > 2*400+200 {
		t.Errorf("the longest checkpoint of two objectives has %d bytes", longest)
	}
}

func TestForeignTextIsNoCheckpoint(t *testing.T) {
	tests, f := begin(t, twoObjectives()), newFlow()
	f.feed(tests, 40, Counts{1000, 3}, Counts{100, 1})
	good := tests.Checkpoint()
	others := twoObjectives()
	others.Objectives[0].Limit = 0.006
	cases := map[string]struct {
		config Config
		text   string
		why    string
	}{
		"empty":               {twoObjectives(), "", "version"},
		"another version":     {twoObjectives(), "2" + good[1:], "version"},
		"one word":            {twoObjectives(), "1", "altered"},
		"cut":                 {twoObjectives(), good[:len(good)-20], "altered"},
		"altered":             {twoObjectives(), strings.Replace(good, " 0 ", " 1 ", 1), "altered"},
		"of other objectives": {others, good, "other objectives"},
		"a megabyte":          {twoObjectives(), "1 " + strings.Repeat("1 ", 1<<19), "too long"},
		"too few numbers":     {twoObjectives(), sealed(t, "1 5 5"), "too early"},
		"too many numbers":    {twoObjectives(), sealed(t, good[:len(good)-9]+" 1"), "too many"},
		"no number":           {twoObjectives(), sealed(t, "1 x"), "whole number"},
		"a negative time":     {twoObjectives(), sealed(t, "1 -5"), "whole number"},
		"a useless config":    {Config{}, good, "Objectives"},
	}
	for name, tc := range cases {
		t.Run(name, func(t *testing.T) {
			if _, err := Restore(tc.config, tc.text); err == nil || !strings.Contains(err.Error(), tc.why) {
				t.Errorf("error %v does not say %q", err, tc.why)
			}
		})
	}
}

// sealed gives any text the checksum it would need.
func sealed(t testing.TB, body string) string {
	t.Helper()
	return begin(t, twoObjectives()).format().Seal(body)
}

// FuzzRestore reads any numbers, under a checksum that is right: what is taken goes on, is written as it was read, and says nothing impossible.
func FuzzRestore(f *testing.F) {
	tr := randomTraffic(rand.New(rand.NewPCG(7, 7)), 2, 60)
	tests, i := begin(f, twoObjectives()), 0
	tr.run(tests, func(int) {
		if i++; i%10 == 0 {
			text := tests.Checkpoint()
			f.Add(text[:len(text)-9])
		}
	})
	f.Fuzz(func(t *testing.T, body string) {
		if _, err := Restore(twoObjectives(), body); err == nil && sealed(t, body[:max(0, len(body)-9)]) != body {
			t.Fatalf("%q has no checksum", body)
		}
		tests, err := Restore(twoObjectives(), sealed(t, body))
		if err != nil {
			return
		}
		text := tests.Checkpoint()
		again, err := Restore(twoObjectives(), text)
		if err != nil || again.Checkpoint() != text {
			t.Fatalf("%q is written as %q, and that as %v, %v", body, text, again, err)
		}
		for _, s := range tr.slices[:20] {
			tests.Add(s)
			again.Add(s)
		}
		if diff := cmp.Diff(tests.Verdict(Question{}), again.Verdict(Question{})); diff != "" {
			t.Fatalf("%q and what is written of it go on differently:\n%s", body, diff)
		}
	})
}

// FuzzMoves reads moves that say anything: what is taken is written as it was read.
func FuzzMoves(f *testing.F) {
	for _, s := range []string{"", "-", "3/true/false", "3/true/false+2", "3/true/false+0", "-3/t/f", "3/true/falsex", "3 /true/false", "9223372036854775808/true/true", "3/true/false+9999999999"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, text string) {
		m, err := ParseMoves(text)
		if err != nil {
			return
		}
		if again, err := ParseMoves(m.String()); err != nil || again != m {
			t.Errorf("%q is read as %+v, and what is written of it as %+v, %v", text, m, again, err)
		}
	})
}
