package counting

import (
	"fmt"
	"regexp"
	"regexp/syntax"
	"slices"
	"strconv"
	"strings"
	"unicode/utf8"
)

const maxSelector = 1024

// The grammar of a Custom selector: a metric's name and matchers, one of which is the placeholder. No functions, no ranges,
// no offsets: differences are taken by us, and exactly. Space is what PromQL takes for space.
const (
	space       = `[ \t\r\n]*`
	matcherForm = `(?:[a-zA-Z_][a-zA-Z0-9_]*)` + space + `(?:=~|!~|!=|=)` + space + `"(?:[^"\\\n]|\\.)*"`
)

var (
	selectorForm = regexp.MustCompile(`^[a-zA-Z_:][a-zA-Z0-9_:]*\{` + space + `(?:` + matcherForm + space + `,` + space + `)*` + regexp.QuoteMeta(Placeholder) +
		space + `(?:,` + space + matcherForm + space + `)*,?` + space + `\}$`)
	matcherParts = regexp.MustCompile(`([a-zA-Z_][a-zA-Z0-9_]*)` + space + `(=~|!~|!=|=)` + space + `("(?:[^"\\\n]|\\.)*")`)
)

var (
	// ourLabels are those that the placeholder, or the metric's name, sets.
	ourLabels = []string{"destination_service_name", "destination_service_namespace", "__name__"}
	// noMetrics are names that PromQL reads as a number or an operator, in letters of any case; see its grammar, metric_identifier in
	// promql/parser/generated_parser.y of Prometheus.
	noMetrics = []string{"inf", "nan", "bool", "atan2", "on", "ignoring", "group_left", "group_right"}
)

// checkSelector refuses what Prometheus would refuse, with the field and what to do.
func checkSelector(field, s string) error {
	switch {
	case s == "":
		return fmt.Errorf("%s is empty; give the selector of a counter, such as orders_total{%s}", field, Placeholder)
	case len(s) > maxSelector:
		return fmt.Errorf("%s has %d bytes; at most %d are allowed", field, len(s), maxSelector)
	case !strings.Contains(s, Placeholder):
		return fmt.Errorf("%s lacks %s, which stands for the labels of an arm; write metric{%s,label=\"value\"}", field, Placeholder, Placeholder)
	case !selectorForm.MatchString(s) || strings.Count(s, Placeholder) > 1:
		return fmt.Errorf("%s must be a counter's name and matchers in braces, without functions, ranges or offsets: metric{%s,label=\"value\"}",
			field, Placeholder)
	}
	name, matchers, _ := strings.Cut(s, "{")
	if slices.Contains(noMetrics, strings.ToLower(name)) {
		return fmt.Errorf("%s begins with %s, which PromQL reads as no name of a metric; name the counter otherwise", field, name)
	}
	for _, m := range matcherParts.FindAllStringSubmatch(strings.Replace(matchers, Placeholder, "", 1), -1) {
		if err := checkMatcher(field, m[1], m[2], m[3]); err != nil {
			return err
		}
	}
	return nil
}

// checkMatcher refuses a label that is ours, and a value that Prometheus cannot read: its strings have the escapes of Go, and its regular
// expressions are those of RE2, without more.
func checkMatcher(field, label, operator, quoted string) error {
	if slices.Contains(ourLabels, label) {
		return fmt.Errorf("%s has a matcher of %s, which %s sets; remove it", field, label, Placeholder)
	}
	value, err := strconv.Unquote(quoted)
	if err != nil {
		return fmt.Errorf("%s has a matcher of %s whose value %s has an escape that PromQL does not know; write \\\\ for a backslash", field, label, quoted)
	}
	if !utf8.ValidString(quoted) || !utf8.ValidString(value) { // Unquote makes valid what was not
		return fmt.Errorf("%s has a matcher of %s whose value %s is not valid UTF-8; no label has such a value", field, label, quoted)
	}
	if operator == "=" || operator == "!=" {
		return nil
	}
	_, err = syntax.Parse(value, syntax.Perl|syntax.DotNL)
	if err == nil {
		_, err = regexp.Compile("^(?s:" + value + ")$")
	}
	if err != nil {
		return fmt.Errorf("%s has a matcher of %s whose regular expression %s cannot be read (%s); Prometheus takes those of RE2", field, label, quoted,
			strings.TrimPrefix(err.Error(), "error parsing regexp: "))
	}
	return nil
}
