package promql

import (
	"fmt"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"unicode/utf8"
)

// matcher returns the PromQL matcher that holds for exactly the given values of a label. Every string that reaches an
// expression goes through here: escaped for the regular expression first, then as a PromQL string, which has the escapes of Go.
func matcher(label string, values ...string) string {
	if len(values) == 1 {
		return label + "=" + strconv.Quote(values[0])
	}
	return label + "=~" + alternation(values)
}

// without returns the PromQL matcher that holds for all but the given values of a label.
func without(label string, values []string) string { return label + "!~" + alternation(values) }

func alternation(values []string) string {
	escaped := make([]string, len(values))
	for i, v := range values {
		escaped[i] = regexp.QuoteMeta(v)
	}
	return strconv.Quote(strings.Join(escaped, "|"))
}

// distinct returns the values sorted and without repetition, so that the same question is always the same text.
func distinct(values []string) []string {
	sorted := slices.Clone(values)
	slices.Sort(sorted)
	return slices.Compact(sorted)
}

// checkLabelValues returns what is wrong with the first of a list of values that cannot be used.
func checkLabelValues(field string, values []string) error {
	for i, value := range values {
		if err := checkLabelValue(fmt.Sprintf("%s[%d]", field, i), value); err != nil {
			return err
		}
	}
	return nil
}

// checkLabelValue refuses what no label of a sample can hold; a matcher of an empty value would also hold for samples that lack the label.
func checkLabelValue(field, value string) error {
	switch {
	case value == "":
		return fmt.Errorf("%s is empty; give the exact value of the label", field)
	case len(value) > maxLabelValue:
		return fmt.Errorf("%s has %d bytes; at most %d are allowed", field, len(value), maxLabelValue)
	case !utf8.ValidString(value):
		return fmt.Errorf("%s is not valid UTF-8: %q; give the exact value of the label", field, value)
	}
	return nil
}
