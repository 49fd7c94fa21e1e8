package main

import (
	"github.com/grafana/grafana-foundation-sdk/go/cog"
	"github.com/grafana/grafana-foundation-sdk/go/dashboard"
	"github.com/grafana/grafana-foundation-sdk/go/units"

	"github.com/stagger-dev/stagger/pkg/metrics"
)

// evidence is for who is called at night because releases do not go on, or aborts come late.
func evidence() board {
	return board{
		uid: evidenceUID, title: "Evidence and writes", from: "now-6h",
		about: "Whether Stagger can count requests, and whether the API server takes its writes. Releases stand still without the first; without the second a bad version may keep its traffic.",
		rows: []row{
			{"Can it count?", evidenceSources()},
			{"How fast does it abort?", evidenceAborts()},
			{"Can it write?", evidenceWrites()},
		},
	}
}

func evidenceSources() []cog.Builder[dashboard.Panel] {
	bySource := by(metrics.LabelSource)
	return []cog.Builder[dashboard.Panel]{
		states(panel{"Sources", "Whether each source of counts answered the last question. While one does not, releases that are counted there hold, and none is aborted by evidence.", units.Short, 24, 5},
			over(bySource, most(of(metrics.EvidenceSourceUp), metrics.LabelSource))).
			Mappings(mapping(said{"0", "does not answer", red}, said{"1", "answers", green})),
		graph(panel{"Lag", "How far behind now the newest reports are that the source shows. Every abort by evidence comes that much later.", units.Seconds, 8, 8},
			over(bySource, most(of(metrics.EvidenceLag), metrics.LabelSource))).Min(0),
		graph(panel{"Age of the newest counts", "Time since the last counts that were evidence, of the running release that has waited longest for some. Above 5 minutes StaggerEvidenceStale fires. 0 while no release has a weight.", units.Seconds, 8, 8},
			over(bySource, most(of(metrics.EvidenceAge), metrics.LabelSource))).Min(0),
		graph(panel{"Time of queries, p90", "Nine in ten queries are answered at least that fast, or have failed by then. slice: the newest counts; past: the time before a release; pods: single pods; probe: whether there is an answer.", units.Seconds, 8, 8},
			over(by(metrics.LabelSource, metrics.LabelKind), quantile(0.9, rate(of(metrics.EvidenceQueryDuration+"_bucket")), metrics.LabelSource, metrics.LabelKind))).Min(0),
		graph(panel{"Queries", "Queries a second, by how they ended. partial: something was missing in the answer, and it is not used; error: it is asked again.", units.RequestsPerSecond, 8, 8},
			over(by(metrics.LabelSource, metrics.LabelOutcome), sum(rate(of(metrics.EvidenceQueries)), metrics.LabelSource, metrics.LabelOutcome))).Min(0),
		events(panel{"Void slices", "Slices of releases, five seconds each, that prove nothing, by the reason.", units.Short, 8, 8},
			over(by(metrics.LabelSource, metrics.LabelReason), sum(increase(of(metrics.EvidenceVoidSlices), rateInterval), metrics.LabelSource, metrics.LabelReason))),
		graph(panel{"Clocks", "By how much the operator's clock is ahead of that of the source; negative: behind. Beyond 5 seconds nothing is raised (ClockSkew).", units.Seconds, 8, 8},
			over(bySource, most(of(metrics.EvidenceClockAhead), metrics.LabelSource))),
	}
}

func evidenceAborts() []cog.Builder[dashboard.Panel] {
	latency := of(metrics.AbortLatency + "_bucket")
	within := func(q float64) string { return quantile(q, increase(latency, "$__range"), metrics.LabelStage) + " > 0" }
	return []cog.Builder[dashboard.Panel]{
		bars(panel{"Aborts by evidence took", "Half of them at most p50, nine in ten at most p90, in the time of the board. evidence: from the end of the counts to the decision, which is the source's lag. write: from there until the canary's traffic was taken away. total: both.", units.Seconds, 12, 8},
			now("p50 "+by(metrics.LabelStage), within(0.5)), now("p90 "+by(metrics.LabelStage), within(0.9))).Decimals(1).ColorScheme(fixed(blue)),
		events(panel{"Aborts and brakes by evidence", "How many there were in each part of the time. A brake lowers the weight to the first one within seconds of failures; what follows it proves the version, or aborts it.", units.Short, 12, 8},
			over("aborts", sum(increase(of(metrics.AbortLatency+"_count", is(metrics.LabelStage, metrics.StageTotal)), rateInterval))),
			over("brakes", sum(increase(of(metrics.Brakes), rateInterval)))).OverrideByRegexp("aborts.*", colored(red)).OverrideByRegexp("brakes.*", colored(orange)),
		stacked(panel{"Readings of proxies", "Proxies whose statistics are read directly, a second, by how that ended. Where none of a release's can be read, aborts of it take up to 45 s, not seconds.", units.RequestsPerSecond, 8, 8},
			over(by(metrics.LabelResult), sum(rate(of(metrics.DirectReadings)), metrics.LabelResult))).OverrideByRegexp("^"+metrics.OK+".*", colored(green)),
		graph(panel{"Time of readings, p90", "Nine in ten proxies are read that fast, or have failed by then. One that takes 0.3 s is given up.", units.Seconds, 8, 8},
			over("time", quantile(0.9, rate(of(metrics.DirectReadingDuration+"_bucket"))))).Min(0),
		events(panel{"Readings put off", "More proxies were to be read than the operator reads in a second: releases are read in turn then, the heaviest more often.", units.Short, 8, 8},
			over("put off", sum(increase(of(metrics.DirectPutOff), rateInterval)))),
	}
}

func evidenceWrites() []cog.Builder[dashboard.Panel] {
	result, kind := metrics.LabelResult, metrics.LabelKind
	return []cog.Builder[dashboard.Panel]{
		stacked(panel{"Writes by result", "Writes to the API server a second. conflict: the object had changed since it was read, and the next pass knows better; denied: admission, a quota or missing rights refused it; error: it failed, or nobody knows.", units.WritesPerSecond, 8, 8},
			over(by(result), sum(rate(of(metrics.Writes)), result))).
			OverrideByRegexp("^"+metrics.OK+".*", colored(green)).OverrideByRegexp("^"+metrics.Conflict+".*", colored(grey)).
			OverrideByRegexp("^"+metrics.Denied+".*", colored(red)).OverrideByRegexp("^"+metrics.Error+".*", colored(orange)),
		events(panel{"Writes that were denied or failed", "By what was to be written. A VirtualService or Service that is denied while a release is taken back is a bad version that may keep its traffic.", units.Short, 8, 8},
			over(by(kind, result), sum(increase(of(metrics.Writes, is(result, metrics.Denied, metrics.Error)), rateInterval), kind, result))),
		events(panel{"Edits by others", "Edits of a running release that were put back: of weights in routes, of the Service's selector, of a held Deployment that was let loose. Many mean that a GitOps tool fights the release.", units.Short, 8, 8},
			over(by(kind), sum(increase(of(metrics.ForeignEdits), rateInterval), kind))),
		states(panel{"How Deployments are held", "OnChange: by the admission policy. Always: paused at rest too, because there is no policy. Fallback: there is one, and it does not hold.", units.Short, 24, 5},
			over(by(metrics.LabelMode), most(of(metrics.HoldMode), metrics.LabelMode))).
			Mappings(mapping(said{"0", " ", "transparent"}, said{"1", "in force", green})).
			OverrideByRegexp("^"+metrics.Fallback+".*", []dashboard.DynamicConfigValue{{Id: "mappings", Value: mapping(said{"0", " ", "transparent"}, said{"1", "in force", red})}}),
	}
}
