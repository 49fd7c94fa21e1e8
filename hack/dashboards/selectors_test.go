package main

import (
	"strings"
	"testing"

	"github.com/prometheus/prometheus/promql/parser"

	"github.com/stagger-dev/stagger/pkg/counting"
)

// accepted says whether a policy may count by the selector, and readByPrometheus whether Prometheus can read it. What Stagger sends has labels of its own
// in the placeholder's place.
func accepted(selector string) bool {
	return counting.Indicator{Kind: counting.Custom, Total: selector, Bad: "a{" + counting.Placeholder + "}"}.Validate() == nil
}

func readByPrometheus(selector string) error {
	_, err := parser.NewParser(parser.Options{}).ParseExpr(strings.Replace(selector, counting.Placeholder, `destination_service_name="x"`, 1))
	return err
}

// meanValues are written into a matcher as they are.
var meanValues = []string{
	`b`, `\\d+`, `\d`, `\0`, `\000`, `\400`, `\xff`, `\x41`, `\u00e9`, `\ud800`, `\U00110000`, `\'`, `\"`, `\n`, `(`, `)`, `a)(b`, `[`, `(?i)b`, `(?=b)`, `(?P<n>b)`, `b{1,1000}`,
	`b{1,1001}`, `(b{1000}){1000}`, `*`, `b**`, `\\`, `\\\\`, `\\1`, `\\pL`, `\\p{Nothing}`, `(?s:b`, `{{selector}}`, `é`,
}

// meanNames are written in front of the braces.
var meanNames = []string{"a", "a:b", "inf", "NaN", "bool", "On", "ignoring", "group_left", "atan2", "sum", "by", "offset", "start", "and", "without", "quantile", "limitk"}

// What a policy is accepted with is what Prometheus's own parser reads: no question is refused for it.
func TestAcceptedSelectorsAreReadByPrometheus(t *testing.T) {
	var all []string
	for _, v := range meanValues {
		for _, operator := range []string{"=", "!=", "=~", "!~"} {
			all = append(all, `a{{{selector}},b`+operator+`"`+v+`"}`, `a{b `+operator+` "`+v+`",{{selector}}}`)
		}
	}
	for _, n := range meanNames {
		all = append(all, n+`{{{selector}}}`)
	}
	n := 0
	for _, s := range all {
		err := readByPrometheus(s)
		if ok := accepted(s); ok && err != nil {
			t.Errorf("%s is accepted, and Prometheus cannot read it: %v", s, err)
		} else if ok {
			n++
		} else if err == nil && !strings.Contains(s, `\xff`) && strings.Count(s, counting.Placeholder) == 1 { // no label is like that
			t.Errorf("%s is refused, and Prometheus reads it", s)
		}
	}
	if n < 50 {
		t.Errorf("%d of %d are accepted", n, len(all))
	}
}

func FuzzAcceptedSelectorsAreReadByPrometheus(f *testing.F) {
	for _, v := range meanValues {
		f.Add(`a{{{selector}},b=~"` + v + `"}`)
	}
	f.Fuzz(func(t *testing.T, s string) {
		if err := readByPrometheus(s); accepted(s) && err != nil {
			t.Errorf("%q is accepted, and Prometheus cannot read it: %v", s, err)
		}
	})
}
