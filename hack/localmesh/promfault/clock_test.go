package promfault

import (
	"net/http"
	"net/url"
	"strings"
	"testing"
	"time"
)

func TestAPrometheusWhoseClockIsAheadAnswersByItsClock(t *testing.T) {
	for name, c := range map[string]struct {
		ahead          time.Duration
		path, answer   string
		asked          url.Values
		query, written string // of the question, as Prometheus gets it
		want           string
	}{
		"ahead, a vector": {
			ahead: 30 * time.Second, path: "/api/v1/query", asked: url.Values{"time": {"1000.25"}}, query: "time() - timestamp(up)",
			written: "970.250 (time() + 30.000) - (timestamp(up) + 30.000)",
			answer:  `{"status":"success","data":{"resultType":"vector","result":[{"metric":{"a":"1"},"value":[970.25,"1"]}]}}`,
			want:    `{"data":{"result":[{"metric":{"a":"1"},"value":[1000.250,"1"]}],"resultType":"vector"},"status":"success"}`,
		},
		"behind, a matrix": {
			ahead: -30 * time.Second, path: "/api/v1/query_range", asked: url.Values{"start": {"100"}, "end": {"200"}}, query: "up",
			written: "130.000 230.000 up",
			answer: `{"status":"success","data":{"resultType":"matrix","result":[{"metric":{},"values":[[130,"1"],[145.5,"2"]],` +
				`"histograms":[[130,{"count":"1"}]]}]}}`,
			want: `{"data":{"result":[{"histograms":[[100.000,{"count":"1"}]],"metric":{},"values":[[100.000,"1"],[115.500,"2"]]}],` +
				`"resultType":"matrix"},"status":"success"}`,
		},
		"its present": {
			ahead: time.Minute, path: "/api/v1/query", query: "up", written: "up",
			answer: `{"status":"success","data":{"resultType":"scalar","result":[940,"1"]}}`,
			want:   `{"data":{"result":[1000.000,"1"],"resultType":"scalar"},"status":"success"}`,
		},
	} {
		for how, ask := range map[string]func(address string, v url.Values) (*http.Response, error){
			"in the path": func(address string, v url.Values) (*http.Response, error) {
				return http.Get(address + "?" + v.Encode())
			},
			"by a form": http.PostForm,
		} {
			t.Run(name+", "+how, func(t *testing.T) {
				p := newPrometheus(t, c.answer)
				var s Switches
				set(t, &s, Fault{Ahead: c.ahead})
				v := url.Values{"query": {c.query}}
				for key, values := range c.asked {
					v[key] = values
				}
				before := time.Now().Add(c.ahead).Add(-time.Second)
				r, err := ask(proxied(t, p, p, &s)+c.path, v)
				if err != nil {
					t.Fatal(err)
				}
				if got := body(t, r); got != c.want {
					t.Errorf("answered\n%s\nwant\n%s", got, c.want)
				}
				if date, err := http.ParseTime(r.Header.Get("Date")); err != nil || date.Before(before.Truncate(time.Second)) ||
					date.After(time.Now().Add(c.ahead)) {
					t.Errorf("it says that it is %s, %v", date, err)
				}
				asked := <-p.asked
				var got []string
				for _, name := range []string{"time", "start", "end", "query"} {
					got = append(got, asked[name]...)
				}
				if got := strings.Join(got, " "); got != c.written {
					t.Errorf("asked %q, want %q", got, c.written)
				}
			})
		}
	}
}

func TestWhatAQueryReadsOfTheClockIsAhead(t *testing.T) {
	for query, want := range map[string]string{
		"up":                                  "up",
		"time()":                              "(time() + 2.500)",
		"time ( )":                            "(time ( ) + 2.500)",
		`up{a="time()"} or 'timestamp(x)'`:    `up{a="time()"} or 'timestamp(x)'`,
		`up{a="\"time()"}`:                    `up{a="\"time()"}`,
		"time_total + last_time()":            "time_total + last_time()",
		"sum by (time) (up)":                  "sum by (time) (up)",
		"max(timestamp(up{a=\")\"}) > 1)":     "max((timestamp(up{a=\")\"}) + 2.500) > 1)",
		"timestamp(vector(time()))":           "(timestamp(vector((time() + 2.500))) + 2.500)",
		"up # time()\nand time()":             "up # time()\nand (time() + 2.500)",
		"timestamp":                           "timestamp",
		"timestamp(up":                        "timestamp(up",
		"max_over_time(timestamp(up)[1m:5s])": "max_over_time((timestamp(up) + 2.500)[1m:5s])",
	} {
		if got := byItsClock(query, 2500*time.Millisecond); got != want {
			t.Errorf("%s is written\n%s\nwant\n%s", query, got, want)
		}
	}
	if got := byItsClock("time()", -time.Second); got != "(time() + -1.000)" {
		t.Errorf("behind it is written %s", got)
	}
}
