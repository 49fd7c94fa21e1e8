package load

import (
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"
)

// lines reads a record and fails the test where it has a hole.
func lines(t *testing.T, record *bytes.Buffer) []Second {
	t.Helper()
	var out []Second
	for sc := bufio.NewScanner(record); sc.Scan(); {
		var s Second
		if err := json.Unmarshal(sc.Bytes(), &s); err != nil {
			t.Fatalf("line %q: %v", sc.Text(), err)
		}
		if n := len(out); n > 0 && s.T != out[n-1].T+1 {
			t.Errorf("second %d follows second %d", s.T, out[n-1].T)
		}
		out = append(out, s)
	}
	return out
}

func TestRecordCountsEachRequestOnceInTheSecondItEnded(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var record bytes.Buffer
		r := newRecorder(&record, time.Now)
		begun := time.Now().Unix()
		r.sent("")
		r.sent("")
		r.dropped("")
		r.done("", result{code: 200, version: "1", revision: "a", latency: 2 * time.Millisecond})
		time.Sleep(2 * time.Second)
		r.done("", result{code: 503, latency: time.Millisecond})
		r.sent("")
		r.done("", result{code: 500, version: "2", revision: "b", latency: 3 * time.Millisecond})
		r.sent("")
		r.done("", result{code: 404, version: "2", revision: "b", latency: 3 * time.Millisecond})
		r.sent("")
		r.done("", result{resent: 1})
		sum, err := r.close()
		if err != nil {
			t.Fatal(err)
		}
		want := []Second{
			{T: begun, Counts: Counts{
				Sent: 2, Dropped: 1, OK: 1, ByCode: map[string]int{"200": 1}, P50: 2, P95: 2, Max: 2,
				ByVersion: map[string]Arm{"1": {OK: 1}}, ByRevision: map[string]Arm{"a": {OK: 1}},
			}},
			{T: begun + 1, Counts: newCounts()},
			{T: begun + 2, Counts: Counts{
				Sent: 3, Failed: 4, NoUpstream: 1, NoAnswer: 1, Resent: 1, ByCode: map[string]int{"0": 1, "404": 1, "500": 1, "503": 1}, P50: 3, P95: 3, Max: 3,
				ByVersion: map[string]Arm{"2": {Failed: 2, ServerErrors: 1}}, ByRevision: map[string]Arm{"b": {Failed: 2, ServerErrors: 1}},
			}},
		}
		if diff := cmp.Diff(want, lines(t, &record)); diff != "" {
			t.Errorf("record (-want +got):\n%s", diff)
		}
		if sum.Sent != 5 || sum.OK != 1 || sum.Failed != 4 || sum.Max != 3 {
			t.Errorf("summary %+v, want 5 sent, 1 ok, 4 failed, 3 ms at most", sum)
		}
	})
}

func TestRunAgreesWithTheServer(t *testing.T) {
	var served atomic.Int64
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		n := served.Add(1)
		if r.Host != "shop.example.com" || r.Header.Get("x-canary") != "yes" || r.URL.Path != "/cart" {
			http.Error(w, "wrong request", http.StatusBadRequest)
			return
		}
		if n%10 == 0 {
			w.WriteHeader(http.StatusServiceUnavailable)
			return
		}
		w.Header().Set("x-version", "1")
		if n%10 == 5 {
			w.WriteHeader(http.StatusInternalServerError)
		}
	}))
	defer server.Close()
	o := Options{
		Addr: strings.TrimPrefix(server.URL, "http://"), Host: "shop.example.com", Path: "/cart", Headers: http.Header{"X-Canary": {"yes"}},
		Rate: 500, Duration: 400 * time.Millisecond, Timeout: time.Second, Outstanding: 100,
	}
	var record bytes.Buffer
	sum, err := Run(t.Context(), o, &record)
	if err != nil {
		t.Fatal(err)
	}
	n := int(served.Load())
	want := Counts{
		Sent: n, OK: n - n/10 - (n+5)/10, Failed: n/10 + (n+5)/10, NoUpstream: n / 10,
		ByCode:    map[string]int{"200": n - n/10 - (n+5)/10, "500": (n + 5) / 10, "503": n / 10},
		ByVersion: map[string]Arm{"1": {OK: n - n/10 - (n+5)/10, Failed: (n + 5) / 10, ServerErrors: (n + 5) / 10}}, ByRevision: map[string]Arm{},
		P50: sum.P50, P95: sum.P95, Max: sum.Max,
	}
	if diff := cmp.Diff(want, sum.Counts); diff != "" {
		t.Errorf("summary (-want +got):\n%s", diff)
	}
	if n < 100 || n > 201 {
		t.Errorf("%d requests, want about 200: 500 per second for 0.4 s", n)
	}
	got := newCounts()
	for _, s := range lines(t, &record) {
		got.Sent += s.Sent
		got.OK += s.OK
		got.Failed += s.Failed
	}
	if got.Sent != n || got.OK != sum.OK || got.Failed != sum.Failed {
		t.Errorf("the record adds up to %d sent, %d ok, %d failed; the summary says %d, %d, %d", got.Sent, got.OK, got.Failed, n, sum.OK, sum.Failed)
	}
}

func TestRecordSplitsEachSecondByCohort(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var record bytes.Buffer
		r := newRecorder(&record, time.Now)
		r.sent("staff")
		r.sent("staff")
		r.sent(Others)
		r.dropped(Others)
		r.done("staff", result{code: 200, version: "2", revision: "b", latency: time.Millisecond})
		r.done(Others, result{code: 200, version: "1", revision: "a", latency: time.Millisecond})
		time.Sleep(time.Second)
		r.done("staff", result{code: 503, latency: time.Millisecond})
		sum, err := r.close()
		if err != nil {
			t.Fatal(err)
		}
		staff := []Counts{
			{
				Sent: 2, OK: 1, ByCode: map[string]int{"200": 1}, ByVersion: map[string]Arm{"2": {OK: 1}}, ByRevision: map[string]Arm{"b": {OK: 1}},
			},
			{Failed: 1, NoUpstream: 1, ByCode: map[string]int{"503": 1}, ByVersion: map[string]Arm{}, ByRevision: map[string]Arm{}},
		}
		others := Counts{
			Sent: 1, Dropped: 1, OK: 1, ByCode: map[string]int{"200": 1}, ByVersion: map[string]Arm{"1": {OK: 1}}, ByRevision: map[string]Arm{"a": {OK: 1}},
		}
		var got []map[string]Counts
		for _, s := range lines(t, &record) {
			got = append(got, s.ByCohort)
		}
		if diff := cmp.Diff([]map[string]Counts{{"staff": staff[0], Others: others}, {"staff": staff[1]}}, got); diff != "" {
			t.Errorf("by cohort (-want +got):\n%s", diff)
		}
		whole := staff[0]
		whole.Failed, whole.NoUpstream, whole.ByCode = 1, 1, map[string]int{"200": 1, "503": 1}
		if diff := cmp.Diff(map[string]Counts{"staff": whole, Others: others}, sum.ByCohort); diff != "" {
			t.Errorf("in sum (-want +got):\n%s", diff)
		}
		if sum.Sent != 3 || sum.OK != 2 || sum.Failed != 1 || sum.Dropped != 1 {
			t.Errorf("in sum of all %+v, want 3 sent, 2 ok, 1 failed, 1 dropped", sum.Counts)
		}
	})
}

func TestRunIsOpenLoopAndBounded(t *testing.T) {
	release := make(chan struct{})
	var inside, most atomic.Int64
	server := httptest.NewServer(http.HandlerFunc(func(http.ResponseWriter, *http.Request) {
		n := inside.Add(1)
		for m := most.Load(); n > m && !most.CompareAndSwap(m, n); m = most.Load() {
		}
		<-release
		inside.Add(-1)
	}))
	defer server.Close()
	o := Options{
		Addr: strings.TrimPrefix(server.URL, "http://"), Host: "x", Path: "/", Rate: 1000, Timeout: time.Minute, Outstanding: 8,
	}
	ctx, cancel := context.WithCancel(t.Context())
	time.AfterFunc(200*time.Millisecond, cancel)
	context.AfterFunc(ctx, func() { close(release) })
	sum, err := Run(ctx, o, &bytes.Buffer{})
	if err != nil {
		t.Fatal(err)
	}
	if most.Load() != 8 {
		t.Errorf("%d requests were on their way at once, want 8", most.Load())
	}
	if sum.Sent < 8 || sum.Sent != sum.OK || sum.Dropped == 0 {
		t.Errorf("%d sent, %d ok, %d dropped; want all sent answered, though the load was told to end, and the rest dropped", sum.Sent, sum.OK, sum.Dropped)
	}
}

func TestRunCountsRefusedConnections(t *testing.T) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	addr := l.Addr().String()
	if err := l.Close(); err != nil {
		t.Fatal(err)
	}
	sum, err := Run(t.Context(), Options{Addr: addr, Host: "x", Path: "/", Rate: 100, Duration: 100 * time.Millisecond, Timeout: time.Second, Outstanding: 10}, &bytes.Buffer{})
	if err != nil {
		t.Fatal(err)
	}
	if sum.Sent == 0 || sum.NoAnswer != sum.Sent || sum.Failed != sum.Sent || sum.ByCode["0"] != sum.Sent {
		t.Errorf("%d sent, %d failed, %d without answer, by code %v; want all the same", sum.Sent, sum.Failed, sum.NoAnswer, sum.ByCode)
	}
}

func TestRunRefusesOptionsByName(t *testing.T) {
	good := Options{Addr: "127.0.0.1:1", Host: "x", Path: "/", Rate: 1, Timeout: time.Second, Outstanding: 1}
	cases := map[string]struct {
		change  func(*Options)
		mention string
	}{
		"no host":          {func(o *Options) { o.Host = "" }, "--host"},
		"no rate":          {func(o *Options) { o.Rate = 0 }, "--rate"},
		"a huge rate":      {func(o *Options) { o.Rate = 1e9 }, "--rate"},
		"no slots":         {func(o *Options) { o.Outstanding = 0 }, "--outstanding"},
		"no timeout":       {func(o *Options) { o.Timeout = 0 }, "--timeout"},
		"a negative time":  {func(o *Options) { o.Duration = -1 }, "--duration"},
		"a path without /": {func(o *Options) { o.Path = "cart" }, "--path"},
	}
	for name, c := range cases {
		t.Run(name, func(t *testing.T) {
			o := good
			c.change(&o)
			if _, err := Run(t.Context(), o, &bytes.Buffer{}); err == nil || !strings.Contains(err.Error(), c.mention) {
				t.Errorf("error %v does not mention %s", err, c.mention)
			}
		})
	}
}
