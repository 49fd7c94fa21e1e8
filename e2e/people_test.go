package e2e

import (
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"strings"
	"testing"

	"github.com/stagger-dev/stagger/pkg/apis/stagger/v1alpha1"
)

// looksAtTheCanary pastes the query of the story of the release into Prometheus.
func (s *story) looksAtTheCanary() {
	s.t.Helper()
	out, err := plugin(s.t, s.ns, "why", "checkout")
	if err != nil || !strings.Contains(out, "aborted by command: enough") {
		s.t.Fatalf("kubectl stagger why: %v, %s", err, out)
	}
	lines := strings.Split(strings.TrimSpace(out), "\n")
	address := prometheus() + "/api/v1/query?query=" + url.QueryEscape(lines[len(lines)-1])
	request, err := http.NewRequestWithContext(s.t.Context(), http.MethodGet, address, nil)
	if err != nil {
		s.t.Fatal(err)
	}
	answer, err := http.DefaultClient.Do(request)
	if err != nil {
		s.t.Fatal(err)
	}
	body, err := io.ReadAll(answer.Body)
	if err := errors.Join(err, answer.Body.Close()); err != nil {
		s.t.Fatal(err)
	}
	if answer.StatusCode != http.StatusOK || !strings.Contains(string(body), `"checkout-canary"`) {
		s.t.Errorf("Prometheus answers %s to what is to be pasted: %s", answer.Status, body)
	}
}

// A release is paused, resumed, promoted and taken back by people; who promotes a weight that is no longer there leaves no other one.
func TestPeopleSteerARelease(t *testing.T) {
	t.Parallel()
	s := tell(t).judgedBy(`{pace: {type: Fixed}, warmup: 1s, workload: {readyWithin: 60s, drain: 2s},
  steps: [{weight: "30%", hold: 1h}, {weight: "50%", hold: 1h}, {weight: "100%", hold: 5s}], objectives: [{name: availability, indicator: Requests, target: "95%"}]}`).gateway()
	says := func(ok bool, want string, args ...string) {
		t.Helper()
		if out, err := plugin(t, s.ns, args...); !strings.Contains(out, want) || (err == nil) != ok {
			t.Fatalf("kubectl stagger %s: %v, %s", strings.Join(args, " "), err, out)
		}
	}
	promote := []string{"promote", "checkout", "--reason", "checked by hand"}
	s.push("1.1.0")
	s.live("30%")
	says(true, "checkout: paused", "pause", "checkout")
	s.until("it is paused", func(x *v1alpha1.TrafficShift) bool {
		return strings.Contains(describe(x), string(v1alpha1.ReasonPaused))
	})
	says(false, "kubectl stagger resume checkout", promote...)
	says(true, "checkout: resumed", "resume", "checkout")
	says(true, "release 1 told to leave 30%", promote...)
	s.live("50%")
	kubectl(t, "-n", s.ns, "annotate", "--overwrite", "trafficshift", "checkout", "stagger.dev/command=promote 1/1 late checked by hand")
	x := s.until("the late command is answered", func(x *v1alpha1.TrafficShift) bool { return strings.HasPrefix(x.Status.LastHandledCommand, "late") })
	if r := x.Status.Release; r.Step != 2 || r.Weight != "50%" {
		t.Errorf("a command for a weight before was carried out: %s", describe(x))
	}
	watched := make(chan string, 1)
	go func() {
		out, err := plugin(t, s.ns, "watch", "checkout")
		watched <- fmt.Sprint(out, err)
	}()
	says(false, "release 1 ended Aborted: Commanded: aborted by command: enough", "abort", "checkout", "--wait", "--reason", "enough")
	if out := <-watched; !strings.Contains(out, "Aborted") || !strings.HasSuffix(out, "exit status 2") {
		t.Errorf("who watched saw:\n%s", out)
	}
	s.looksAtTheCanary()
	says(true, "shop:1.1.0", "history", "checkout")
	says(true, "# Release 1 of checkout in "+s.ns+": aborted", "report", "checkout")
	s.restored()
	if n, by := s.lost(); n != 0 {
		t.Errorf("requests failed: %v", by)
	}
}
