package promfault

import (
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
)

// vector is an answer with four series, as Prometheus writes it.
const vector = `{"status":"success","data":{"resultType":"vector","result":[` +
	`{"metric":{"a":"1"},"value":[1.5,"1"]},{"metric":{"a":"2"},"value":[1.5,"2"]},{"metric":{"a":"3"},"value":[1.5,"3"]},{"metric":{"a":"4"},"value":[1.5,"4"]}]}}`

// prometheus answers what it is told to, and keeps the parameters it was asked with.
type prometheus struct {
	*httptest.Server

	answer string
	status int
	asked  chan url.Values
}

func newPrometheus(t *testing.T, answer string) *prometheus {
	t.Helper()
	p := &prometheus{answer: answer, status: http.StatusOK, asked: make(chan url.Values, 1000)}
	p.Server = httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if err := r.ParseForm(); err != nil {
			t.Error(err)
		}
		p.asked <- r.Form
		w.WriteHeader(p.status)
		fmt.Fprint(w, p.answer)
	}))
	t.Cleanup(p.Close)
	return p
}

func (p *prometheus) url(t *testing.T) *url.URL {
	t.Helper()
	u, err := url.Parse(p.URL)
	if err != nil {
		t.Fatal(err)
	}
	return u
}

// proxied is the address of a proxy in front of p.
func proxied(t *testing.T, p, replica *prometheus, s *Switches) string {
	t.Helper()
	server := httptest.NewServer(Handler(p.url(t), replica.url(t), s))
	t.Cleanup(server.Close)
	return server.URL
}

func set(t *testing.T, s *Switches, f Fault) {
	t.Helper()
	if err := s.Of("").Set(f); err != nil {
		t.Fatal(err)
	}
}

func get(t *testing.T, address string) string {
	t.Helper()
	r, err := http.Get(address)
	if err != nil {
		t.Fatal(err)
	}
	return body(t, r)
}

func body(t *testing.T, r *http.Response) string {
	t.Helper()
	defer r.Body.Close()
	data, err := io.ReadAll(r.Body)
	if err != nil {
		t.Fatal(err)
	}
	return string(data)
}

func TestWithoutAFaultAnAnswerPassesByteForByte(t *testing.T) {
	p := newPrometheus(t, vector)
	var s Switches
	address := proxied(t, p, p, &s)
	if got := get(t, address+"/api/v1/query?query=up&time=12.5"); got != vector {
		t.Errorf("got %s", got)
	}
	if asked := <-p.asked; asked.Get("time") != "12.5" || asked.Get("query") != "up" {
		t.Errorf("asked %v", asked)
	}
	set(t, &s, Fault{Omit: 2, Query: "istio"})
	if got := get(t, address+"/api/v1/query?query=up"); got != vector {
		t.Errorf("a question that the fault is not about got %s", got)
	}
	if got := get(t, address+"/api/v1/labels?query=istio"); got != vector {
		t.Errorf("what is no question got %s", got)
	}
	if n := s.Of("").State().Struck; n != 0 {
		t.Errorf("struck %d times, want 0", n)
	}
}

func TestEachNameHasAFaultOfItsOwn(t *testing.T) {
	p := newPrometheus(t, vector)
	var s Switches
	address := proxied(t, p, p, &s)
	if err := s.Of("shop").Set(Fault{Warnings: []string{"spoiled"}}); err != nil {
		t.Fatal(err)
	}
	for path, spoiled := range map[string]bool{"/shop": true, "": false, "/other": false} {
		if got := get(t, address+path+"/api/v1/query?query=up"); strings.Contains(got, "spoiled") != spoiled {
			t.Errorf("%q is answered %s", path, got)
		}
		if asked := <-p.asked; asked.Get("query") != "up" {
			t.Errorf("%q asks %v", path, asked)
		}
	}
	s.Clear()
	if got := get(t, address+"/shop/api/v1/query?query=up"); got != vector {
		t.Errorf("after the fault: %s", got)
	}
}

func TestAnAnswerIsPartial(t *testing.T) {
	const scalar = `{"status":"success","data":{"resultType":"scalar","result":[1.5,"1"]}}`
	cases := map[string]struct {
		fault        Fault
		answer, want string
		status       int
	}{
		"every second series is left out": {Fault{Omit: 2}, vector, `{"status":"success","data":{"resultType":"vector","result":[` +
			`{"metric":{"a":"1"},"value":[1.5,"1"]},{"metric":{"a":"3"},"value":[1.5,"3"]}]}}`, 200},
		"every third": {Fault{Omit: 3}, vector, `{"status":"success","data":{"resultType":"vector","result":[` +
			`{"metric":{"a":"1"},"value":[1.5,"1"]},{"metric":{"a":"2"},"value":[1.5,"2"]},{"metric":{"a":"4"},"value":[1.5,"4"]}]}}`, 200},
		"of a matrix too": {Fault{Omit: 2}, `{"status":"success","data":{"resultType":"matrix","result":[{"metric":{},"values":[]},{"metric":{},"values":[]}]}}`,
			`{"status":"success","data":{"resultType":"matrix","result":[{"metric":{},"values":[]}]}}`, 200},
		"an empty vector stays a list": {Fault{Omit: 2}, `{"status":"success","data":{"resultType":"vector","result":[]}}`,
			`{"status":"success","data":{"resultType":"vector","result":[]}}`, 200},
		"a scalar is no series": {Fault{Omit: 2}, scalar, scalar, 200},
		"warnings and infos": {Fault{Warnings: []string{"w"}, Infos: []string{"i"}}, scalar,
			`{"status":"success","data":{"resultType":"scalar","result":[1.5,"1"]},"warnings":["w"],"infos":["i"]}`, 200},
		"they come after Prometheus's own": {Fault{Warnings: []string{"w"}}, `{"status":"success","data":{"resultType":"scalar","result":[1,"1"]},"warnings":["own"]}`,
			`{"status":"success","data":{"resultType":"scalar","result":[1,"1"]},"warnings":["own","w"]}`, 200},
		"a refusal stays": {Fault{Omit: 2, Warnings: []string{"w"}}, `{"status":"error","errorType":"bad_data"}`, `{"status":"error","errorType":"bad_data"}`, 400},
	}
	for name, c := range cases {
		t.Run(name, func(t *testing.T) {
			p := newPrometheus(t, c.answer)
			p.status = c.status
			var s Switches
			set(t, &s, c.fault)
			r, err := http.Get(proxied(t, p, p, &s) + "/api/v1/query?query=up")
			if err != nil {
				t.Fatal(err)
			}
			text := body(t, r)
			var got, want any
			if err := json.Unmarshal([]byte(text), &got); err != nil {
				t.Fatalf("%v: %s", err, text)
			}
			if err := json.Unmarshal([]byte(c.want), &want); err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(want, got); diff != "" || r.StatusCode != c.status {
				t.Errorf("status %d, answer (-want +got):\n%s", r.StatusCode, diff)
			}
		})
	}
}

func TestAQuestionIsMovedIntoThePast(t *testing.T) {
	cases := map[string]struct {
		path, body string
		want       map[string]string
	}{
		"seconds":  {"/api/v1/query?query=up&time=1000.25", "", map[string]string{"time": "970.250"}},
		"RFC 3339": {"/api/v1/query?query=up&time=1970-01-01T00:16:40.5Z", "", map[string]string{"time": "970.500"}},
		"a form":   {"/api/v1/query", "query=up&time=1000", map[string]string{"time": "970.000", "query": "up"}},
		"a range":  {"/api/v1/query_range?query=up&start=100&end=200&step=15", "", map[string]string{"start": "70.000", "end": "170.000", "step": "15"}},
		"a form about a range": {"/api/v1/query_range", "query=up&start=100&end=200&step=15",
			map[string]string{"start": "70.000", "end": "170.000", "step": "15"}},
	}
	for name, c := range cases {
		t.Run(name, func(t *testing.T) {
			p := newPrometheus(t, vector)
			var s Switches
			set(t, &s, Fault{Ago: 30 * time.Second})
			address := proxied(t, p, p, &s) + c.path
			if c.body == "" {
				get(t, address)
			} else {
				r, err := http.Post(address, "application/x-www-form-urlencoded", strings.NewReader(c.body))
				if err != nil {
					t.Fatal(err)
				}
				body(t, r)
			}
			asked := <-p.asked
			for name, want := range c.want {
				if got := asked[name]; len(got) != 1 || got[0] != want {
					t.Errorf("%s is %q, want once %q", name, got, want)
				}
			}
		})
	}
	t.Run("no time is now", func(t *testing.T) {
		p := newPrometheus(t, vector)
		var s Switches
		set(t, &s, Fault{Ago: time.Hour})
		before := time.Now().Add(-time.Hour).Truncate(time.Millisecond)
		r, err := http.PostForm(proxied(t, p, p, &s)+"/api/v1/query", url.Values{"query": {"up"}})
		if err != nil {
			t.Fatal(err)
		}
		body(t, r)
		asked := <-p.asked
		got, ok := parseTime(asked.Get("time"))
		if after := time.Now().Add(-time.Hour); !ok || got.Before(before) || got.After(after) || asked.Get("query") != "up" {
			t.Errorf("asked %v, want a time from %v to %v", asked, before, after)
		}
	})
}

func TestTheLastMomentsAreAnsweredAsOfEarlierUnderTheTimeAskedFor(t *testing.T) {
	p := newPrometheus(t, vector)
	var s Switches
	set(t, &s, Fault{Behind: time.Minute})
	address := proxied(t, p, p, &s) + "/api/v1/query?query=up&time="
	now := time.Now()
	got := get(t, address+formatTime(now))
	asked, ok := parseTime((<-p.asked).Get("time"))
	if earliest, latest := now.Add(-time.Minute-time.Millisecond), time.Now().Add(-time.Minute); !ok || asked.Before(earliest) || asked.After(latest) {
		t.Errorf("asked about %s, want a minute ago", asked)
	}
	if want := `{"metric":{"a":"4"},"value":[` + formatTime(now) + `,"4"]}`; !strings.Contains(got, want) {
		t.Errorf("answered %s, want %s in it", got, want)
	}
	early := formatTime(now.Add(-2 * time.Minute))
	if got := get(t, address+early); got != vector {
		t.Errorf("about what is longer ago: %s", got)
	}
	if asked := <-p.asked; asked.Get("time") != early {
		t.Errorf("asked about %s, want %s", asked.Get("time"), early)
	}
}

func TestAnAnswerIsHeldBackUntilTheFaultIsOver(t *testing.T) {
	ends := map[string]func(*Switches) error{
		"cleared":  func(s *Switches) error { s.Clear(); return nil },
		"replaced": func(s *Switches) error { return s.Of("").Set(Fault{Omit: 2}) },
	}
	for name, end := range ends {
		t.Run(name, func(t *testing.T) {
			p := newPrometheus(t, vector)
			var s Switches
			set(t, &s, Fault{Delay: time.Hour})
			address := proxied(t, p, p, &s)
			answered := make(chan string, 1)
			go func() {
				r, err := http.Get(address + "/api/v1/query?query=up")
				if err != nil {
					answered <- err.Error()
					return
				}
				defer r.Body.Close()
				data, err := io.ReadAll(r.Body)
				answered <- string(data) + fmt.Sprint(err)
			}()
			<-p.asked
			select {
			case got := <-answered:
				t.Fatalf("answered at once: %s", got)
			default:
			}
			if err := end(&s); err != nil {
				t.Fatal(err)
			}
			if got := <-answered; got != vector+"<nil>" {
				t.Errorf("got %s", got)
			}
		})
	}
	t.Run("its time is over", func(t *testing.T) {
		p := newPrometheus(t, vector)
		var s Switches
		set(t, &s, Fault{Delay: time.Hour, For: 50 * time.Millisecond})
		if got := get(t, proxied(t, p, p, &s)+"/api/v1/query?query=up"); got != vector {
			t.Errorf("got %s", got)
		}
	})
	t.Run("its own time", func(t *testing.T) {
		p := newPrometheus(t, vector)
		var s Switches
		set(t, &s, Fault{Delay: 20 * time.Millisecond})
		begun := time.Now()
		get(t, proxied(t, p, p, &s)+"/api/v1/query?query=up")
		if took := time.Since(begun); took < 20*time.Millisecond {
			t.Errorf("answered after %s", took)
		}
		if st := s.Of("").State(); st.Struck != 1 || !st.Active {
			t.Errorf("state %+v, want active and struck once", st)
		}
	})
}

func TestOneOfTwoReplicasAnswers(t *testing.T) {
	one, two := newPrometheus(t, "one"), newPrometheus(t, "two")
	var s Switches
	address := proxied(t, one, two, &s) + "/api/v1/query?query=up"
	count := func() map[string]int {
		seen := map[string]int{}
		for range 64 {
			seen[get(t, address)]++
		}
		return seen
	}
	if seen := count(); seen["one"] != 64 {
		t.Errorf("without a fault %v answered", seen)
	}
	set(t, &s, Fault{Replicas: true})
	if seen := count(); seen["one"] == 0 || seen["two"] == 0 || seen["one"]+seen["two"] != 64 {
		t.Errorf("%v answered, want both", seen)
	}
}

func TestAFaultThatCanDoNothingIsRefused(t *testing.T) {
	for _, f := range []Fault{{}, {For: time.Second}, {Delay: -1}, {Omit: 1}, {Omit: -2}, {Query: "up"}, {Ahead: 1, Ago: 1}, {Ahead: 1, Behind: 1}} {
		var s Switches
		if err := s.Of("").Set(f); err == nil {
			t.Errorf("%+v was taken", f)
		}
		if s.Of("").State().Active {
			t.Errorf("%+v is in force", f)
		}
	}
}
