package promql

import (
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/stagger-dev/stagger/pkg/counting"
)

func TestABatchRefusesWhatItCannotAsk(t *testing.T) {
	many := make([]counting.Service, MaxArms+1)
	for i := range many {
		many[i] = counting.Service{Namespace: "shop", Name: "s" + strconv.Itoa(i)}
	}
	with := func(change func(*Scope)) Scope {
		s := Scope{ScrapeInterval: 15 * time.Second}
		change(&s)
		return s
	}
	plain := with(func(*Scope) {})
	cases := map[string]struct {
		scope Scope
		arms  []counting.Service
		want  string
	}{
		"no arms":         {plain, nil, "a batch of 0 arms was asked for; it must have 1 to 500"},
		"too many arms":   {plain, many, "a batch of 501 arms was asked for; it must have 1 to 500"},
		"empty name":      {plain, []counting.Service{{Namespace: "shop"}}, "name of shop/ is empty; give the exact value of the label"},
		"empty namespace": {plain, []counting.Service{{Name: "a"}}, "namespace of /a is empty; give the exact value of the label"},
		"name too long": {plain, []counting.Service{{Namespace: "shop", Name: strings.Repeat("a", 254)}},
			"name of shop/" + strings.Repeat("a", 254) + " has 254 bytes; at most 253 are allowed"},
		"name not UTF-8": {plain, []counting.Service{{Namespace: "shop", Name: "\xff"}}, "name of shop/\xff is not valid UTF-8: \"\\xff\"; give the exact value of the label"},
		"matcher without value": {with(func(s *Scope) { s.Matchers = map[string]string{"cluster": ""} }), []counting.Service{shop},
			`matchers["cluster"] is empty; give the exact value of the label`},
		"matcher with a hostile label": {with(func(s *Scope) { s.Matchers = map[string]string{`a="b",c`: "d"} }), []counting.Service{shop},
			`matchers has the label "a=\"b\",c"; a label name has letters, digits and underscores only, and no digit first`},
		"matcher of our own label": {with(func(s *Scope) { s.Matchers = map[string]string{"reporter": "destination"} }), []counting.Service{shop},
			`matchers has the label "reporter", which the question itself sets; remove it`},
		"empty job": {with(func(s *Scope) { s.Jobs = []string{"a", ""} }), []counting.Service{shop},
			`jobs[1] is empty; give the exact value of the label`},
		"look-back too short": {with(func(s *Scope) { s.Lookback = time.Minute }), []counting.Service{shop},
			"lookback is 1m0s; with a scrapeInterval of 15s it must be at least 1m50s"},
		"negative scrape interval": {with(func(s *Scope) { s.ScrapeInterval = -time.Second }), []counting.Service{shop},
			"scrapeInterval is -1s; it must be at least 1ms"},
	}
	for name, c := range cases {
		t.Run(name, func(t *testing.T) {
			_, err := NewBatch(c.scope, counting.Indicator{}, c.arms)
			if err == nil {
				t.Fatal("the batch was made")
			}
			if diff := cmp.Diff(c.want, err.Error()); diff != "" {
				t.Error(diff)
			}
		})
	}
}

func TestASliceMustFitIntoTheLookback(t *testing.T) {
	b, err := NewBatch(Scope{}, counting.Indicator{}, []counting.Service{shop})
	if err != nil {
		t.Fatal(err)
	}
	cases := map[string]struct {
		slice time.Duration
		want  string
	}{
		"none":          {0, "a slice of 0s was asked for; it must be between 1ms and 5m0s, half of the look-back"},
		"too long":      {5*time.Minute + time.Second, "a slice of 5m1s was asked for; it must be between 1ms and 5m0s, half of the look-back"},
		"too fine":      {time.Second + time.Microsecond, "a slice of 1.000001s was asked for; it must be a whole number of milliseconds"},
		"longest":       {5 * time.Minute, ""},
		"a millisecond": {time.Millisecond, ""},
	}
	for name, c := range cases {
		t.Run(name, func(t *testing.T) {
			for _, question := range []func(time.Duration) (string, error){b.Increments, b.Base} {
				got := ""
				if _, err := question(c.slice); err != nil {
					got = err.Error()
				}
				if diff := cmp.Diff(c.want, got); diff != "" {
					t.Error(diff)
				}
			}
		})
	}
}

func TestTheSameQuestionIsTheSameText(t *testing.T) {
	first, err := NewBatch(scope, counting.Indicator{}, []counting.Service{shop, shop.Canary(), shop})
	if err != nil {
		t.Fatal(err)
	}
	second, err := NewBatch(scope, counting.Indicator{}, []counting.Service{shop.Canary(), shop})
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(questions(t, first), questions(t, second)); diff != "" {
		t.Error(diff)
	}
}

// FuzzNamesCannotLeaveTheirString checks that hostile names and label values change strings of an expression and nothing
// else, and that those strings hold for exactly the names.
func FuzzNamesCannotLeaveTheirString(f *testing.F) {
	for _, s := range []string{"checkout", `a|b`, `x"} or up{y="`, `.*`, `\`, `\"`, "a\nb", "`", "é\u2028", "\x00", `(?i)`, `a\Eb`} {
		f.Add(s, s)
	}
	f.Fuzz(func(t *testing.T, name, value string) {
		build := func(name, value string) (Batch, error) {
			return NewBatch(Scope{Matchers: map[string]string{"cluster": value}, Jobs: []string{value, "job"}}, counting.Indicator{},
				[]counting.Service{{Namespace: "shop", Name: "a name no fuzzer makes"}, {Namespace: "shop", Name: name}})
		}
		hostile, err := build(name, value)
		if err != nil {
			t.Skip("refused")
		}
		harmless, err := build("b", "c")
		if err != nil {
			t.Fatal(err)
		}
		for i, question := range questions(t, hostile) {
			got, literals := skeleton(t, question)
			want, _ := skeleton(t, questions(t, harmless)[i])
			if diff := cmp.Diff(want, got); diff != "" {
				t.Fatalf("the expression itself changed (-want +got):\n%s", diff)
			}
			checkLiterals(t, literals, name, value)
		}
	})
}

func questions(t *testing.T, b Batch) []string {
	t.Helper()
	requests, err := b.Increments(slice)
	if err != nil {
		t.Fatal(err)
	}
	base, err := b.Base(slice)
	if err != nil {
		t.Fatal(err)
	}
	fresh, err := b.Freshness(slice)
	if err != nil {
		t.Fatal(err)
	}
	return []string{requests, base, fresh, b.Lag(), b.Copies(), b.ScrapeInterval(), b.Unmeasured(), b.Complete()}
}

// skeleton cuts the double-quoted strings out of an expression, as PromQL's lexer finds them, and returns both.
func skeleton(t *testing.T, expr string) (rest string, literals []string) {
	t.Helper()
	var b strings.Builder
	for {
		before, after, found := strings.Cut(expr, `"`)
		b.WriteString(before)
		if !found {
			return b.String(), literals
		}
		end := 0
		for end < len(after) && after[end] != '"' {
			if after[end] == '\\' {
				end++
			}
			end++
		}
		if end >= len(after) {
			t.Fatalf("a string has no end: %s", after)
		}
		if strings.Contains(after[:end], "\n") {
			t.Fatalf("a string spans lines: %q", after[:end])
		}
		literal, err := strconv.Unquote(`"` + after[:end] + `"`)
		if err != nil {
			t.Fatalf("string %q: %v", after[:end], err)
		}
		b.WriteString(`""`)
		literals, expr = append(literals, literal), after[end+1:]
	}
}

// checkLiterals checks that the label's value is there as it is, and that the alternation holds for the name and for no neighbour of it.
func checkLiterals(t *testing.T, literals []string, name, value string) {
	t.Helper()
	if !slices.Contains(literals, value) {
		t.Fatalf("no string is the value %q: %q", value, literals)
	}
	for _, l := range literals {
		if !strings.Contains(l, "a name no fuzzer makes|") && !strings.Contains(l, "|a name no fuzzer makes") {
			continue
		}
		names, err := regexp.Compile("^(?s:" + l + ")$")
		if err != nil {
			t.Fatalf("expression %q: %v", l, err)
		}
		if !names.MatchString(name) {
			t.Fatalf("%q does not hold for %q", l, name)
		}
		for _, other := range []string{name + "x", "x" + name, "x", name + "|" + name, name[:len(name)-1]} {
			if other != name && names.MatchString(other) {
				t.Fatalf("%q holds for %q", l, other)
			}
		}
	}
}
