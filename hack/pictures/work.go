package main

import (
	"fmt"
	"math"
	"time"

	"github.com/stagger-dev/stagger/pkg/apis/stagger/v1alpha1"
	"github.com/stagger-dev/stagger/pkg/metrics"
)

// outage is when the source did not answer, and refused is when the API server took no routes.
var (
	outage  = [2]time.Time{end.Add(-3 * time.Hour), end.Add(-3*time.Hour + 12*time.Minute)}
	refused = [2]time.Time{end.Add(-100 * time.Minute), end.Add(-70 * time.Minute)}
)

func (d *day) within(span [2]time.Time) bool { return !d.now.Before(span[0]) && d.now.Before(span[1]) }

// wave goes up and down around a value.
func (d *day) wave(around, by float64) float64 {
	return around + by*math.Sin(float64(d.now.Unix())/3000) + by*0.3*d.dice.NormFloat64()
}

// work is what the operator, the mesh and kube-state-metrics tell beside the releases.
func (d *day) work(checkout *v1alpha1.TrafficShift) {
	d.source()
	d.writes()
	d.operator()
	d.mesh(checkout.Status.Release)
	d.others()
}

func (d *day) source() {
	down := d.within(outage)
	up, lag, age, outcome := 1.0, d.wave(6, 1.5), d.wave(9, 2), metrics.OK
	if down {
		gone := d.now.Sub(outage[0]).Seconds()
		up, lag, age, outcome = 0, gone, gone, metrics.Error
		d.count(6, metrics.EvidenceVoidSlices, metrics.LabelSource, "default", metrics.LabelReason, string(v1alpha1.ReasonPrometheusUnreachable))
	}
	d.gauge(metrics.EvidenceSourceUp, up, "default")
	d.gauge(metrics.EvidenceLag, lag, "default")
	d.gauge(metrics.EvidenceAge, age, "default")
	d.gauge(metrics.HoldMode, 1, metrics.OnChange)
	d.gauge(metrics.HoldMode, 0, metrics.Always)
	d.gauge(metrics.HoldMode, 0, metrics.Fallback)
	for _, reason := range []v1alpha1.Reason{v1alpha1.ReasonNoData, v1alpha1.ReasonStale, v1alpha1.ReasonPrometheusUnreachable} {
		d.count(0, metrics.EvidenceVoidSlices, metrics.LabelSource, "default", metrics.LabelReason, string(reason))
	}
	for kind, n := range map[string]int{metrics.AskSlice: 12, metrics.AskPods: 3} {
		for range n {
			d.happened(metrics.EvidenceQueries, 1, "default", kind, outcome)
			d.happened(metrics.EvidenceQueryDuration, math.Abs(d.wave(0.08, 0.04)), "default", kind)
		}
	}
}

func (d *day) writes() {
	for kind, n := range map[string]float64{"VirtualService": 0.3, "TrafficShift": 4, "Service": 0.1} {
		d.happened(metrics.Writes, float64(int(n+d.dice.Float64())), kind, "patch", metrics.OK)
	}
	if d.dice.Float64() < 0.03 {
		d.happened(metrics.Writes, 1, "TrafficShift", "patch", metrics.Conflict)
	}
	if d.within(refused) {
		d.happened(metrics.Writes, 1, "VirtualService", "patch", metrics.Denied)
	}
	if d.dice.Float64() < 0.004 {
		d.happened(metrics.ForeignEdits, 1, metrics.EditRoute)
	}
	if d.dice.Float64() < 0.003 {
		d.happened(metrics.Commands, 1, []string{"abort", "promote", "retry"}[d.dice.IntN(3)], metrics.Accepted)
	}
}

func (d *day) operator() {
	leads := d.now.After(end.Add(-4 * time.Hour))
	for pod, is := range map[string]bool{"stagger-7d9c-x2x5p": leads, "stagger-7d9c-q8m4k": !leads} {
		of := func(name string) string { return fmt.Sprintf(`%s{job="stagger-metrics",pod=%q`, name, pod) }
		value, memory := 0.0, 62e6
		if is {
			value, memory = 1, 96e6
		}
		d.sample(of("leader_election_master_status")+`,name="stagger"}`, value)
		d.sample(of(metrics.BuildInfo)+`,version="v0.1.0",revision="4c2950e",go_version="go1.26.8"}`, 1)
		d.sample(of("process_resident_memory_bytes")+"}", d.wave(memory, 3e6))
	}
	for controller, passes := range map[string]float64{"shift": 14, "service": 4, "policy": 1} {
		d.count(float64(int(passes+d.dice.Float64())), "controller_runtime_reconcile_total", "controller", controller, "result", "success")
		failed := 0.0
		if controller == "shift" && d.within(refused) {
			failed = 1
		}
		d.count(failed, "controller_runtime_reconcile_errors_total", "controller", controller)
		for range int(passes) {
			d.observe(math.Abs(d.wave(0.03, 0.01)), "controller_runtime_reconcile_time_seconds", []float64{0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 1, 5}, "controller", controller)
		}
		d.sample(named("workqueue_unfinished_work_seconds", "controller", controller), math.Abs(d.wave(0.004, 0.002)))
		d.sample(named("workqueue_depth", "controller", controller, "priority", "0"), float64(d.dice.IntN(30)/29))
	}
	d.sample(named("workqueue_depth", "controller", "shift", "priority", "100"), 0)
	for call, n := range map[[2]string]float64{{"GET", "200"}: 6, {"PATCH", "200"}: 5, {"POST", "201"}: 0.4, {"PATCH", "409"}: 0.1} {
		d.count(float64(int(n+d.dice.Float64())), "rest_client_requests_total", "method", call[0], "code", call[1])
	}
}

// mesh is what callers' proxies tell of checkout, and kube-state-metrics of its pods.
func (d *day) mesh(r *v1alpha1.Release) {
	weight, fails := 0.0, false
	if r.Running() {
		weight, fails = r.Weight.Fraction(), d.now.Sub(r.StartedAt.Time) > 27*time.Minute
	}
	for name, share := range map[string]float64{"checkout": 1 - weight, "checkout-canary": weight} {
		n := 180 * tick.Seconds() * share * (0.95 + 0.1*d.dice.Float64())
		bad, slow := 0.002*n, 40.0
		if name == "checkout-canary" {
			slow = 46
			if fails {
				bad = 0.0042 * n
			}
		}
		of := []string{"reporter", "source", "destination_service_namespace", "shop", "destination_service_name", name, "destination_workload", "checkout"}
		d.count(n-bad, "istio_requests_total", append(of, "response_code", "200")...)
		d.count(bad, "istio_requests_total", append(of, "response_code", "503")...)
		for _, b := range []float64{10, 25, 50, 100, 250, 500} {
			d.count(n*(1-math.Exp(-b/slow*2.3)), "istio_request_duration_milliseconds_bucket", append(of, "le", fmt.Sprint(b))...)
		}
		d.count(n, "istio_request_duration_milliseconds_bucket", append(of, "le", "+Inf")...)
	}
	d.pods("checkout-6f5b", "Deployment", "checkout", 8)
	if r.Running() && r.Outcome == nil {
		d.pods("checkout-6f5b-7c", "Service", "checkout-canary", max(2, math.Ceil(8*weight)))
	}
}

func (d *day) pods(replicaset, kind, owner string, n float64) {
	d.sample(named("kube_replicaset_owner", "namespace", "shop", "replicaset", replicaset, "owner_kind", kind, "owner_name", owner), 1)
	d.sample(named("kube_replicaset_status_ready_replicas", "namespace", "shop", "replicaset", replicaset), n)
}

// others are what waits for people, and the alerts that tell of it.
func (d *day) others() {
	if d.within(refused) {
		return
	}
	d.gauge(metrics.ReleaseWaitingSince, float64(end.Add(-27*time.Hour).Unix()), "media", "catalog", string(v1alpha1.ReasonPaused))
	d.gauge(metrics.ReleaseWaitingSince, float64(end.Add(-150*time.Minute).Unix()), "payments", "invoices", string(v1alpha1.ReasonSiblingServices))
	d.sample(named("ALERTS", "alertname", "StaggerPausedLong", "alertstate", "firing", "severity", "info", metrics.LabelNamespace, "media", metrics.LabelService, "catalog"), 1)
	d.sample(named("ALERTS", "alertname", "StaggerReleaseAborted", "alertstate", "firing", "severity", "info", metrics.LabelNamespace, "shop"), 1)
}
