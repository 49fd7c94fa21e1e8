package counting

import (
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
)

var (
	slow   = Indicator{Kind: Duration, Threshold: 500 * time.Millisecond}
	orders = Indicator{Kind: Custom, Total: `orders_total{job="app",{{selector}}}`, Bad: `orders_total{{{selector}},job="app",result=~"err.*"}`}
)

func TestAnIndicatorRefusesWhatItCannotCount(t *testing.T) {
	custom := func(total string) Indicator { return Indicator{Kind: Custom, Total: total, Bad: orders.Bad} }
	form := ` must be a counter's name and matchers in braces, without functions, ranges or offsets: metric{{{selector}},label="value"}`
	cases := map[string]struct {
		indicator Indicator
		want      string
	}{
		"nothing said":                {Indicator{}, ""},
		"a threshold":                 {slow, ""},
		"two counters":                {orders, ""},
		"another kind":                {Indicator{Kind: "Latency"}, `indicator is "Latency"; it must be Requests, Duration or Custom`},
		"no threshold":                {Indicator{Kind: Duration}, "threshold is 0s; it must be above 0, such as 500ms"},
		"no total":                    {custom(""), "total is empty; give the selector of a counter, such as orders_total{{{selector}}}"},
		"no bad":                      {Indicator{Kind: Custom, Total: orders.Total}, "bad is empty; give the selector of a counter, such as orders_total{{{selector}}}"},
		"no placeholder":              {custom(`orders_total{job="a"}`), `total lacks {{selector}}, which stands for the labels of an arm; write metric{{{selector}},label="value"}`},
		"a function":                  {custom(`rate(orders_total{{{selector}}}[5m])`), "total" + form},
		"a range":                     {custom(`orders_total{{{selector}}}[5m]`), "total" + form},
		"an offset":                   {custom(`orders_total{{{selector}}} offset 1h`), "total" + form},
		"a sum":                       {custom(`orders_total{{{selector}}} + orders_total{{{selector}}}`), "total" + form},
		"the placeholder twice":       {custom(`orders_total{{{selector}},{{selector}}}`), "total" + form},
		"no braces":                   {custom(`orders_total {{selector}}`), "total" + form},
		"a string without end":        {custom(`orders_total{{{selector}},a="b}`), "total" + form},
		"a comment":                   {custom("orders_total{{{selector}},a=\"b\" # c\n}"), "total" + form},
		"our own label":               {custom(`orders_total{destination_service_name!="x",{{selector}}}`), "total has a matcher of destination_service_name, which {{selector}} sets; remove it"},
		"the placeholder in a string": {custom(`orders_total{a="{{selector}}",{{selector}}}`), "total" + form},
		"another space":               {custom("orders_total{{{selector}},\fa=\"b\"}"), "total" + form},
		"an escape of no language":    {custom(`orders_total{{{selector}},a="\d"}`), `total has a matcher of a whose value "\d" has an escape that PromQL does not know; write \\ for a backslash`},
		"an octal escape cut off":     {custom(`orders_total{{{selector}},a="\0"}`), `total has a matcher of a whose value "\0" has an escape that PromQL does not know; write \\ for a backslash`},
		"a byte as it is":             {custom("orders_total{{{selector}},a=\"\xff\"}"), "total has a matcher of a whose value \"\xff\" is not valid UTF-8; no label has such a value"},
		"a byte that is no text":      {custom(`orders_total{{{selector}},a="\xff"}`), `total has a matcher of a whose value "\xff" is not valid UTF-8; no label has such a value`},
		"a regex without end":         {custom(`orders_total{{{selector}},a=~"("}`), "total has a matcher of a whose regular expression \"(\" cannot be read (missing closing ): `(`); Prometheus takes those of RE2"},
		"a regex that looks around":   {custom(`orders_total{a!~"(?=b)",{{selector}}}`), "total has a matcher of a whose regular expression \"(?=b)\" cannot be read (invalid or unsupported Perl syntax: `(?=`); Prometheus takes those of RE2"},
		"a regex beyond its end":      {custom(`orders_total{a!~"b)(c",{{selector}}}`), "total has a matcher of a whose regular expression \"b)(c\" cannot be read (unexpected ): `b)(c`); Prometheus takes those of RE2"},
		"a bracket that is a value":   {custom(`orders_total{{{selector}},a="(",b=~"\\d+|\u00e9"}`), ""},
		"a number":                    {custom(`Inf{{{selector}}}`), "total begins with Inf, which PromQL reads as no name of a metric; name the counter otherwise"},
		"our label in a string":       {custom(`orders_total{{{selector}},a=" __name__="}`), ""},
		"too long":                    {custom(`orders_total{{{selector}},a="` + strings.Repeat("b", maxSelector) + `"}`), "total has 1055 bytes; at most 1024 are allowed"},
	}
	for name, c := range cases {
		t.Run(name, func(t *testing.T) {
			got := ""
			if err := c.indicator.Validate(); err != nil {
				got = err.Error()
			}
			if diff := cmp.Diff(c.want, got); diff != "" {
				t.Error(diff)
			}
		})
	}
}

func TestAThresholdMustBeAnEdge(t *testing.T) {
	cases := map[time.Duration]string{
		500 * time.Millisecond: "",
		500 * time.Microsecond: "",
		300 * time.Millisecond: "threshold 300ms is no edge of the mesh's histogram, so that nobody counted it; the nearest are 250ms and 500ms",
		time.Microsecond:       "threshold 1µs is no edge of the mesh's histogram, so that nobody counted it; the nearest are 500µs",
		2 * time.Hour:          "threshold 2h0m0s is no edge of the mesh's histogram, so that nobody counted it; the nearest are 1h0m0s",
	}
	for threshold, want := range cases {
		got := ""
		if err := Edge(threshold, Edges()); err != nil {
			got = err.Error()
		}
		if diff := cmp.Diff(want, got); diff != "" {
			t.Errorf("%s: %s", threshold, diff)
		}
	}
}
