package main

import (
	"fmt"
	"math"
	"strings"
	"time"

	appsv1 "k8s.io/api/apps/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/stagger-dev/stagger/pkg/evidence"
	"github.com/stagger-dev/stagger/pkg/metrics"
)

// outage is when the source did not answer, and trouble is when the API server failed now and then.
var (
	outage  = [2]time.Time{end.Add(-3 * time.Hour), end.Add(-3*time.Hour + 12*time.Minute)}
	trouble = [2]time.Time{end.Add(-100 * time.Minute), end.Add(-97 * time.Minute)}
)

func (d *day) within(span [2]time.Time) bool {
	return !d.now().Before(span[0]) && d.now().Before(span[1])
}

// about is a value that varies by a tenth or so.
func (d *day) about(value float64) float64 { return value * max(0.5, 1+0.1*d.dice.NormFloat64()) }

// some is a whole number that is n in the middle.
func (d *day) some(n float64) float64 { return math.Floor(d.about(n) + d.dice.Float64()) }

// targets gives what the other targets tell beside the releases: the operator of itself, the mesh and kube-state-metrics.
func (d *day) targets(services []*service) {
	counted, running := 0.0, 0.0
	for _, s := range services {
		r := s.shift.Status.Release
		if r.Running() {
			running++
		}
		if r.Running() && r.Step > 0 && r.Outcome == nil {
			counted++
		}
		if s.shift.Name == shown {
			d.pods(s.sets)
		}
		if s.shift.Name == shown && (r == nil || r.StartedAt.Time.Equal(d.now())) {
			n := d.some(shownRate * tick.Seconds())
			d.requests([]evidence.Counts{{Requests: n, Bad: d.some(s.traffic.Stable[0] * n)}}, nil)
		}
	}
	d.source(counted)
	d.writes(running)
	d.replicas()
	d.passes(running)
}

func (d *day) source(counted float64) {
	up, age, outcome, kind, n := 1.0, 0.0, metrics.OK, metrics.AskProbe, 1.0
	if d.within(outage) {
		up, outcome = 0, metrics.Error
	}
	if counted > 0 {
		age, kind, n = d.about(7), metrics.AskSlice, 12
	}
	d.gauge(metrics.EvidenceSourceUp, up, "default")
	d.gauge(metrics.EvidenceLag, d.about(3.2), "default")
	d.gauge(metrics.EvidenceAge, age, "default")
	d.gauge(metrics.EvidenceClockAhead, d.about(0.02), "default")
	d.gauge(metrics.HoldMode, 1, metrics.OnChange)
	d.gauge(metrics.HoldMode, 0, metrics.Always)
	d.gauge(metrics.HoldMode, 0, metrics.Fallback)
	for _, reason := range d.table[metrics.EvidenceVoidSlices].Labels[1].Values {
		d.happened(metrics.EvidenceVoidSlices, 0, "default", reason)
	}
	for range int(n) {
		d.happened(metrics.EvidenceQueries, 1, "default", kind, outcome)
		took := 0.02 + 0.05*d.dice.ExpFloat64()
		if outcome != metrics.OK {
			took = 10
		}
		d.happened(metrics.EvidenceQueryDuration, took, "default", kind)
	}
}

func (d *day) writes(running float64) {
	d.happened(metrics.Writes, d.some(2*running), "TrafficShift", "patch", metrics.OK)
	d.happened(metrics.Writes, d.some(0.2*running), "VirtualService", "patch", metrics.OK)
	if d.dice.Float64() < 0.03 {
		d.happened(metrics.Writes, 1, "TrafficShift", "patch", metrics.Conflict)
	}
	if d.within(trouble) {
		d.happened(metrics.Writes, 1, "TrafficShift", "patch", metrics.Error)
	}
	if running > 0 && d.dice.Float64() < 0.001 {
		d.happened(metrics.ForeignEdits, 1, metrics.EditRoute)
	}
	if running > 0 && d.dice.Float64() < 0.002 {
		d.happened(metrics.Commands, 1, "replan", metrics.Accepted)
	}
}

// replicas are those of the operator.
func (d *day) replicas() {
	for _, r := range []struct {
		pod           string
		leads, memory float64
	}{{leader, 1, 96e6}, {"stagger-7d9c-q8m4k", 0, 62e6}} {
		d.sample(named("leader_election_master_status", "name", "stagger", "pod", r.pod), r.leads)
		d.sample(named(metrics.BuildInfo, append(d.labels(metrics.BuildInfo, "v0.1.0", "4c2950e", "go1.26.8"), "pod", r.pod)...), 1)
		d.sample(named("process_resident_memory_bytes", "pod", r.pod), r.memory*(1+0.01*d.dice.NormFloat64()))
	}
}

func (d *day) passes(running float64) {
	const controller = "controller"
	for _, c := range []struct {
		name   string
		passes float64
	}{{"shift", 1 + 6*running}, {"service", 1 + running}, {"policy", 0.5}} {
		n, failed := d.some(c.passes), 0.0
		if c.name == "shift" && d.within(trouble) {
			failed = 1
		}
		d.count(n, "controller_runtime_reconcile_total", controller, c.name, "result", "success")
		d.count(failed, "controller_runtime_reconcile_errors_total", controller, c.name)
		for range int(n) {
			d.observe(1, 0.003+0.012*d.dice.ExpFloat64(), "controller_runtime_reconcile_time_seconds", []float64{0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 1, 5}, controller, c.name)
		}
		busy := 0.0
		if d.dice.Float64() < 0.02*c.passes/10 {
			busy = 0.01 * d.dice.Float64()
		}
		d.sample(named("workqueue_unfinished_work_seconds", controller, c.name), busy)
		d.sample(named("workqueue_depth", controller, c.name, "priority", "0"), math.Floor(d.dice.Float64()+0.01*c.passes/10))
	}
	d.sample(named("workqueue_depth", controller, "shift", "priority", "100"), 0)
	for _, call := range []struct {
		method, code string
		n            float64
	}{{"GET", "200", 3}, {"PATCH", "200", 2.2 * running}, {"POST", "201", 0.1 * running}, {"PATCH", "409", 0.03}} {
		d.count(d.some(call.n), "rest_client_requests_total", "method", call.method, "code", call.code)
	}
}

// requests are what callers' proxies tell of the shown Service.
func (d *day) requests(stable, canary []evidence.Counts) {
	for i, counts := range [][]evidence.Counts{stable, canary} {
		if len(counts) == 0 {
			continue
		}
		n, bad, typical := counts[0].Requests, counts[0].Bad, d.about([]float64{17, 20}[i])
		of := []string{"reporter", "source", "destination_service_namespace", "shop", "destination_service_name", shown + []string{"", "-canary"}[i], "destination_workload", shown}
		d.count(n-bad, "istio_requests_total", append(of, "response_code", "200")...)
		d.count(bad, "istio_requests_total", append(of, "response_code", "503")...)
		for _, b := range []float64{10, 25, 50, 100, 250, 500} {
			d.count(n*(1-math.Exp(-b/typical)), "istio_request_duration_milliseconds_bucket", append(of, "le", fmt.Sprint(b))...)
		}
		d.count(n, "istio_request_duration_milliseconds_bucket", append(of, "le", "+Inf")...)
	}
}

// pods are what kube-state-metrics tells of the shown Service; without ReplicaSets it is as it is before its release.
func (d *day) pods(sets []*appsv1.ReplicaSet) {
	const before = shown + "-5d4f7b8c96"
	if sets == nil {
		d.ready(before, "Deployment", shown, 10)
	}
	here := strings.NewReplacer("simulated-old", before, "simulated", shown)
	for _, rs := range sets {
		owner := metav1.GetControllerOf(rs)
		d.ready(here.Replace(rs.Name), owner.Kind, here.Replace(owner.Name), float64(rs.Status.ReadyReplicas))
	}
}

func (d *day) ready(replicaset, kind, owner string, n float64) {
	d.sample(named("kube_replicaset_owner", "namespace", "shop", "replicaset", replicaset, "owner_kind", kind, "owner_name", owner), 1)
	d.sample(named("kube_replicaset_status_ready_replicas", "namespace", "shop", "replicaset", replicaset), n)
}
