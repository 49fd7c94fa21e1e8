package promql

import (
	"bytes"
	"flag"
	"os"
	"path/filepath"
	"strconv"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"sigs.k8s.io/yaml"

	"github.com/stagger-dev/stagger/pkg/counting"
)

var update = flag.Bool("update", false, "write the golden files")

// fixtureHeader says how the file is used: the expressions run on Prometheus's own engine, which is not a dependency of this module.
const fixtureHeader = `# Generated: go test ./pkg/counting/promql -run Fixture -update
# Run on Prometheus's engine: promtool test rules pkg/counting/promql/testdata/counting.test.yml
`

type fixture struct {
	EvaluationInterval string     `json:"evaluation_interval"`
	Tests              []scenario `json:"tests"`
}

// scenario is one of promtool's tests. Samples come every five seconds, from second 0.
type scenario struct {
	Name     string   `json:"name"`
	Interval string   `json:"interval"`
	Series   []series `json:"input_series"`
	Asked    []asked  `json:"promql_expr_test"`
}

type series struct {
	Series string `json:"series"`
	Values string `json:"values"`
}

type asked struct {
	Expr string   `json:"expr"`
	At   string   `json:"eval_time"`
	Want []sample `json:"exp_samples"`
}

type sample struct {
	Labels string  `json:"labels"`
	Value  float64 `json:"value"`
}

// The arms, and the scope with the scrape interval of the fixture: Settle is 25 seconds.
var (
	shop  = counting.Service{Namespace: "shop", Name: "checkout"}
	scope = Scope{ScrapeInterval: 5 * time.Second}
)

func up(job, instance, values string) series {
	return series{Series: `up{job="` + job + `",instance="` + instance + `"}`, Values: values}
}

// requests is a counter of a proxy, the target instance of job.
func requests(job, instance string, arm counting.Service, code, flags, values string) series {
	return series{
		Series: `istio_requests_total{reporter="source",job="` + job + `",instance="` + instance + `",` + row(arm, code, flags) + `}`,
		Values: values,
	}
}

func row(arm counting.Service, code, flags string) string {
	return `destination_service_namespace=` + strconv.Quote(arm.Namespace) + `,destination_service_name=` + strconv.Quote(arm.Name) +
		`,response_code="` + code + `",response_flags="` + flags + `"`
}

func counted(arm counting.Service, code, flags string, value float64) sample {
	return sample{Labels: "{" + row(arm, code, flags) + "}", Value: value}
}

// facts are the rows of a Freshness, in the order of targets, fresh, newest, new; a negative value has no row, and what is left out neither.
func facts(arm counting.Service, values ...float64) []sample {
	var all []sample
	for i, name := range []string{factTargets, factFresh, factNewest, factNew}[:len(values)] {
		if value := values[i]; value >= 0 {
			all = append(all, sample{Value: value, Labels: `{fact="` + name + `",destination_service_namespace="` + arm.Namespace +
				`",destination_service_name="` + arm.Name + `"}`})
		}
	}
	return all
}

// asker writes the questions of one batch; an error fails the test.
type asker struct {
	t *testing.T
	b Batch
}

func newAsker(t *testing.T, s Scope, arms ...counting.Service) asker {
	t.Helper()
	return newIndicatorAsker(t, s, counting.Indicator{}, arms...)
}

func newIndicatorAsker(t *testing.T, s Scope, i counting.Indicator, arms ...counting.Service) asker {
	t.Helper()
	b, err := NewBatch(s, i, arms)
	if err != nil {
		t.Fatal(err)
	}
	return asker{t: t, b: b}
}

func (a asker) requests(at string, slice time.Duration, want ...sample) asked {
	return a.slice(at, slice, a.b.Increments, want)
}

func (a asker) fresh(at string, slice time.Duration, want ...sample) asked {
	return a.slice(at, slice, a.b.Freshness, want)
}

func (a asker) base(at string, slice time.Duration, want ...sample) asked {
	return a.slice(at, slice, a.b.Base, want)
}

func (a asker) slice(at string, slice time.Duration, question func(time.Duration) (string, error), want []sample) asked {
	a.t.Helper()
	expr, err := question(slice)
	if err != nil {
		a.t.Fatal(err)
	}
	return ask(expr, at, want...)
}

func ask(expr, at string, want ...sample) asked {
	if want == nil {
		want = []sample{}
	}
	return asked{Expr: expr, At: at, Want: want}
}

func TestTheFixtureForPrometheusHoldsTheExpressionsOfToday(t *testing.T) {
	all := fixture{EvaluationInterval: "5s"}
	for _, group := range []func(*testing.T) []scenario{births, gaps, holes, selections, freshness, complete, copies, settings, durations, customs, ofPods, ofRevisions, reporters} {
		for _, s := range group(t) {
			s.Interval = "5s"
			all.Tests = append(all.Tests, s)
		}
	}
	body, err := yaml.Marshal(all)
	if err != nil {
		t.Fatal(err)
	}
	got := append([]byte(fixtureHeader), body...)
	path := filepath.Join("testdata", "counting.test.yml")
	if *update {
		if err := os.WriteFile(path, got, 0o644); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	if !bytes.Equal(got, want) {
		t.Errorf("run the test with -update, and promtool on the result (-want +got):\n%s", cmp.Diff(string(want), string(got)))
	}
}
