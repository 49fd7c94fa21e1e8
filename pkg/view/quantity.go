package view

import (
	"cmp"
	"fmt"
	"math"
	"strconv"
	"strings"
	"time"

	"k8s.io/apimachinery/pkg/util/duration"

	"github.com/stagger-dev/stagger/pkg/apis/stagger/v1alpha1"
	"github.com/stagger-dev/stagger/pkg/text"
)

// clean makes text of an object safe to show: one line, valid UTF-8, nothing that moves a cursor or turns the writing
// direction.
func clean(s string) string { return text.Clean(s) }

// count writes a number with thousands separators.
func count(n int64) string {
	s := strconv.FormatInt(n, 10)
	sign := ""
	if n < 0 {
		sign, s = "-", s[1:]
	}
	for i := len(s) - 3; i > 0; i -= 3 {
		s = s[:i] + "," + s[i:]
	}
	return sign + s
}

// counted writes a number with its noun.
func counted(n int64, noun string) string {
	if n != 1 {
		noun += "s"
	}
	return count(n) + " " + noun
}

// approximate writes a reckoned number: small ones with a decimal, so that a fraction of a request is not nothing.
func approximate(x float64) string {
	switch {
	case !(x > 0):
		return "0"
	case x < 0.1:
		return "<0.1"
	case x < 9.95:
		return strings.TrimSuffix(strconv.FormatFloat(x, 'f', 1, 64), ".0")
	case x >= math.MaxInt64/2:
		return strconv.FormatFloat(x, 'g', 2, 64)
	}
	return count(int64(math.Round(x)))
}

func ratio(bad, requests int64) float64 {
	if requests <= 0 {
		return 0
	}
	return min(max(float64(bad)/float64(requests), 0), 1)
}

// rate writes a share with two or three telling digits. It is never rounded to 0% or 100% when it is neither.
func rate(share float64) string {
	p := share * 100
	switch {
	case p <= 0:
		return "0%"
	case p < 0.0001:
		return "<0.0001%"
	case p < 0.01:
		return strconv.FormatFloat(p, 'f', 4, 64) + "%"
	case p < 10:
		return strconv.FormatFloat(p, 'f', 2, 64) + "%"
	case p < 100:
		return strconv.FormatFloat(math.Floor(p*10)/10, 'f', 1, 64) + "%"
	}
	return "100%"
}

// percent is a percentage of the API, "" when it is none.
func percent(p v1alpha1.Percentage) string {
	m := p.Millionths()
	if m == 0 && strings.Trim(string(p), "0.%") != "" || p == "" {
		return ""
	}
	return string(v1alpha1.PercentageOf(m))
}

// evidence writes an e-value, cut and not rounded: what is shown as 100 has reached 100.
func evidence(text string) string {
	e, err := strconv.ParseFloat(text, 64)
	switch {
	case err != nil && !math.IsInf(e, 1), math.IsNaN(e), e < 0:
		return "-"
	case e == 0:
		return "0"
	case e > 999:
		return ">999"
	case e >= 10:
		return strconv.FormatFloat(math.Floor(e), 'f', 0, 64)
	case e < 0.1:
		return "<0.1"
	}
	return strconv.FormatFloat(math.Floor(e*10+1e-9)/10, 'f', 1, 64)
}

// span writes a length of time as kubectl writes an age: "72s", "5m10s", "23m", "3h10m", "4d".
func span(d time.Duration) string { return duration.HumanDuration(max(d, 0)) }

// setting writes a length of time as the policy says it; "0s" where it says none.
func setting(d v1alpha1.Duration) string { return cmp.Or(clean(string(d)), "0s") }

// Named joins names with what they are, in one or many: "VirtualService a", "VirtualServices a, b"; "" for none.
func Named(kind string, names []string) string {
	switch len(names) {
	case 0:
		return ""
	case 1:
		return kind + " " + names[0]
	}
	return fmt.Sprintf("%ss %s", kind, strings.Join(names, ", "))
}
