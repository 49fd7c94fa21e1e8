package prepare_test

import (
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/stagger-dev/stagger/operator/kubectl/clitest"
)

// Two versions of orders that somebody else runs, the newer of which serves since the last promotion.
const between = `
- {apiVersion: stagger.dev/v1alpha1, kind: ShiftPolicy, metadata: {name: standard}, spec: {steps: [{weight: 100%, hold: 1m}], objectives: [{name: availability, indicator: Requests, target: 99%}]}}
- apiVersion: stagger.dev/v1alpha1
  kind: TrafficShift
  metadata: {name: orders}
  spec: {policyRef: {name: standard}, destinations: {stable: {host: orders, subset: v1}, canary: {host: orders, subset: v2}, revision: two}}
  status: {release: {number: 1, revision: two, toward: Canary, state: RESULT, weight: 100%, startedAt: "2026-03-04T11:00:00Z", plan: {steps: [{weight: 100%, hold: 1m}], objectives: []}}}
- apiVersion: networking.istio.io/v1
  kind: DestinationRule
  metadata: {name: orders}
  spec: {host: orders, subsets: [{name: v1, labels: {version: first}}, {name: v2, labels: {version: second}}]}
`

func TestRecordedTrafficIsThatOfTheDestinationWhichServes(t *testing.T) {
	empty := http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Type", "application/json")
		if _, err := w.Write([]byte(`{"status":"success","data":{"resultType":"matrix","result":[]}}`)); err != nil {
			t.Errorf("answering: %v", err)
		}
	})
	metrics := httptest.NewServer(empty)
	defer metrics.Close()
	for result, serves := range map[string]string{"Promoted": "second", "Aborted": "first"} {
		for _, verb := range []string{"plan", "simulate"} {
			s := clitest.NewStore(t, strings.Replace(between, "RESULT", result, 1))
			_, _, talk := clitest.Run(t, s.Kubeconfig(), verb, "orders", "--prometheus", metrics.URL)
			if want := "no requests are known to Prometheus to shop/orders revision " + serves + " from"; !strings.Contains(talk, want) {
				t.Errorf("%s after a release that was %s says %q, want %q in it", verb, result, talk, want)
			}
		}
	}
}
