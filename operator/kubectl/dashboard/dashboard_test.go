package dashboard_test

import (
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"os"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/cli-runtime/pkg/genericiooptions"

	"github.com/stagger-dev/stagger/operator/kubectl"
	"github.com/stagger-dev/stagger/operator/kubectl/cli"
	"github.com/stagger-dev/stagger/operator/kubectl/clitest"
	"github.com/stagger-dev/stagger/pkg/apis/stagger/v1alpha1"
)

// served is a dashboard that runs.
type served struct {
	t     *testing.T
	host  string
	token string
	talk  *bytes.Buffer
	stop  func() int
}

// serve types "kubectl stagger dashboard" and reads the address that it prints.
func serve(t *testing.T, s *clitest.Server, words ...string) *served {
	t.Helper()
	out, printed := io.Pipe()
	d := &served{t: t, talk: &bytes.Buffer{}}
	ctx, cancel := context.WithCancel(t.Context())
	ended := make(chan int, 1)
	tokens := 0
	config := s.Kubeconfig()
	go func() {
		ended <- kubectl.Main(ctx, append([]string{"--kubeconfig", config, "dashboard"}, words...), cli.Env{
			Streams: genericiooptions.IOStreams{In: strings.NewReader(""), Out: printed, ErrOut: d.talk},
			Now:     func() time.Time { return clitest.Now },
			Token: func() string {
				tokens++
				return fmt.Sprintf("t0ken%d", tokens)
			},
			Getenv: os.Getenv,
		})
	}()
	d.stop = func() int {
		cancel()
		code := <-ended
		ended <- code
		return code
	}
	t.Cleanup(func() { d.stop() })
	line, err := bufio.NewReader(out).ReadString('\n')
	if err != nil {
		t.Fatalf("reading the address: %v", err)
	}
	address, err := url.Parse(strings.TrimSpace(line))
	if err != nil || address.Hostname() != "127.0.0.1" {
		t.Fatalf("address %q: %v", line, err)
	}
	d.host, d.token = address.Host, strings.TrimPrefix(address.Fragment, "token=")
	return d
}

// ask makes a request as the page does, but for what the change says.
func (d *served) ask(method, path, body string, change func(*http.Request)) *http.Response {
	d.t.Helper()
	request, err := http.NewRequestWithContext(d.t.Context(), method, "http://"+d.host+path, strings.NewReader(body))
	if err != nil {
		d.t.Fatal(err)
	}
	request.Header.Set("Stagger-Token", d.token)
	if method == http.MethodPost {
		request.Header.Set("Origin", "http://"+d.host)
		request.Header.Set("Content-Type", "application/json")
	}
	if change != nil {
		change(request)
	}
	response, err := http.DefaultClient.Do(request)
	if err != nil {
		d.t.Fatal(err)
	}
	d.t.Cleanup(func() { _ = response.Body.Close() }) // it was read, or nobody wants the rest
	return response
}

func (d *served) text(response *http.Response) string {
	d.t.Helper()
	body, err := io.ReadAll(response.Body)
	if err != nil {
		d.t.Fatal(err)
	}
	return strings.TrimSpace(string(body))
}

// listed waits until the dashboard has looked at the cluster.
func (d *served) listed(name string) {
	d.t.Helper()
	events := d.follow("/api/stream")
	for e := range events {
		if e.kind == "board" && strings.Contains(e.data, `"name":"`+name+`"`) {
			return
		}
	}
	d.t.Fatalf("the dashboard never showed %s", name)
}

type told struct{ kind, data string }

// follow reads a stream until the test ends.
func (d *served) follow(path string) <-chan told {
	d.t.Helper()
	response := d.ask(http.MethodGet, path, "", nil)
	if kind := response.Header.Get("Content-Type"); response.StatusCode != http.StatusOK || kind != "text/event-stream" {
		d.t.Fatalf("the stream is %s of %s", response.Status, kind)
	}
	events := make(chan told)
	ctx := d.t.Context()
	go func() {
		defer close(events)
		lines := bufio.NewScanner(response.Body)
		lines.Buffer(nil, 1<<20)
		kind := ""
		for lines.Scan() {
			if event, is := strings.CutPrefix(lines.Text(), "event: "); is {
				kind = event
			}
			if data, is := strings.CutPrefix(lines.Text(), "data: "); is {
				select {
				case events <- told{kind, data}:
				case <-ctx.Done():
					return
				}
			}
		}
	}()
	return events
}

// until waits for an event that contains all texts.
func until(t *testing.T, events <-chan told, kind string, texts ...string) string {
	t.Helper()
	last := ""
	deadline := time.After(20 * time.Second)
	for {
		select {
		case e, open := <-events:
			if !open {
				t.Fatalf("the stream ended before %s with %q; last: %s", kind, texts, last)
			}
			all := e.kind == kind
			for _, text := range texts {
				all = all && strings.Contains(e.data, text)
			}
			if all {
				return e.data
			}
			last = e.kind + " " + e.data
		case <-deadline:
			t.Fatalf("no %s with %q; last: %s", kind, texts, last)
		}
	}
}

func TestTheDashboardCommandsAsTheVerbsDo(t *testing.T) {
	cases := map[string]struct {
		object *v1alpha1.TrafficShift
		order  string
		with   func(*clitest.Server)
		code   int
		says   string
		want   map[string]string // annotations
		patch  string
	}{
		"an abort": {order: `"verb":"abort","number":7,"moves":0,"reason":"orders are booked twice"`, code: http.StatusOK, says: "checkout: abort of release 7 commanded",
			want: map[string]string{"team": "payments", "stagger.dev/command": "abort 7 t0ken2 orders are booked twice"},
			patch: `[{"op":"test","path":"/status/release/number","value":7},{"op":"test","path":"/status/release/state","value":"Shifting"},` +
				`{"op":"test","path":"/metadata/annotations/stagger.dev~1command","value":null},` +
				`{"op":"add","path":"/metadata/annotations/stagger.dev~1command","value":"abort 7 t0ken2 orders are booked twice"}]`},
		"an abort at another weight": {order: `"verb":"abort","number":7,"moves":2`, code: http.StatusOK, says: "abort of release 7 commanded",
			object: clitest.As(clitest.Shift("shop", "checkout"), clitest.Annotated, clitest.Moved(3)), want: map[string]string{"team": "payments", "stagger.dev/command": "abort 7 t0ken2"}},
		"an abort of a release before": {order: `"verb":"abort","number":6`, code: http.StatusConflict, says: "release 7 of checkout has begun while the command for release 6 was written, so nothing was commanded"},
		"an abort of what has ended":   {order: `"verb":"abort","number":7`, object: clitest.As(clitest.Shift("shop", "checkout"), clitest.Annotated, clitest.Aborted), code: http.StatusConflict, says: "no release of checkout is running, so there is nothing to abort"},
		"a promotion": {order: `"verb":"promote","number":7,"moves":3,"reason":"checked by hand"`, object: clitest.As(clitest.Shift("shop", "checkout"), clitest.Annotated, clitest.Moved(3)), code: http.StatusOK,
			says: "checkout: release 7 told to leave 5%", want: map[string]string{"team": "payments", "stagger.dev/command": "promote 7/3 t0ken2 checked by hand"}},
		"a promotion of a weight before":  {order: `"verb":"promote","number":7,"moves":2,"reason":"checked by hand"`, object: clitest.As(clitest.Shift("shop", "checkout"), clitest.Annotated, clitest.Moved(3)), code: http.StatusConflict, says: "release 7 of checkout went to 5% while the command was written, so nothing was commanded"},
		"a promotion that needs a reason": {order: `"verb":"promote","number":7,"reason":" "`, object: clitest.As(clitest.Shift("shop", "checkout"), clitest.Annotated, clitest.Unproven), code: http.StatusConflict, says: "the evidence does not clear the next step; say why"},
		"a retry of what is not refused":  {order: `"verb":"retry","number":7`, object: clitest.As(clitest.Shift("shop", "checkout"), clitest.Annotated, clitest.Promoted), code: http.StatusConflict, says: "no version of checkout is refused"},
		"a retry":                         {order: `"verb":"retry","number":7`, object: clitest.As(clitest.Shift("shop", "checkout"), clitest.Annotated, clitest.Aborted), code: http.StatusOK, says: "retry of the version of release 7 commanded", want: map[string]string{"team": "payments", "stagger.dev/command": "retry 7 t0ken2"}},
		"a pause":                         {order: `"verb":"pause","number":6`, code: http.StatusOK, says: "checkout: paused; no weight is raised until it is resumed", patch: `[{"op":"test","path":"/spec/control","value":"Auto"},{"op":"replace","path":"/spec/control","value":"Paused"}]`},
		"a pause for a reason": {order: `"verb":"pause","number":7,"reason":" sale "`, code: http.StatusOK, says: "checkout: paused; no weight is raised until it is resumed",
			want: map[string]string{"team": "payments", "stagger.dev/paused": "sale"}},
		"a pause of what is paused":          {order: `"verb":"pause","number":7`, object: clitest.As(clitest.Shift("shop", "checkout"), clitest.Controlled(v1alpha1.ControlPaused)), code: http.StatusOK, says: "checkout is paused already"},
		"a resumption":                       {order: `"verb":"resume","number":7`, object: clitest.As(clitest.Shift("shop", "checkout"), clitest.Controlled(v1alpha1.ControlPaused)), code: http.StatusOK, says: "checkout: resumed; weights are raised"},
		"a resumption of a release not seen": {order: `"verb":"resume","number":6`, object: clitest.As(clitest.Shift("shop", "checkout"), clitest.Controlled(v1alpha1.ControlPaused)), code: http.StatusConflict, says: "release 7 of checkout has begun"},
		"an endless reason":                  {order: `"verb":"abort","number":7,"reason":"` + strings.Repeat("x", 513) + `"`, code: http.StatusConflict, says: "--reason has 513 characters; say it in at most 512"},
		"without the right to": {order: `"verb":"abort","number":7`, code: http.StatusForbidden, says: "you may not do this",
			with: func(s *clitest.Server) {
				s.DenyPatch = clitest.Failure(http.StatusForbidden, metav1.StatusReasonForbidden, "trafficshifts.stagger.dev \"checkout\" is forbidden")
			}},
	}
	for name, c := range cases {
		t.Run(name, func(t *testing.T) {
			if c.object == nil {
				c.object = clitest.As(clitest.Shift("shop", "checkout"), clitest.Annotated)
			}
			s := clitest.NewServer(t, c.object)
			if c.with != nil {
				c.with(s)
			}
			d := serve(t, s)
			d.listed("checkout")
			response := d.ask(http.MethodPost, "/api/command", `{"namespace":"shop","name":"checkout",`+c.order+`}`, nil)
			text := d.text(response)
			var said map[string]string
			if err := json.Unmarshal([]byte(text), &said); err != nil {
				t.Fatal(err)
			}
			if response.StatusCode != c.code || !strings.Contains(said["done"]+said["error"], c.says) {
				t.Errorf("%s: %s; want %d with %q", response.Status, text, c.code, c.says)
			}
			s.Mu.Lock()
			defer s.Mu.Unlock()
			if c.want != nil {
				if diff := cmp.Diff(c.want, s.Shifts[clitest.Key].Annotations); diff != "" {
					t.Errorf("annotations (-want +got):\n%s", diff)
				}
			}
			if c.patch != "" && (len(s.Patches) != 1 || s.Patches[0] != c.patch) {
				t.Errorf("written: %q, want %q", s.Patches, c.patch)
			}
			if c.code != http.StatusOK && len(s.Patches) != 0 {
				t.Errorf("written in spite of the refusal: %q", s.Patches)
			}
		})
	}
}

func TestTheDashboardFollowsReleases(t *testing.T) {
	s := clitest.NewServer(t, clitest.As(clitest.Shift("shop", "checkout"), clitest.Remembered), clitest.Shift("books", "orders"))
	d := serve(t, s)
	board := until(t, d.follow("/api/stream"), "board", `"name":"checkout"`)
	if strings.Contains(board, "orders") {
		t.Errorf("the list of shop is %s", board)
	}
	one := d.follow("/api/stream/shop/checkout")
	until(t, one, "service", `"word":"Shifting"`, `"label":"Abort","refused":""`, `"refused":"release 7 of checkout is still running`, `"number":"6"`)
	until(t, one, "plots", `"kind":"wanted"`, `"last":"5%"`)
	s.Mu.Lock()
	s.Change(clitest.Key, clitest.TakeBack)
	s.Change(clitest.Key, clitest.Aborted)
	s.Mu.Unlock()
	until(t, one, "service", `"word":"Aborted"`, `"text":"Commanded: aborted by command (ops@example.com)"`, `no release of checkout is running, so there is nothing to abort`)
	s.Mu.Lock()
	s.Remove(clitest.Key)
	s.Mu.Unlock()
	until(t, one, "gone", "no Service named checkout is managed in namespace shop")
	if code := d.stop(); code != cli.ExitOK {
		t.Errorf("interrupted, it ended with %d: %s", code, d.talk)
	}
	for range one { // the stream ends with the dashboard
	}
	if strings.Contains(d.talk.String(), d.token) {
		t.Errorf("the token is in the talk: %s", d.talk)
	}
}

func TestTheDashboardOfAllNamespacesSaysWhenThereIsNothing(t *testing.T) {
	s := clitest.NewServer(t)
	d := serve(t, s, "-A")
	events := d.follow("/api/stream")
	until(t, events, "board", "No Service is managed in any namespace", "kubectl annotate service \\u003cname\\u003e stagger.dev/policy=standard")
	s.Mu.Lock()
	s.Put(clitest.Shift("books", "orders"))
	s.Mu.Unlock()
	until(t, events, "board", `"namespace":"books"`, `"summary":"1 Service: 1 moves"`)
}

func TestTheDashboardSaysThatTheClusterDoesNotAnswer(t *testing.T) {
	s := clitest.NewServer(t, clitest.Shift("shop", "checkout"))
	d := serve(t, s)
	events := d.follow("/api/stream")
	until(t, events, "board", `"name":"checkout"`)
	s.Mu.Lock()
	s.Forgotten = true
	s.Deny = clitest.Failure(http.StatusForbidden, metav1.StatusReasonForbidden, "cannot watch")
	s.Mu.Unlock()
	s.Cut()
	until(t, events, "health", `you may not do this (cannot watch)`)
	s.Mu.Lock()
	s.Deny = nil
	s.Mu.Unlock()
	until(t, events, "health", `"trouble":""`)
}

func TestTheDashboardIsNotStartedInVain(t *testing.T) {
	cases := map[string]struct {
		words []string
		with  func(*clitest.Server)
		want  string
	}{
		"with a name":     {words: []string{"dashboard", "checkout"}, want: "dashboard takes no name; choose the namespace with -n, or all with -A"},
		"no such port":    {words: []string{"dashboard", "--port", "70000"}, want: "--port must be from 0 to 65535, not 70000"},
		"without Stagger": {words: []string{"dashboard"}, with: func(s *clitest.Server) { s.Absent = true }, want: "this cluster does not serve stagger.dev/v1alpha1, so Stagger is not installed in it; install it, or choose another cluster with --context"},
		"not allowed": {words: []string{"dashboard"}, with: func(s *clitest.Server) {
			s.Deny = clitest.Failure(http.StatusForbidden, metav1.StatusReasonForbidden, "cannot list")
		},
			want: "you may not do this (cannot list); ask for the role view to look, or edit to command"},
	}
	for name, c := range cases {
		t.Run(name, func(t *testing.T) {
			s := clitest.NewServer(t)
			if c.with != nil {
				c.with(s)
			}
			code, out, talk := clitest.Run(t, s.Kubeconfig(), c.words...)
			if want := "error: " + c.want + "\n"; code != cli.ExitError || out != "" || talk != want {
				t.Errorf("%d, %q, %q; want %q", code, out, talk, want)
			}
		})
	}
}
