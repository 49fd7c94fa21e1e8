package main

import (
	"github.com/grafana/grafana-foundation-sdk/go/cog"
	"github.com/grafana/grafana-foundation-sdk/go/common"
	"github.com/grafana/grafana-foundation-sdk/go/dashboard"
	"github.com/grafana/grafana-foundation-sdk/go/units"

	"github.com/stagger-dev/stagger/pkg/apis/stagger/v1alpha1"
	"github.com/stagger-dev/stagger/pkg/metrics"
)

const (
	promoted = string(v1alpha1.StatePromoted)
	aborted  = string(v1alpha1.StateAborted)
)

// told is 0 where the leader tells its metrics, and nothing where it does not: a number of things that are none is 0 then, and not unknown.
var told = "0 * " + sum(of(metrics.HoldMode))

// waits are the releases, and templates that are to be released, that wait for something else than their next step, and since when.
var waits = most(of(metrics.ReleaseWaitingSince, not(metrics.LabelReason, metrics.Progressing()...)), metrics.LabelNamespace, metrics.LabelService, metrics.LabelReason)

// fleet is for who answers for all releases, and for a screen on the wall.
func fleet() board {
	return board{
		uid: fleetUID, title: "Fleet", from: "now-24h",
		about: "All releases: which run, which wait and for what, how they end, and what they cost users.",
		rows: []row{
			{"Now", append(fleetNumbers(), fleetTables()...)},
			{"How releases end", fleetEnds()},
			{"Who takes part", fleetServices()},
		},
	}
}

func fleetNumbers() []cog.Builder[dashboard.Panel] {
	ended := func(outcome string) string {
		return "round(" + sum(increase(of(metrics.Releases, is(metrics.LabelOutcome, outcome)), "24h")) + ")"
	}
	return []cog.Builder[dashboard.Panel]{
		number(panel{"Running", "Releases that are under way, from their preparation to the moment everything is put back.", units.Short, 4, 4},
			now("", sum(of(metrics.Services, is(metrics.LabelState, metrics.RunningStates()...)))+" or "+told)).ColorScheme(fixed(blue)),
		number(panel{"Waiting", "Releases, and versions that are to be released, that wait for something else than their next step; paused ones too.", units.Short, 4, 4},
			now("", aggregate("count", waits, nil)+" or "+told)).Thresholds(limits(1, orange)),
		number(panel{"Aborted in 24 h", "Releases whose version was taken back within a day.", units.Short, 4, 4},
			now("", ended(aborted))).Thresholds(limits(1, orange)),
		number(panel{"Promoted in 24 h", "Releases whose version serves all users, within a day.", units.Short, 4, 4},
			now("", ended(promoted))).ColorScheme(fixed(green)),
		number(panel{"Promoted on retry", "Releases of a template that had been aborted and was released again and promoted, within a day: the abort may have been for nothing.", units.Short, 4, 4},
			now("", "round("+sum(increase(of(metrics.RetriedReleases, is(metrics.LabelOutcome, promoted)), "24h"))+")")).Thresholds(limits(1, orange)),
		number(panel{"Under management", "Part of the Services with a selector that are released step by step, in the namespaces that the operator watches.", units.PercentUnit, 4, 4},
			now("", sum(of(metrics.Services))+" / ("+sum(of(metrics.Services))+" + ("+sum(of(metrics.UnmanagedServices))+" or "+told+"))")).ColorScheme(fixed(blue)).Min(0).Max(1),
	}
}

func fleetTables() []cog.Builder[dashboard.Panel] {
	link := dashboard.NewDashboardLinkBuilder("Show the release").Type(dashboard.DashboardLinkTypeLink).
		Url("/d/" + releaseUID + "?${datasource:queryparam}&${cluster:queryparam}&var-release_namespace=${__data.fields.Namespace}&var-release_service=${__data.fields.Service}")
	return []cog.Builder[dashboard.Panel]{
		rows(panel{"What has waited longest", "Releases, and versions that are to be released, that wait for something else than their next step, and for what. kubectl stagger why says what helps. Click to see the release.", units.DurationSeconds, 14, 7},
			"sort_desc(topk(20, time() - "+waits+"))",
			column{"Value", "Waits for"}, column{metrics.LabelReason, "Reason"}, column{metrics.LabelNamespace, "Namespace"}, column{metrics.LabelService, "Service"}, column{clusterLabel, "Cluster"},
		).DataLinks([]cog.Builder[dashboard.DashboardLink]{link}),
		rows(panel{"Alerts that fire", "Stagger's alerts, as this Prometheus has them. Each has a runbook of its name.", units.Short, 10, 7},
			most(of("ALERTS", is("alertstate", "firing"), `alertname=~"Stagger.+"`), "alertname", "severity", metrics.LabelNamespace, metrics.LabelService),
			column{"severity", "Severity"}, column{"alertname", "Alert"}, column{metrics.LabelNamespace, "Namespace"}, column{metrics.LabelService, "Service"}, column{clusterLabel, "Cluster"}),
	}
}

func fleetEnds() []cog.Builder[dashboard.Panel] {
	duration := func(q float64) string {
		return quantile(q, increase(of(metrics.ReleaseDuration+"_bucket"), "$__range"), metrics.LabelOutcome) + " > 0"
	}
	ends := func(outcome string) string {
		return sum(increase(of(metrics.Releases, is(metrics.LabelOutcome, outcome)), rateInterval), metrics.LabelOutcome, metrics.LabelCause)
	}
	return []cog.Builder[dashboard.Panel]{
		events(panel{"Ends by cause", "Releases that ended in each part of the time, by outcome and cause. version: it was proven, or it fails. workload: pods that do not come, or objects that went away. people: somebody's decision. superseded: another template. evidence: the counts could not tell. mesh: what keeps Stagger from writing, or writes against it.", units.Short, 14, 9},
			over(by(metrics.LabelOutcome, metrics.LabelCause), ends(promoted)), over(by(metrics.LabelOutcome, metrics.LabelCause), ends(aborted))).
			OverrideByQuery("A", colored(green)).OverrideByRegexp("^"+aborted+" "+metrics.CauseVersion+".*", colored(red)),
		bars(panel{"Releases by namespace", "Releases that ended in the time of the board, by namespace: the twenty with the most.", units.Short, 10, 9},
			now(by(metrics.LabelNamespace, metrics.LabelOutcome), "topk(20, round("+sum(increase(of(metrics.NamespaceReleases), "$__range"), metrics.LabelNamespace, metrics.LabelOutcome)+") > 0)")).
			OverrideByRegexp(".*"+promoted+".*", colored(green)).OverrideByRegexp(".*"+aborted+".*", colored(red)),
		number(panel{"What users met", "Requests that met the canaries of the releases that ended in the time of the board: all of them (exposed), those that failed, and how many more failed than at the stable's share (excess_failed), which is what releases cost.", units.Short, 8, 8},
			now(by(metrics.LabelResult), "round("+sum(increase(of(metrics.NamespaceCanaryRequests), "$__range"), metrics.LabelResult)+")")).ColorScheme(fixed(blue)).
			OverrideByRegexp("^"+metrics.ExcessFailed+".*", colored(orange)),
		bars(panel{"How long releases took", "Half of the releases that ended in the time of the board took at most p50, nine in ten at most p90.", units.DurationSeconds, 8, 8},
			now("p50 "+by(metrics.LabelOutcome), duration(0.5)), now("p90 "+by(metrics.LabelOutcome), duration(0.9))).ColorScheme(fixed(blue)),
		bars(panel{"How long steps took", "Median time from the first weight of a step to the next step, or to the end, in the time of the board.", units.DurationSeconds, 8, 8},
			now("step "+by(metrics.LabelStep), quantile(0.5, increase(of(metrics.StepDuration+"_bucket"), "$__range"), metrics.LabelStep)+" > 0")).ColorScheme(fixed(blue)),
	}
}

func fleetServices() []cog.Builder[dashboard.Panel] {
	return []cog.Builder[dashboard.Panel]{
		stacked(panel{"Services by state", "Services under management. Ready: at rest. Aborted: the template was taken back and is refused. Waiting: a template is to be released and waits. Stalled: only people can help.", units.Short, 10, 8},
			over(by(metrics.LabelState), sum(of(metrics.Services), metrics.LabelState))).LineInterpolation(common.LineInterpolationStepAfter),
		bars(panel{"Services nobody manages", "Services with a selector that are not released step by step: the ten namespaces with the most.", units.Short, 5, 8},
			now(by(metrics.LabelNamespace), "topk(10, "+sum(of(metrics.UnmanagedServices), metrics.LabelNamespace)+")")).ColorScheme(fixed(grey)),
		events(panel{"Begun by policy", "Releases that began in each part of the time, by ShiftPolicy.", units.Short, 5, 8},
			over(by(metrics.LabelPolicy), sum(increase(of(metrics.ReleasesStarted), rateInterval), metrics.LabelPolicy))),
		events(panel{"Commands of people", "Commands that were answered in each part of the time. Many aborts or promotions by hand mean that people do not trust the evidence, or know more.", units.Short, 4, 8},
			over(by(metrics.LabelCommand), sum(increase(of(metrics.Commands), rateInterval), metrics.LabelCommand))),
	}
}
