package e2e

import (
	"cmp"
	"fmt"
	"io"
	"net/http"
	"os"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/stagger-dev/stagger/pkg/apis/stagger/v1alpha1"
)

// Answers that are under way when a release is taken back, over HTTP/2 to the pods, come to their end: no pod goes before drain is over.
func TestLongAnswersOutliveAnAbort(t *testing.T) {
	t.Parallel()
	s := tell(t)
	s.others = true
	kubectl(t, "-n", s.ns, "patch", "virtualservice", "checkout", "--type=json", "-p", `[{"op":"remove","path":"/spec/http/0/timeout"}]`)
	kubectl(t, "-n", s.ns, "patch", "service", "checkout", "--type=json", "-p", `[{"op":"replace","path":"/spec/ports/0/name","value":"http2"}]`)
	s.judgedBy(`{pace: {type: Fixed}, warmup: 1s, workload: {readyWithin: 60s, drain: 15s},
  steps: [{weight: "50%", hold: 1h}, {weight: "100%", hold: 5s}], objectives: [{name: availability, indicator: Requests, target: "95%"}]}`).gateway()
	s.push("1.1.0")
	s.live("50%")
	const answers, hold = 40, 10 * time.Second
	var all sync.WaitGroup
	begun, bodies := make(chan string, answers), make([]string, answers)
	for i := range bodies {
		all.Go(func() { bodies[i] = s.long(hold, begun) })
	}
	met := map[string]int{}
	for range answers {
		met[<-begun]++
	}
	if met["1.1.0"] == 0 || met["1.0.0"] == 0 {
		t.Fatalf("the answers come from %v, want both versions", met)
	}
	kubectl(t, "-n", s.ns, "annotate", "trafficshift", "checkout", "stagger.dev/command=abort 1 now it is enough")
	all.Wait()
	for i, body := range bodies {
		if !strings.HasSuffix(body, "done\n") {
			t.Errorf("answer %d was cut: %q", i, body)
		}
	}
	s.ended(1, v1alpha1.StateAborted)
	s.restored()
	s.losesNothing()
}

// long asks for a long answer, tells which version began it, and returns all of it, or what went wrong.
func (s *story) long(hold time.Duration, begun chan<- string) string {
	r, err := http.NewRequestWithContext(s.t.Context(), http.MethodGet, fmt.Sprintf("http://%s/?hold=%s", cmp.Or(os.Getenv("GATEWAY"), "10.244.200.1:18080"), hold), nil)
	if err != nil {
		begun <- ""
		return err.Error()
	}
	r.Host = s.ns + ".example.com"
	answer, err := http.DefaultClient.Do(r)
	if err != nil {
		begun <- ""
		return err.Error()
	}
	defer answer.Body.Close()
	begun <- answer.Header.Get("x-version")
	body, err := io.ReadAll(answer.Body)
	if err != nil {
		return string(body) + err.Error()
	}
	return string(body)
}
