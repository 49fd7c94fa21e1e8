package text_test

import (
	"strings"
	"testing"
	"unicode/utf8"

	"github.com/stagger-dev/stagger/pkg/text"
)

func TestCuts(t *testing.T) {
	cases := map[string]struct {
		s            string
		n            int
		bytes, runes string
	}{
		"within the bound":           {"abc", 3, "abc", "abc"},
		"beyond it":                  {"abcd", 3, "abc", "abc"},
		"nothing":                    {"", 3, "", ""},
		"to nothing":                 {"abc", 0, "", ""},
		"to less than nothing":       {"abc", -1, "", ""},
		"within a character":         {"aé–", 2, "a", "aé"},
		"behind a character":         {"aé–", 3, "aé", "aé–"},
		"what is no UTF-8":           {"a\xffbc", 3, "ab", "a\xffb"},
		"a character of three bytes": {"–––", 5, "–", "–––"},
	}
	for name, c := range cases {
		if got := text.CutBytes(c.s, c.n); got != c.bytes {
			t.Errorf("%s: %q in %d bytes is %q, want %q", name, c.s, c.n, got, c.bytes)
		}
		if got := text.CutRunes(c.s, c.n); got != c.runes {
			t.Errorf("%s: %q in %d characters is %q, want %q", name, c.s, c.n, got, c.runes)
		}
	}
}

func FuzzCuts(f *testing.F) {
	f.Add("aé–\xff", 3)
	f.Fuzz(func(t *testing.T, s string, n int) {
		if got := text.CutBytes(s, n); len(got) > max(n, 0) || !utf8.ValidString(got) {
			t.Errorf("%q in %d bytes is %q", s, n, got)
		}
		if got := text.CutRunes(s, n); utf8.RuneCountInString(got) > max(n, 0) || !strings.HasPrefix(s, got) {
			t.Errorf("%q in %d characters is %q", s, n, got)
		}
	})
}

func TestNearest(t *testing.T) {
	cases := map[string]struct {
		written string
		names   []string
		edits   int
		want    string
	}{
		"a letter too few":           {"chekout", []string{"cart", "checkout"}, 2, "checkout"},
		"a letter too many":          {"cartt", []string{"cart", "checkout"}, 1, "cart"},
		"another letter":             {"cort", []string{"cart"}, 1, "cart"},
		"two letters in each other":  {"standrad", []string{"fast", "standard"}, 2, "standard"},
		"too far":                    {"standrad", []string{"fast", "standard"}, 1, ""},
		"the nearer one":             {"garden", []string{"gardener", "warden"}, 2, "warden"},
		"the alphabet among equals":  {"bat", []string{"rat", "cat", "hat"}, 1, "cat"},
		"nothing to choose from":     {"cart", nil, 2, ""},
		"nothing written":            {"", []string{"a"}, 0, ""},
		"the very name":              {"cart", []string{"cart"}, 0, "cart"},
		"all of a short name edited": {"ab", []string{"xy"}, 2, "xy"},
	}
	for name, c := range cases {
		if got := text.Nearest(c.written, c.names, c.edits); got != c.want {
			t.Errorf("%s: the nearest to %q of %q is %q, want %q", name, c.written, c.names, got, c.want)
		}
	}
}
