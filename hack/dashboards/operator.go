package main

import (
	"github.com/grafana/grafana-foundation-sdk/go/cog"
	"github.com/grafana/grafana-foundation-sdk/go/dashboard"
	"github.com/grafana/grafana-foundation-sdk/go/units"

	"github.com/stagger-dev/stagger/pkg/metrics"
)

// operator is for who runs the operator.
func operator() board {
	return board{
		uid: operatorUID, title: "Operator", from: "now-6h",
		about: "The operator itself: which replica works, whether it keeps up, and what it asks of the API server.",
		variables: []cog.Builder[dashboard.VariableModel]{
			values("job", "Job", of(metrics.BuildInfo)).IncludeAll(true).Multi(true).Current(all()).Hide(dashboard.VariableHideHideVariable),
		},
		rows: []row{{"Replicas", operatorReplicas()}, {"Work", operatorWork()}},
	}
}

func operatorReplicas() []cog.Builder[dashboard.Panel] {
	return []cog.Builder[dashboard.Panel]{
		states(panel{"Leader", "The replica that works. While there is none, nothing is aborted.", units.Short, 12, 7},
			over(by("pod"), most(ofOperator("leader_election_master_status"), "pod"))).
			Mappings(mapping(said{"0", "waits", grey}, said{"1", "works", green})),
		rows(panel{"Versions", "What runs.", units.Short, 12, 7},
			most(ofOperator(metrics.BuildInfo), "pod", metrics.LabelVersion, metrics.LabelRevision, metrics.LabelGoVersion),
			column{"pod", "Pod"}, column{metrics.LabelVersion, "Version"}, column{metrics.LabelRevision, "Commit"}, column{metrics.LabelGoVersion, "Go"}, column{clusterLabel, "Cluster"}),
	}
}

func operatorWork() []cog.Builder[dashboard.Panel] {
	const controller = "controller"
	return []cog.Builder[dashboard.Panel]{
		graph(panel{"Waiting for a pass", "What is queued, by controller and priority. Releases that are being taken back wait for abort, which has many workers: none should wait.", units.Short, 12, 8},
			over(by(controller, "priority"), sum(ofOperator("workqueue_depth"), controller, "priority"))).Min(0),
		graph(panel{"Passes under way", "How long the passes under way have been going on, together. What only grows is a pass that hangs.", units.Seconds, 12, 8},
			over(by(controller), most(ofOperator("workqueue_unfinished_work_seconds"), controller))).Min(0),
		graph(panel{"Time of passes, p90", "Nine in ten passes take at most that long.", units.Seconds, 8, 8},
			over(by(controller), quantile(0.9, rate(ofOperator("controller_runtime_reconcile_time_seconds_bucket")), controller))).Min(0),
		graph(panel{"Passes", "Passes a second.", units.CountsPerSecond, 8, 8},
			over(by(controller), sum(rate(ofOperator("controller_runtime_reconcile_total")), controller))).Min(0),
		graph(panel{"Passes that failed", "Passes a second that failed and are tried again.", units.CountsPerSecond, 8, 8},
			over(by(controller), sum(rate(ofOperator("controller_runtime_reconcile_errors_total")), controller))).Min(0),
		graph(panel{"Calls to the API server", "Calls a second, by method and code. 409: an object had changed; 403 and 422: somebody refuses; 429: too many calls.", units.RequestsPerSecond, 12, 8},
			over(by("method", "code"), sum(rate(ofOperator("rest_client_requests_total")), "method", "code"))).Min(0),
		graph(panel{"Memory", "Memory of each replica.", units.BytesIEC, 12, 8},
			over(by("pod"), most(ofOperator("process_resident_memory_bytes"), "pod"))).Min(0),
	}
}
