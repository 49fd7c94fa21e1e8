package main

import (
	"strings"

	"github.com/grafana/grafana-foundation-sdk/go/cog"
	"github.com/grafana/grafana-foundation-sdk/go/common"
	"github.com/grafana/grafana-foundation-sdk/go/dashboard"
	"github.com/grafana/grafana-foundation-sdk/go/timeseries"
	"github.com/grafana/grafana-foundation-sdk/go/units"

	"github.com/stagger-dev/stagger/pkg/apis/stagger/v1alpha1"
	"github.com/stagger-dev/stagger/pkg/metrics"
)

// release is for the team whose Service is released, and for who is on call.
func release() board {
	return board{
		uid: releaseUID, title: "Release", from: "now-1h",
		about: "One release: how much traffic the canary has and why, what both arms answer, and how close the evidence is to a decision. A Service at rest has no series of its own: choose a time in which one was released.",
		variables: []cog.Builder[dashboard.VariableModel]{
			values(metrics.LabelNamespace, "Namespace", of(metrics.ReleaseInfo)),
			values(metrics.LabelService, "Service", of(metrics.ReleaseInfo, is(metrics.LabelNamespace, "$release_namespace"))),
			variable("workload", "Workload", "label_values("+istioOf("istio_requests_total", `destination_service_name="$release_service"`)+", destination_workload)").
				Hide(dashboard.VariableHideHideVariable).IncludeAll(true).Multi(true).Current(all()),
		},
		annotations: []cog.Builder[dashboard.AnnotationQuery]{
			span("Releases", blue, "release {{number}} by policy {{policy}}", metrics.RunningStates()),
			span("Taken back", red, "release {{number}} is taken back", []string{string(v1alpha1.StateAborting), string(v1alpha1.StateDraining), string(v1alpha1.StateRestoring)}),
			span("Handed over", green, "release {{number}} is handed over", []string{string(v1alpha1.StateHandover)}),
		},
		rows: []row{
			{"Where it stands", releaseNumbers()},
			{"What is decided", releaseDecisions()},
			{"What users get", releaseUsers()},
		},
	}
}

// span marks the time in which a release was in one of the states, from its beginning to its end.
func span(name, color, text string, states []string) *dashboard.AnnotationQueryBuilder {
	return dashboard.NewAnnotationQueryBuilder().Name(name).Enable(true).IconColor(color).Datasource(source()).
		Expr(most(ofRelease(metrics.ReleaseInfo, is(metrics.LabelState, states...)), metrics.LabelNamespace, metrics.LabelService, metrics.LabelNumber, metrics.LabelPolicy)).
		TitleFormat(name).TextFormat(text).TagKeys(strings.Join([]string{metrics.LabelNamespace, metrics.LabelService}, ","))
}

func releaseNumbers() []cog.Builder[dashboard.Panel] {
	return []cog.Builder[dashboard.Panel]{
		number(panel{"State", "State of the release that runs, its number and its policy.", units.Short, 6, 4},
			now("{{state}}: release {{number}} by {{policy}}", most(ofRelease(metrics.ReleaseInfo), metrics.LabelState, metrics.LabelNumber, metrics.LabelPolicy))).
			TextMode(common.BigValueTextModeName).ColorScheme(fixed(blue)),
		number(panel{"Runs for", "Since the release began.", units.DurationSeconds, 3, 4},
			now("", "time() - "+most(ofRelease(metrics.ReleaseStarted)))).ColorScheme(fixed(blue)),
		number(panel{"Step", "The step of the plan, and how many it has. 0 before the first weight.", units.Short, 4, 4},
			now("step", most(ofRelease(metrics.ReleaseStep))), now("of", most(ofRelease(metrics.ReleaseSteps)))).ColorScheme(fixed(blue)),
		number(panel{"Waits", "For how long the release has waited for the same reason. Holding, NotCleared and Settling are a release that goes its way.", units.DurationSeconds, 4, 4},
			now(by(metrics.LabelReason), "time() - "+most(ofRelease(metrics.ReleaseWaitingSince), metrics.LabelReason))).ColorScheme(fixed(orange)),
		number(panel{"What users met", "Requests that met the canary in this release: all of them (exposed), those that failed, and how many would have failed at the stable's share (expected_failed).", units.Short, 7, 4},
			now(by(metrics.LabelResult), most(ofRelease(metrics.ReleaseRequests), metrics.LabelResult))).ColorScheme(fixed(blue)),
	}
}

func releaseDecisions() []cog.Builder[dashboard.Panel] {
	counted := func(metric, arm string) string {
		return most(ofRelease(metric, is(metrics.LabelArm, arm)), metrics.LabelObjective)
	}
	requests := func(arm string) query { return over(arm+", {{objective}}", counted(metrics.ObjectiveRequests, arm)) }
	bad := func(arm string) query {
		return over(arm+", {{objective}}", counted(metrics.ObjectiveBadRequests, arm)+" / "+counted(metrics.ObjectiveRequests, arm))
	}
	weight := func(kind string) query {
		return over(kind, most(ofRelease(metrics.ReleaseWeight, is(metrics.LabelKind, kind))))
	}
	side := func(metric, side string) string { return ofRelease(metric, is(metrics.LabelSide, side)) }
	drawn := func(expr string) string { return "clamp_min(" + expr + ", 0.001)" } // 1e-20 would leave no room for the limits
	return []cog.Builder[dashboard.Panel]{
		arms(panel{"Weight", "Share of the traffic that is to go to the canary, and that does, as measured. Without traffic nothing is measured.", units.PercentUnit, 12, 9},
			weight(metrics.Wanted), weight(metrics.Live)).Max(1).LineInterpolation(common.LineInterpolationStepAfter).FillOpacity(10),
		states(panel{"Steps and states", "The step of the plan, the state of the release, and what it waits for, in their time.", units.Short, 12, 9},
			over("step", most(ofRelease(metrics.ReleaseStep))),
			over(by(metrics.LabelState), most(ofRelease(metrics.ReleaseInfo), metrics.LabelState)),
			over("waits: "+by(metrics.LabelReason), aggregate("group", ofRelease(metrics.ReleaseWaitingSince), []string{metrics.LabelReason}))).
			ColorScheme(fixed(blue)).
			OverrideByQuery("B", append(colored(green), shown("1", " ", green))).OverrideByQuery("C", append(colored(orange), shown("1", " ", orange))),
		graph(panel{"Evidence", "Evidence against the canary, of all objectives together, and for its next move, of each; with the limits. The release is aborted where what is against it reaches its limit, and may move on where every objective has reached that of the other side. Both grow tenfold as easily from 1 as from 10: the axis is logarithmic, and what is less than a thousandth is drawn there.", units.SiShort, 12, 10},
			over("against", drawn(sum(most(side(metrics.ObjectiveEvidence, metrics.Against), metrics.LabelObjective)))),
			over("for, {{objective}}", drawn(most(side(metrics.ObjectiveEvidence, metrics.For), metrics.LabelObjective))),
			over("abort at", most(side(metrics.ObjectiveEvidenceLimit, metrics.Against))),
			over("go on at", most(side(metrics.ObjectiveEvidenceLimit, metrics.For)))).
			ScaleDistribution(common.NewScaleDistributionConfigBuilder().Type(common.ScaleDistributionLog).Log(10)).
			OverrideByQuery("A", colored(red)).OverrideByQuery("C", dashed(red)).OverrideByQuery("D", dashed(green)),
		arms(panel{"Bad requests of both arms", "Part of the requests counted in this release that were bad, by objective. Few requests say little: see how many there are beside it.", units.PercentUnit, 6, 10},
			bad(metrics.StableArm), bad(metrics.CanaryArm)),
		arms(panel{"Counted requests (n)", "Requests that were counted in this release, by objective. What is decided rests on them.", units.Short, 6, 10},
			requests(metrics.StableArm), requests(metrics.CanaryArm)),
	}
}

// shown is an override that shows a value as a text.
func shown(value, text, color string) dashboard.DynamicConfigValue {
	return dashboard.DynamicConfigValue{Id: "mappings", Value: mapping(said{value, text, color})}
}

// arms draws two queries, the first in the color of the stable, the second in that of the canary.
func arms(p panel, a, b query) *timeseries.PanelBuilder {
	return graph(p, a, b).Min(0).OverrideByQuery("A", colored(blue)).OverrideByQuery("B", colored(orange))
}

// istioOf are Istio's standard metrics of the release's Services, as the callers' proxies report them.
func istioOf(metric string, matchers ...string) string {
	return of(metric, append([]string{`reporter="source"`, `destination_service_namespace="$release_namespace"`}, matchers...)...)
}

func releaseUsers() []cog.Builder[dashboard.Panel] {
	const stable, canary = "$release_service", "${release_service}-canary"
	to := func(service, metric string, matchers ...string) string {
		return istioOf(metric, append([]string{is("destination_service_name", service)}, matchers...)...)
	}
	name := by("destination_service_name")
	requests := func(service string) string {
		return sum(rate(to(service, "istio_requests_total")), "destination_service_name")
	}
	failed := func(service string) string {
		bad := sum(rate(to(service, "istio_requests_total", `response_code=~"5..|0"`)), "destination_service_name")
		return "(" + bad + " or 0 * " + requests(service) + ") / " + requests(service)
	}
	slowest := func(service string) string {
		return quantile(0.9, rate(to(service, "istio_request_duration_milliseconds_bucket")), "destination_service_name")
	}
	ready := func(owner ...string) string {
		return sum(of("kube_replicaset_status_ready_replicas", `namespace="$release_namespace"`)+" * on (cluster, namespace, replicaset) group_left () "+
			aggregate("group", of("kube_replicaset_owner", append([]string{`namespace="$release_namespace"`}, owner...)...), []string{"namespace", "replicaset"}), "replicaset")
	}
	return []cog.Builder[dashboard.Panel]{
		arms(panel{"Requests per second", "Requests to both arms, by Istio's destination_service_name, as callers' proxies report them. The canary's Service ends with -canary.", units.RequestsPerSecond, 6, 9},
			over(name, requests(stable)), over(name, requests(canary))),
		arms(panel{"Failed requests", "Part of the requests that were answered with 5xx, or not at all, by Istio's destination_service_name. The policy may count more or less as bad: see above.", units.PercentUnit, 6, 9},
			over(name, failed(stable)), over(name, failed(canary))),
		arms(panel{"Duration of requests, p90", "Nine in ten requests are answered at least that fast, by Istio's destination_service_name.", units.Milliseconds, 6, 9},
			over(name, slowest(stable)), over(name, slowest(canary))),
		arms(panel{"Ready pods", "Pods of both arms that are ready, as kube-state-metrics has them. The canary's ReplicaSet belongs to its Service until it is handed over to the Deployment.", units.Short, 6, 9},
			over("stable, {{replicaset}}", ready(`owner_kind="Deployment"`, `owner_name=~"$workload"`)+" > 0"),
			over("canary, {{replicaset}}", ready(`owner_kind="Service"`, is("owner_name", canary)))).Decimals(0),
	}
}
