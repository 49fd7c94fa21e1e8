package main

import (
	"bytes"
	"regexp"
	"strconv"
	"strings"
	"testing"

	"github.com/stagger-dev/stagger/pkg/metrics"
)

// made is the day as OpenMetrics.
func made(t *testing.T) []byte {
	t.Helper()
	d, err := newDay("../../manifests/policies")
	if err != nil {
		t.Fatal(err)
	}
	var out bytes.Buffer
	d.write(&out)
	return out.Bytes()
}

// valueOf is the last sample of the series of a metric whose labels have all these texts in them; there is exactly one.
func valueOf(t *testing.T, day []byte, metric string, having ...string) float64 {
	t.Helper()
	last := regexp.MustCompile(`(?m)^` + metric + `\{(.*)\} (\S+) ` + strconv.FormatInt(end.Unix(), 10) + `$`)
	var found []float64
next:
	for _, m := range last.FindAllSubmatch(day, -1) {
		for _, h := range having {
			if !strings.Contains(string(m[1]), h) {
				continue next
			}
		}
		value, err := strconv.ParseFloat(string(m[2]), 64)
		if err != nil {
			t.Fatal(err)
		}
		found = append(found, value)
	}
	if len(found) != 1 {
		t.Fatalf("%s of %q has %d series at the present, want 1", metric, having, len(found))
	}
	return found[0]
}

func TestTheDayIsTheSameEachTimeAndTrue(t *testing.T) {
	day := made(t)
	if !bytes.Equal(day, made(t)) {
		t.Error("two days differ")
	}
	share := func(arm string) float64 {
		of := []string{`release_service="` + shown + `"`, `objective="availability"`, `arm="` + arm + `"`}
		return valueOf(t, day, metrics.ObjectiveBadRequests, of...) / valueOf(t, day, metrics.ObjectiveRequests, of...)
	}
	if stable, canary := share(metrics.StableArm), share(metrics.CanaryArm); canary < 1.2*stable {
		t.Errorf("of the canary that is taken back %v of the requests were bad, of the stable %v", canary, stable)
	}
	for _, c := range []struct {
		metric, having string
		least          float64
	}{
		{metrics.ObjectiveEvidence, `objective="availability",side="against"`, 100},
		{metrics.ReleaseInfo, `state="Draining"`, 1},
	} {
		if got := valueOf(t, day, c.metric, `release_service="`+shown+`"`, c.having); got < c.least {
			t.Errorf("%s with %s is %v, want at least %v", c.metric, c.having, got, c.least)
		}
	}
	for _, reason := range []string{"NoData", "Stale", "PrometheusUnreachable"} {
		if n := valueOf(t, day, metrics.EvidenceVoidSlices, reason); n != 0 {
			t.Errorf("%v slices are void by %s: what is missed in an outage is counted afterwards", n, reason)
		}
	}
	if outage := regexp.MustCompile(`(?m)^` + metrics.EvidenceAge + `\{.*\} [^0]\S* ` + strconv.FormatInt(outage[0].Unix(), 10) + `$`); outage.Match(day) {
		t.Error("a release is counted while the source does not answer")
	}
}
