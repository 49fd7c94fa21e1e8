package prometheus

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/url"
	"os"
	"strings"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/prometheus/common/config"
	testclock "k8s.io/utils/clock/testing"
)

// stuck answers begins and never comes to an end while the client waits.
func stuck(begin string) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		if begin != "" {
			fmt.Fprint(w, begin)
			_ = http.NewResponseController(w).Flush()
		}
		<-r.Context().Done()
	}
}

func TestSlowAnswersAreGivenUp(t *testing.T) {
	cases := map[string]http.HandlerFunc{"no answer at all": stuck(""), "an answer that does not end": stuck(`{"status":`)}
	for name, answer := range cases {
		t.Run(name, func(t *testing.T) {
			s := newServer(t, answer)
			_, err := source(t, Config{Address: s.URL, Timeout: 50 * time.Millisecond}).Query(t.Context(), "up", noon)
			u, ok := errors.AsType[*Unreachable](err)
			if want := s.URL + ": no answer within 50ms: context deadline exceeded"; !ok || u.Error() != want || !errors.Is(err, context.DeadlineExceeded) {
				t.Errorf("got  %v\nwant %s", err, want)
			}
		})
	}
}

func TestWhoAsksMayGiveUp(t *testing.T) {
	asked := make(chan struct{})
	s := newServer(t, func(w http.ResponseWriter, r *http.Request) {
		close(asked)
		<-r.Context().Done()
	})
	ctx, stop := context.WithCancel(t.Context())
	go func() {
		<-asked
		stop()
	}()
	if _, err := source(t, Config{Address: s.URL}).Query(ctx, "up", noon); !errors.Is(err, context.Canceled) {
		t.Errorf("got %v; want it canceled", err)
	}
}

func TestAServerOfTokensThatHangsDelaysNoLongerThanPrometheus(t *testing.T) {
	release := make(chan struct{})
	tokens := newServer(t, func(http.ResponseWriter, *http.Request) { <-release })
	t.Cleanup(func() { close(release) })
	s := newServer(t, says(http.StatusOK, vector()))
	c := Config{Address: s.URL, Timeout: 50 * time.Millisecond, HTTP: config.HTTPClientConfig{
		OAuth2: &config.OAuth2{ClientID: "stagger", ClientSecret: "secret", TokenURL: tokens.URL},
	}}
	_, err := source(t, c).Query(t.Context(), "up", noon)
	if _, ok := errors.AsType[*Unreachable](err); !ok || !errors.Is(err, context.DeadlineExceeded) {
		t.Errorf("got %v; want an Unreachable in time", err)
	}
	if len(s.asked()) > 0 {
		t.Error("Prometheus was asked without a token")
	}
}

func TestRedirectsStayWhereTheCredentialsAreMeantFor(t *testing.T) {
	elsewhere := newServer(t, says(http.StatusOK, vector()))
	kept := config.HTTPClientConfig{FollowRedirects: true}
	cases := map[string]struct {
		http   config.HTTPClientConfig
		status int
		to     string
		want   int // status; 0: an answer
	}{
		"within the host":                         {kept, http.StatusTemporaryRedirect, "/moved/api/v1/query", 0},
		"within the host, if told not to":         {config.HTTPClientConfig{}, http.StatusTemporaryRedirect, "/moved/api/v1/query", http.StatusTemporaryRedirect},
		"within the host, without the question":   {kept, http.StatusFound, "/moved/api/v1/query", http.StatusFound},
		"without end":                             {kept, http.StatusPermanentRedirect, "/api/v1/query", http.StatusPermanentRedirect},
		"to another host":                         {kept, http.StatusTemporaryRedirect, elsewhere.URL + "/api/v1/query", http.StatusTemporaryRedirect},
		"to another host, if told not to":         {config.HTTPClientConfig{}, http.StatusPermanentRedirect, elsewhere.URL, http.StatusPermanentRedirect},
		"to another host, without the question":   {kept, http.StatusSeeOther, elsewhere.URL, http.StatusSeeOther},
		"to a file, which is no address for HTTP": {kept, http.StatusTemporaryRedirect, "file:///etc/passwd", http.StatusTemporaryRedirect},
	}
	for name, c := range cases {
		t.Run(name, func(t *testing.T) {
			s := newServer(t, func(w http.ResponseWriter, r *http.Request) {
				if strings.HasPrefix(r.URL.Path, "/moved") {
					fmt.Fprint(w, vector())
					return
				}
				w.Header().Set("Location", c.to)
				w.WriteHeader(c.status)
			})
			_, err := source(t, Config{Address: s.URL, HTTP: c.http}).Query(t.Context(), "up", noon)
			got := 0
			if u, ok := errors.AsType[*Unreachable](err); ok {
				got = u.Status
			}
			if got != c.want || c.want != 0 && !strings.Contains(err.Error(), c.to) {
				t.Errorf("got %v; want status %d and the place", err, c.want)
			}
		})
	}
	if asked := elsewhere.asked(); len(asked) > 0 {
		t.Errorf("the other host was asked: %v", asked)
	}
}

func TestErrorsReadTheSameForTheSameTrouble(t *testing.T) {
	local, remote := &net.TCPAddr{IP: net.IPv4(10, 0, 0, 1), Port: 40123}, &net.TCPAddr{IP: net.IPv4(10, 0, 0, 9), Port: 9090}
	wrapped := func(err error) error {
		return &url.Error{Op: "Post", URL: "http://prometheus:9090/api/v1/query", Err: err}
	}
	cases := map[string]struct {
		err  error
		want string
	}{
		"refused": {&net.OpError{Op: "dial", Net: "tcp", Addr: remote, Err: os.NewSyscallError("connect", syscall.ECONNREFUSED)}, "connect: connection refused"},
		"reset":   {&net.OpError{Op: "read", Net: "tcp", Source: local, Addr: remote, Err: os.NewSyscallError("read", syscall.ECONNRESET)}, "read: connection reset by peer"},
		"unknown name": {
			&net.OpError{Op: "dial", Net: "tcp", Err: &net.DNSError{Err: "no such host", Name: "prometheus", Server: "10.0.0.53:53", IsNotFound: true}},
			"the name prometheus has no address",
		},
		"no name server": {
			&net.OpError{Op: "dial", Net: "tcp", Err: &net.DNSError{Err: "read udp 10.0.0.1:40123->10.0.0.53:53: i/o timeout", Name: "prometheus", IsTimeout: true}},
			"the name prometheus could not be looked up",
		},
		"a slow handshake": {&net.OpError{Op: "remote error", Err: os.ErrDeadlineExceeded}, "remote error: i/o timeout"},
		"closed early":     {io.ErrUnexpectedEOF, "unexpected EOF"},
		"something else":   {errors.New("something else"), "something else"},
	}
	for name, c := range cases {
		t.Run(name, func(t *testing.T) {
			s := &Client{address: "http://prometheus:9090"}
			err := s.typed(t.Context(), wrapped(c.err))
			if want := "http://prometheus:9090: " + c.want; err.Error() != want || !errors.Is(err, rootOf(c.err)) {
				t.Errorf("got  %v\nwant %s", err, want)
			}
		})
	}
}

func rootOf(err error) error {
	for next := errors.Unwrap(err); next != nil; next = errors.Unwrap(err) {
		err = next
	}
	return err
}

func TestAPasswordInTheAddressIsNotTold(t *testing.T) {
	s := newServer(t, says(http.StatusUnauthorized, ""))
	_, err := source(t, Config{Address: strings.Replace(s.URL, "http://", "http://stagger:secret@", 1)}).Query(t.Context(), "up", noon)
	if err == nil || strings.Contains(err.Error(), "secret") {
		t.Errorf("got %v", err)
	}
	if user, password, _ := (&http.Request{Header: s.header}).BasicAuth(); user != "stagger" || password != "secret" {
		t.Errorf("Prometheus was asked by %q with %q", user, password)
	}
}

func TestASourceInTroubleIsSpared(t *testing.T) {
	var healthy atomic.Bool
	s := newServer(t, func(w http.ResponseWriter, r *http.Request) {
		if healthy.Load() {
			says(http.StatusOK, vector())(w, r)
			return
		}
		says(http.StatusServiceUnavailable, "")(w, r)
	})
	clock := testclock.NewFakePassiveClock(noon)
	from := source(t, Config{Address: s.URL, Clock: clock})
	ask := func(times int) (failed int) {
		for range times {
			if _, err := from.Query(t.Context(), "up", noon); err != nil {
				failed++
				if u, ok := errors.AsType[*Unreachable](err); !ok || u.Status != http.StatusServiceUnavailable {
					t.Errorf("got %v; want the status also when nothing is asked", err)
				}
			}
		}
		return failed
	}
	var got [][2]int // questions that reached the server and that failed, in each phase
	phase := func(times int) {
		before := len(s.asked())
		failed := ask(times)
		got = append(got, [2]int{len(s.asked()) - before, failed})
	}
	phase(tolerated + 20)
	clock.SetTime(clock.Now().Add(pause))
	phase(20)
	clock.SetTime(clock.Now().Add(pause - 1))
	healthy.Store(true)
	phase(20)
	clock.SetTime(clock.Now().Add(1))
	phase(20)
	healthy.Store(false)
	phase(1)
	healthy.Store(true)
	phase(1)
	healthy.Store(false)
	phase(tolerated - 1)
	healthy.Store(true)
	phase(1)
	want := [][2]int{{tolerated, tolerated + 20}, {1, 20}, {0, 20}, {20, 0}, {1, 1}, {1, 0}, {tolerated - 1, tolerated - 1}, {1, 0}}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
}

func TestOneQuestionAtATimeFindsOutWhetherASourceIsBack(t *testing.T) {
	clock := testclock.NewFakePassiveClock(noon)
	b := &breaker{clock: clock}
	down := &Unreachable{Address: "http://prometheus:9090", Status: http.StatusBadGateway}
	for range tolerated {
		b.note(down, false)
	}
	clock.SetTime(noon.Add(pause))
	if err := b.refuse(); err != nil {
		t.Fatalf("after the pause: %v", err)
	}
	clock.SetTime(noon.Add(time.Hour))
	if err := b.refuse(); !errors.Is(err, down) {
		t.Errorf("while one question is under way another is let through: %v", err)
	}
	b.note(&Unreachable{Address: "http://prometheus:9090", Err: context.Canceled}, true)
	if err := b.refuse(); err != nil {
		t.Errorf("after one that was given up: %v", err)
	}
	b.note(newPartial("a store did not answer"), false)
	for range 2 {
		if err := b.refuse(); err != nil {
			t.Errorf("after an answer, though a partial one: %v", err)
		}
	}
}

func TestQuestionsThatAreRefusedAreNoTroubleOfTheSource(t *testing.T) {
	for _, status := range []int{http.StatusBadRequest, http.StatusUnprocessableEntity} {
		b := &breaker{clock: testclock.NewFakePassiveClock(noon)}
		for range tolerated + 1 {
			b.note(&Unreachable{Address: "http://prometheus:9090", Status: status}, false)
		}
		if err := b.refuse(); err != nil {
			t.Errorf("after refusals with status %d nothing is asked: %v", status, err)
		}
	}
}

// A question that takes long says nothing about Prometheus while others are answered.
func TestASlowQuestionAmongOthersSparesNobody(t *testing.T) {
	begun, answered := make(chan struct{}, tolerated), make(chan struct{})
	s := newServer(t, func(w http.ResponseWriter, r *http.Request) {
		if r.PostForm.Get("query") == "quick" {
			says(http.StatusOK, vector())(w, r)
			return
		}
		begun <- struct{}{}
		<-answered
		says(http.StatusGatewayTimeout, "")(w, r)
	})
	from := source(t, Config{Address: s.URL})
	slow := make(chan error)
	for range tolerated {
		go func() {
			_, err := from.Query(t.Context(), "slow", noon)
			slow <- err
		}()
	}
	for range tolerated {
		<-begun
	}
	if _, err := from.Query(t.Context(), "quick", noon); err != nil {
		t.Fatal(err)
	}
	close(answered)
	for range tolerated {
		if q, ok := errors.AsType[*Unreachable](<-slow); !ok || !q.OfQuestion() {
			t.Errorf("got %v; want the question to be blamed", q)
		}
	}
	if _, err := from.Query(t.Context(), "quick", noon); err != nil {
		t.Errorf("nothing is asked any more: %v", err)
	}
}

func TestWhatIsTheQuestionsFaultIsTold(t *testing.T) {
	cases := map[string]struct {
		status int
		body   string
		want   bool
	}{
		"a query that cannot be read":        {400, "", true},
		"a query that cannot be executed":    {422, "", true},
		"a query that takes Prometheus long": {503, `{"status":"error","errorType":"timeout","error":"query timed out"}`, true},
		"a query that takes a gateway long":  {504, "", true},
		"a huge answer":                      {200, vector(strings.Repeat(number("7")+",", 200) + number("7")), true},
		"samples that cannot be added":       {200, noted("warnings", `"PromQL warning: encountered a mix of histograms and floats"`), true},
		"a store that is away":               {200, noted("warnings", `"PromQL warning: a mix","a store did not answer"`), false},
		"a server that is down":              {503, "", false},
		"wrong credentials":                  {401, "", false},
		"too many questions":                 {429, "", false},
	}
	for name, c := range cases {
		t.Run(name, func(t *testing.T) {
			s := newServer(t, says(c.status, c.body))
			_, err := source(t, Config{Address: s.URL, MaxAnswer: 6000}).Query(t.Context(), "up", noon)
			q, ok := errors.AsType[interface {
				error
				OfQuestion() bool
			}](err)
			if !ok || q.OfQuestion() != c.want {
				t.Errorf("%v is the question's: %t, want %t", err, !c.want, c.want)
			}
		})
	}
}
