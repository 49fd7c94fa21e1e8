package dashboard_test

import (
	"encoding/json"
	"fmt"
	"net/http"
	"net/http/httptest"
	"regexp"
	"strconv"
	"strings"
	"sync"
	"testing"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/stagger-dev/stagger/operator/kubectl/clitest"
	"github.com/stagger-dev/stagger/pkg/apis/stagger/v1alpha1"
	"github.com/stagger-dev/stagger/pkg/view"
)

// ended is a release that was taken back a minute ago, after two weights.
func ended(s *v1alpha1.TrafficShift) {
	clitest.Aborted(s)
	r := s.Status.Release
	decided := metav1.NewMicroTime(clitest.Now.Add(-65e9))
	r.Moves, r.Weight, r.LiveWeight, r.Outcome.DecidedAt = 2, "0%", "", &decided
	r.Plan.Objectives = []v1alpha1.Objective{{Name: "availability", Indicator: v1alpha1.IndicatorRequests, Target: "99%"}}
}

// prom is a Prometheus that knows of a release, or fails while it is told to.
type prom struct {
	mu    sync.Mutex
	fails bool
	asked []string
}

func (p *prom) failing(yes bool) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.fails = yes
}

// ServeHTTP answers every step alike: ten requests of the stable and ten of the canary, of which five are bad. Of the third nothing is known.
func (p *prom) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.asked = append(p.asked, r.FormValue("query"))
	if p.fails {
		http.Error(w, `{"status":"error","errorType":"internal","error":"out of disk"}`, http.StatusInternalServerError)
		return
	}
	if strings.HasSuffix(r.URL.Path, "/query") {
		fmt.Fprintf(w, `{"status":"success","data":{"resultType":"vector","result":[{"metric":{"destination_service_namespace":"shop","destination_service_name":"checkout"},"value":[%s,"5"]}]}}`,
			r.FormValue("time"))
		return
	}
	number := func(name string) float64 {
		n, err := strconv.ParseFloat(r.FormValue(name), 64)
		if err != nil {
			http.Error(w, err.Error(), http.StatusBadRequest)
		}
		return n
	}
	first, last, step := number("start"), number("end"), number("step")
	series := func(labels, value string) string {
		var samples []string
		for i := 0; first+float64(i)*step <= last; i++ {
			if i != 2 || !strings.Contains(labels, "fresh") {
				samples = append(samples, fmt.Sprintf(`[%f,%q]`, first+float64(i)*step, value))
			}
		}
		return fmt.Sprintf(`{"metric":{%s},"values":[%s]}`, labels, strings.Join(samples, ","))
	}
	arm := func(name string) string {
		return `"destination_service_namespace":"shop","destination_service_name":"` + name + `"`
	}
	var all []string
	switch query := r.FormValue("query"); {
	case strings.Contains(query, "newest"):
		all = []string{series(arm("checkout")+`,"fact":"targets"`, "1"), series(arm("checkout")+`,"fact":"fresh"`, "1")}
	case strings.HasPrefix(query, "count("):
		all = []string{series("", "1")}
	default:
		ends := func(name, code, n string) string {
			return series(arm(name)+`,"request_protocol":"http","response_code":"`+code+`","response_flags":"-","grpc_response_status":""`, n)
		}
		all = []string{ends("checkout", "200", "10"), ends("checkout-canary", "200", "5"), ends("checkout-canary", "500", "5")}
	}
	fmt.Fprintf(w, `{"status":"success","data":{"resultType":"matrix","result":[%s]}}`, strings.Join(all, ","))
}

// plotsOf waits for plots that contain all texts.
func plotsOf(t *testing.T, events <-chan told, texts ...string) view.Plots {
	t.Helper()
	var p view.Plots
	if err := json.Unmarshal([]byte(until(t, events, "plots", texts...)), &p); err != nil {
		t.Fatal(err)
	}
	return p
}

// A release that had ended before the dashboard was started is drawn by its record, and by what a Prometheus tells of it.
func TestWhoComesLateSeesWhatHappened(t *testing.T) {
	d := serve(t, clitest.NewServer(t, clitest.As(clitest.Shift("shop", "checkout"), ended)))
	p := plotsOf(t, d.follow("/api/stream/shop/checkout"), "From the record of the release")
	if !strings.HasSuffix(p.Note, "start the dashboard with --prometheus and the address of the mesh's Prometheus.") || len(p.Samples) != 1 || p.Unseen != "only weights are recorded" {
		t.Errorf("without a Prometheus: %d samples, %q", len(p.Samples), p.Note)
	}

	source := &prom{}
	web := httptest.NewServer(source)
	defer web.Close()
	d = serve(t, clitest.NewServer(t, clitest.As(clitest.Shift("shop", "checkout"), ended)), "--prometheus", strings.TrimPrefix(web.URL, "http://"))
	p = plotsOf(t, d.follow("/api/stream/shop/checkout"), "What was before that is from Prometheus at "+web.URL+": the counts of each 5s")
	canary := p.Objectives[0].Share.Lines[1]
	var shares []float64
	for _, v := range canary.Values[p.First:] {
		if v == nil {
			shares = append(shares, -1)
			continue
		}
		shares = append(shares, *v)
	}
	// 40 s from the first weight to the end are seven whole steps of 5 s before it.
	if len(shares) != 9 || shares[0] != 50 || shares[2] != -1 || shares[3] != 50 || p.Samples[2].Shares[0] != "no counts are known of this time" {
		t.Errorf("the canary's share is %v; %+v", shares, p.Samples)
	}
	if p.Samples[0].Weight != "wanted 1%, live 50.0%" || p.Samples[6].Weight != "wanted 0%, live 50.0%" {
		t.Errorf("in words: %+v", p.Samples)
	}
	source.mu.Lock()
	defer source.mu.Unlock()
	if len(source.asked) != 4 {
		t.Errorf("it was asked %d times", len(source.asked))
	}
}

// A Prometheus that does not answer is told of, and the record is shown all the same.
func TestAPrometheusThatTellsNothingIsToldOf(t *testing.T) {
	source := &prom{}
	source.failing(true)
	web := httptest.NewServer(source)
	defer web.Close()
	d := serve(t, clitest.NewServer(t, clitest.As(clitest.Shift("shop", "checkout"), ended)), "--prometheus", web.URL)
	p := plotsOf(t, d.follow("/api/stream/shop/checkout"), "does not tell the counts of that time", "out of disk", "it is asked again in 30s.")
	if !strings.HasPrefix(p.Note, "From the record of the release") || len(p.Samples) != 1 {
		t.Errorf("shown are %d samples, and %q", len(p.Samples), p.Note)
	}
}

// The page has what can be typed, what Prometheus is asked, and the report as the verb writes it.
func TestThePageHasWhatIsToBeCopied(t *testing.T) {
	server := clitest.NewServer(t, clitest.As(clitest.Shift("shop", "checkout"), func(s *v1alpha1.TrafficShift) {
		ended(s)
		s.Status.History = append(s.Status.History, v1alpha1.PastRelease{Number: 1, Revision: "1", Outcome: v1alpha1.StatePromoted, Reason: v1alpha1.ReasonPromoted})
	}))
	d := serve(t, server)
	d.listed("checkout")
	var page view.ServicePage
	if err := json.Unmarshal([]byte(d.text(d.ask(http.MethodGet, "/api/service/shop/checkout", "", nil))), &page); err != nil {
		t.Fatal(err)
	}
	lines := map[string]string{}
	for _, c := range page.Commands {
		lines[c.Text] = c.Line
	}
	for text, verb := range map[string]string{"Retry": "retry", "Undo": "undo", "Pause": "pause", "Tell why": "why", "Write the report": "report"} {
		if want := "kubectl stagger " + verb + " checkout -n shop --kubeconfig "; !strings.HasPrefix(lines[text], want) || !strings.HasSuffix(lines[text], " --context c") {
			t.Errorf("%s is %q", text, lines[text])
		}
	}
	if lines["Abort"] != "" {
		t.Errorf("of what has ended: %q", lines["Abort"])
	}
	if len(page.Queries) != 2 || !strings.Contains(page.Queries[0].Text, "increase(istio_requests_total") || !strings.Contains(page.Queries[1].Title, "availability") ||
		!strings.Contains(page.Queries[1].Text, `destination_service_name=~"checkout|checkout-canary"`) || !strings.Contains(page.Queries[1].Text, "offset 5s") {
		t.Errorf("the queries are %+v", page.Queries)
	}

	address := regexp.MustCompile(`http://127\.0\.0\.1:\d+`) // each kubeconfig has an address of its own
	for asked, typed := range map[string][]string{"?as=markdown": nil, "?as=json": {"-o", "json"}, "?number=7&as=json": {"7", "-o", "json"}, "?number=1": {"1"}} {
		_, want, _ := clitest.Run(t, server.Kubeconfig(), append([]string{"report", "checkout"}, typed...)...)
		response := d.ask(http.MethodGet, "/api/report/shop/checkout"+asked, "", nil)
		if got := d.text(response); response.StatusCode != http.StatusOK || address.ReplaceAllString(got, "") != address.ReplaceAllString(strings.TrimSpace(want), "") {
			t.Errorf("%s for %s:\n%s\nwant\n%s", response.Status, asked, got, want)
		}
	}
	for asked, want := range map[string]int{"?number=99": http.StatusNotFound, "?number=-1": http.StatusBadRequest, "?number=six": http.StatusBadRequest} {
		if response := d.ask(http.MethodGet, "/api/report/shop/checkout"+asked, "", nil); response.StatusCode != want {
			t.Errorf("%s for %s", response.Status, asked)
		}
	}
	if response := d.ask(http.MethodGet, "/api/report/shop/cart", "", nil); response.StatusCode != http.StatusNotFound {
		t.Errorf("the report of nothing: %s", response.Status)
	}
	if response := d.ask(http.MethodGet, "/api/report/shop/checkout", "", func(r *http.Request) { r.Header.Del("Stagger-Token") }); response.StatusCode != http.StatusUnauthorized {
		t.Errorf("the report without the token: %s", response.Status)
	}
}
