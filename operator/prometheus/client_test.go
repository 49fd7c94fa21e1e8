package prometheus

import (
	"errors"
	"fmt"
	"math"
	"net/http"
	"net/http/httptest"
	"net/url"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"
	"github.com/prometheus/common/config"
	"github.com/prometheus/common/model"
)

var noon = time.Date(2026, 3, 2, 12, 0, 0, 0, time.UTC)

// server is a Prometheus that gives one answer and remembers what it was asked.
type server struct {
	*httptest.Server
	mu      sync.Mutex
	methods []string
	form    url.Values
	header  http.Header
}

func newServer(t *testing.T, answer http.HandlerFunc) *server {
	s := &server{}
	s.Server = httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if err := r.ParseForm(); err != nil {
			t.Error(err)
		}
		s.mu.Lock()
		s.methods, s.form, s.header = append(s.methods, r.Method+" "+r.URL.Path), r.PostForm, r.Header
		s.mu.Unlock()
		answer(w, r)
	}))
	t.Cleanup(s.Close)
	return s
}

func (s *server) asked() []string {
	s.mu.Lock()
	defer s.mu.Unlock()
	return append([]string(nil), s.methods...)
}

func source(t *testing.T, c Config) *Client {
	t.Helper()
	s, err := New(c)
	if err != nil {
		t.Fatal(err)
	}
	return s
}

func says(status int, body string) http.HandlerFunc {
	return func(w http.ResponseWriter, _ *http.Request) {
		w.WriteHeader(status)
		fmt.Fprint(w, body)
	}
}

func vector(series ...string) string {
	return `{"status":"success","data":{"resultType":"vector","result":[` + strings.Join(series, ",") + `]}}`
}

func number(value string) string {
	return fmt.Sprintf(`{"metric":{"code":"200"},"value":[%d,%q]}`, noon.Unix(), value)
}

func noted(field, text string) string {
	return strings.Replace(vector(number("7")), `"status"`, fmt.Sprintf(`%q:[%s],"status"`, field, text), 1)
}

func TestVectorsAreAnswersWhateverTheirNumbersAre(t *testing.T) {
	cases := map[string]struct {
		body string
		want model.Vector
	}{
		"a number":                          {vector(number("7")), model.Vector{sample(7)}},
		"not a number, for counting to see": {vector(number("NaN")), model.Vector{sample(model.SampleValue(math.NaN()))}},
		"infinity, for counting to see":     {vector(number("+Inf")), model.Vector{sample(model.SampleValue(math.Inf(1)))}},
		"no series":                         {vector(), model.Vector{}},
		"a remark on the form of the query": {noted("infos", `"PromQL info: metric might not be a counter"`), model.Vector{sample(7)}},
	}
	for name, c := range cases {
		t.Run(name, func(t *testing.T) {
			s := newServer(t, says(http.StatusOK, c.body))
			got, err := source(t, Config{Address: s.URL}).Query(t.Context(), "up", noon)
			if err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(c.want, got, cmpopts.EquateNaNs()); diff != "" {
				t.Errorf("(-want +got):\n%s", diff)
			}
		})
	}
}

func sample(v model.SampleValue) *model.Sample {
	return &model.Sample{Metric: model.Metric{"code": "200"}, Value: v, Timestamp: model.TimeFromUnix(noon.Unix())}
}

func TestWithoutAUsableAnswerPrometheusIsUnreachable(t *testing.T) {
	page := "<html>" + strings.Repeat("x", 2000) + "</html>"
	long := strings.Repeat("y", 5000)
	cases := map[string]struct {
		status     int
		body       string
		wantStatus int
		want       string
	}{
		"wrong credentials":                    {401, "Unauthorized", 401, "HTTP status 401 Unauthorized"},
		"no right to ask":                      {403, "RBAC: access denied", 403, "HTTP status 403 Forbidden"},
		"no asking by POST":                    {405, "", 405, "HTTP status 405 Method Not Allowed"},
		"a wrong path":                         {404, page, 404, "HTTP status 404 Not Found"},
		"an error of the server":               {500, page, 500, "HTTP status 500 Internal Server Error"},
		"an error page larger than answers":    {502, strings.Repeat("z", 8000), 502, "HTTP status 502 Bad Gateway"},
		"a query that takes Prometheus long":   {503, `{"status":"error","errorType":"timeout","error":"query timed out"}`, 503, "HTTP status 503 Service Unavailable: query timed out"},
		"a query Prometheus does not take":     {400, `{"status":"error","errorType":"bad_data","error":"` + long + `"}`, 400, "HTTP status 400 Bad Request: " + long[:mostRunes] + "…"},
		"a query that cannot be executed":      {422, `{"status":"error","errorType":"execution","error":"too many samples"}`, 422, "HTTP status 422 Unprocessable Entity: too many samples"},
		"a bad status with a good answer":      {500, vector(number("7")), 500, "HTTP status 500 Internal Server Error"},
		"an error with a good status":          {200, `{"status":"error","errorType":"internal","error":"out of order"}`, 0, "internal: out of order"},
		"garbage":                              {200, "<html>", 0, "bad_response: invalid character '<' looking for beginning of value"},
		"half an answer":                       {200, vector(number("7"))[:60], 0, "bad_response: unexpected end of JSON input"},
		"nothing":                              {200, "", 0, "bad_response: unexpected end of JSON input"},
		"no content":                           {204, "", 0, "bad_response: unexpected end of JSON input"},
		"an answer without data":               {200, `{"status":"success"}`, 0, "the answer is no vector but nothing"},
		"JSON of something else":               {200, `{"ok":true}`, 0, "the answer is no vector but nothing"},
		"a matrix":                             {200, `{"status":"success","data":{"resultType":"matrix","result":[]}}`, 0, "the answer is no vector but a matrix"},
		"a scalar":                             {200, `{"status":"success","data":{"resultType":"scalar","result":[1,"2"]}}`, 0, "the answer is no vector but a scalar"},
		"a kind of answer that does not exist": {200, `{"status":"success","data":{"resultType":"tensor","result":[]}}`, 0, `bad_response: unknown value type "tensor"`},
	}
	for name, c := range cases {
		t.Run(name, func(t *testing.T) {
			s := newServer(t, says(c.status, c.body))
			v, err := source(t, Config{Address: s.URL, MaxAnswer: 6000}).Query(t.Context(), "up", noon)
			u, ok := errors.AsType[*Unreachable](err)
			if !ok || v != nil {
				t.Fatalf("got %v, %v; want no answer and an Unreachable", v, err)
			}
			if got := strings.TrimPrefix(u.Error(), s.URL+": "); got != c.want || u.Status != c.wantStatus {
				t.Errorf("got  %q, status %d\nwant %q, status %d", got, u.Status, c.want, c.wantStatus)
			}
			if diff := cmp.Diff([]string{"POST /api/v1/query"}, s.asked()); diff != "" {
				t.Errorf("questions (-want +got):\n%s", diff)
			}
		})
	}
}

func TestDoubtfulAnswersAreNoEvidence(t *testing.T) {
	cases := map[string]struct {
		body string
		want []string
	}{
		"a warning":                              {noted("warnings", `"some stores did not answer"`), []string{"some stores did not answer"}},
		"warnings, in an order that stays":       {noted("warnings", `"c","a","b","a"`), []string{"a", "b", "c"}},
		"many warnings":                          {noted("warnings", `"1","2","3","4","5","6","7"`), []string{"1", "2", "3", "4", "5", "and 2 more"}},
		"an info that is no remark on the query": {noted("infos", `"results truncated due to limit"`), []string{"results truncated due to limit"}},
		"a warning beside no series":             {`{"status":"success","warnings":["gone"],"data":{"resultType":"vector","result":[]}}`, []string{"gone"}},
		"a huge answer":                          {vector(strings.Repeat(number("7")+",", 200) + number("7")), []string{"it has more than 6000 bytes"}},
		"a histogram": {
			vector(fmt.Sprintf(`{"metric":{"code":"200"},"histogram":[%d,{"count":"3","sum":"9","buckets":[]}]}`, noon.Unix())),
			[]string{`the series {code="200"} is a histogram where a number was asked for`},
		},
		"a series that is nothing": {vector("null"), []string{"a series of it is null"}},
		"a series without a value": {vector("{}"), []string{"the answer is about a time 492348h0m0s away from the one that was asked for"}},
		"an answer about an earlier time": {
			vector(fmt.Sprintf(`{"metric":{},"value":[%d,"7"]}`, noon.Unix()-5)),
			[]string{"the answer is about a time 5s away from the one that was asked for"},
		},
	}
	for name, c := range cases {
		t.Run(name, func(t *testing.T) {
			s := newServer(t, says(http.StatusOK, c.body))
			v, err := source(t, Config{Address: s.URL, MaxAnswer: 6000}).Query(t.Context(), "up", noon)
			p, ok := errors.AsType[*Partial](err)
			if !ok {
				t.Fatalf("got %v, %v; want a Partial", v, err)
			}
			if diff := cmp.Diff(c.want, p.Incomplete()); diff != "" {
				t.Errorf("(-want +got):\n%s", diff)
			}
		})
	}
}

func TestEachWayOfAdmittingThatAnAnswerIsNotWholeIsUnderstood(t *testing.T) {
	whole := vector(number("7"))
	cases := map[string]struct {
		serve http.HandlerFunc
		want  []string
	}{
		"in the body":   {says(http.StatusOK, strings.Replace(whole, "{", `{"isPartial":true,`, 1)), []string{"it says of itself that it is partial (isPartial)"}},
		"by the status": {says(http.StatusPartialContent, whole), []string{"it has the HTTP status 206 Partial Content"}},
		"by a header": {func(w http.ResponseWriter, r *http.Request) {
			w.Header().Set("M3-Results-Limited", "max_fetch_series_limit_applied")
			says(http.StatusOK, whole)(w, r)
		}, []string{"it has the header M3-Results-Limited: max_fetch_series_limit_applied"}},
		"not at all": {says(http.StatusOK, strings.Replace(whole, "{", `{"isPartial":false,`, 1)), nil},
	}
	for name, c := range cases {
		t.Run(name, func(t *testing.T) {
			s := newServer(t, c.serve)
			v, err := source(t, Config{Address: s.URL}).Query(t.Context(), "up", noon)
			p, ok := errors.AsType[*Partial](err)
			if ok != (c.want != nil) || !ok && err != nil {
				t.Fatalf("got %v, %v", v, err)
			}
			if ok {
				if diff := cmp.Diff(c.want, p.Incomplete()); diff != "" {
					t.Errorf("(-want +got):\n%s", diff)
				}
			}
		})
	}
}

func TestTheQuestionIsSentAsConfigured(t *testing.T) {
	s := newServer(t, says(http.StatusOK, vector()))
	c := Config{Address: s.URL + "/tenant/", Timeout: 3 * time.Second, HTTP: config.HTTPClientConfig{
		BasicAuth:   &config.BasicAuth{Username: "stagger", Password: "secret"},
		HTTPHeaders: &config.Headers{Headers: map[string]config.Header{"X-Scope-OrgID": {Values: []string{"shop"}}}},
	}}
	if _, err := source(t, c).Query(t.Context(), `up{job=~"a|b"}`, noon.Add(1500*time.Millisecond)); err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(url.Values{"query": {`up{job=~"a|b"}`}, "time": {"1772452801.5"}, "timeout": {"3s"}}, s.form); diff != "" {
		t.Errorf("form (-want +got):\n%s", diff)
	}
	if diff := cmp.Diff([]string{"POST /tenant/api/v1/query"}, s.asked()); diff != "" {
		t.Errorf("questions (-want +got):\n%s", diff)
	}
	user, password, _ := (&http.Request{Header: s.header}).BasicAuth()
	if got := []string{user, password, s.header.Get("X-Scope-OrgID"), s.header.Get("User-Agent")}; !cmp.Equal(got, []string{"stagger", "secret", "shop", "stagger"}) {
		t.Errorf("user, password, tenant and agent are %q", got)
	}
}

// A question without a time is about the present of who answers, whatever it is there, which the samples say.
func TestAQuestionWithoutATimeIsAboutTheirs(t *testing.T) {
	s := newServer(t, says(http.StatusOK, vector(number("1"))))
	v, err := source(t, Config{Address: s.URL}).Query(t.Context(), "vector(1)", time.Time{})
	if err != nil || len(v) != 1 || !v[0].Timestamp.Time().Equal(noon) {
		t.Errorf("got %v, %v", v, err)
	}
	if diff := cmp.Diff(url.Values{"query": {"vector(1)"}, "timeout": {"10s"}}, s.form); diff != "" {
		t.Errorf("form (-want +got):\n%s", diff)
	}
}

func TestWhatCannotBeConfiguredIsNamed(t *testing.T) {
	cases := map[string]struct {
		config Config
		want   string
	}{
		"no URL":          {Config{Address: "http://[::1"}, "reading the address of a Prometheus"},
		"no certificates": {Config{Address: "http://u:secret@prometheus:9090", HTTP: config.HTTPClientConfig{TLSConfig: config.TLSConfig{CAFile: "missing.pem"}}}, "http://u:xxxxx@prometheus:9090: unable to read CA cert: unable to read file missing.pem"},
	}
	for name, c := range cases {
		t.Run(name, func(t *testing.T) {
			if _, err := New(c.config); err == nil || !strings.Contains(err.Error(), c.want) {
				t.Errorf("got %v\nwant %s", err, c.want)
			}
		})
	}
}

func FuzzAnswersNeverSurprise(f *testing.F) {
	for _, seed := range []string{vector(number("7")), `{"status":"success","data":null}`, `{"data":{"resultType":"vector","result":[null]}}`, `[]`, `null`, `{"data":{"resultType":"vector","result":null}}`} {
		f.Add(200, seed)
		f.Add(503, seed)
	}
	var answer http.HandlerFunc // the inputs of one process come one after the other
	asked := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) { answer(w, r) }))
	f.Cleanup(asked.Close)
	from, err := New(Config{Address: asked.URL})
	if err != nil {
		f.Fatal(err)
	}
	f.Fuzz(func(t *testing.T, status int, body string) {
		if status < 200 || status > 599 {
			t.Skip("no status of an answer")
		}
		answer, from.instant.failed = says(status, body), 0
		v, err := from.Query(t.Context(), "up", noon)
		u, down := errors.AsType[*Unreachable](err)
		p, partial := errors.AsType[*Partial](err)
		if err != nil && !down && !partial || down && u.Error() == "" || partial && len(p.Incomplete()) == 0 {
			t.Errorf("an error of neither kind: %#v", err)
		}
		if status/100 != 2 && (!down || u.Status != status) {
			t.Errorf("status %d gave %v, %v", status, v, err)
		}
		if slices.Contains(v, nil) {
			t.Error("a series of the answer is nil")
		}
	})
}

func TestARangeIsAsked(t *testing.T) {
	matrix := func(series ...string) string {
		return `{"status":"success","data":{"resultType":"matrix","result":[` + strings.Join(series, ",") + `]}}`
	}
	one := fmt.Sprintf(`{"metric":{"code":"200"},"values":[[%d,"3"],[%d,"4"]]}`, noon.Unix(), noon.Unix()+60)
	s := newServer(t, says(http.StatusOK, matrix(one)))
	got, err := source(t, Config{Address: s.URL}).QueryRange(t.Context(), "x", noon, noon.Add(time.Minute), time.Minute)
	if err != nil {
		t.Fatal(err)
	}
	want := model.Matrix{{Metric: model.Metric{"code": "200"}, Values: []model.SamplePair{
		{Timestamp: model.TimeFromUnix(noon.Unix()), Value: 3}, {Timestamp: model.TimeFromUnix(noon.Unix() + 60), Value: 4}}}}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Error(diff)
	}
	if diff := cmp.Diff([]string{"POST /api/v1/query_range"}, s.asked()); diff != "" {
		t.Error(diff)
	}
	for body, reason := range map[string]string{
		vector(number("1")): "the answer is no matrix but a vector",
		`{"status":"success","warnings":["cut"],"data":{"resultType":"matrix","result":[]}}`: "cut",
		matrix(`null`): "a series of it is null",
		matrix(`{"metric":{},"histograms":[[1,{"count":"1","sum":"1"}]]}`): "is a histogram",
	} {
		s := newServer(t, says(http.StatusOK, body))
		got, err := source(t, Config{Address: s.URL}).QueryRange(t.Context(), "x", noon, noon, time.Minute)
		if err == nil || !strings.Contains(err.Error(), reason) || got != nil {
			t.Errorf("%v, error %v, want one with %q", got, err, reason)
		}
	}
}

func TestParametersAreAddedToEveryQuestion(t *testing.T) {
	asked := make(chan string, 1)
	s := newServer(t, func(w http.ResponseWriter, r *http.Request) {
		asked <- r.URL.Path + " " + r.URL.RawQuery
		says(http.StatusOK, vector(number("1")))(w, r)
	})
	thanos := source(t, Config{Address: s.URL, Parameters: map[string]string{"dedup": "true", "partial_response": "false"}})
	if _, err := thanos.Query(t.Context(), "x", noon); err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff("/api/v1/query dedup=true&partial_response=false", <-asked); diff != "" {
		t.Error(diff)
	}
	if s.form.Get("query") != "x" {
		t.Errorf("the question was sent as %v", s.form)
	}
}
