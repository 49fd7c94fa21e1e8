package main

import (
	"github.com/grafana/grafana-foundation-sdk/go/cog"
	"github.com/grafana/grafana-foundation-sdk/go/common"
	"github.com/grafana/grafana-foundation-sdk/go/dashboard"

	"github.com/stagger-dev/stagger/pkg/metrics"
)

// The uids are part of the addresses of boards, and never change.
const (
	fleetUID    = "stagger-fleet"
	releaseUID  = "stagger-release"
	evidenceUID = "stagger-evidence"
	operatorUID = "stagger-operator"
)

// links are the boards that every board links to, keeping the time and the variables.
var links = []struct{ uid, title string }{
	{fleetUID, "Fleet"}, {releaseUID, "Release"}, {evidenceUID, "Evidence and writes"}, {operatorUID, "Operator"},
}

// board is one dashboard.
type board struct {
	uid, title, about string
	// from is where its time begins, such as now-1h.
	from string
	// variables come after those that every board has.
	variables   []cog.Builder[dashboard.VariableModel]
	annotations []cog.Builder[dashboard.AnnotationQuery]
	rows        []row
}

// row is a heading and the panels below it, each as wide as it says, at most 24 in a line.
type row struct {
	title  string
	panels []cog.Builder[dashboard.Panel]
}

// build makes the dashboard, and numbers its panels.
func (b board) build() (dashboard.Dashboard, error) {
	d := dashboard.NewDashboardBuilder("Stagger / "+b.title).Uid(b.uid).Description(b.about).Tags([]string{"stagger"}).
		Time(b.from, "now").Refresh("30s").Tooltip(dashboard.DashboardCursorSyncCrosshair).
		WithVariable(dashboard.NewDatasourceVariableBuilder("datasource").Label("Prometheus").Type("prometheus")).
		WithVariable(cluster())
	for _, v := range b.variables {
		d.WithVariable(v)
	}
	for _, a := range b.annotations {
		d.Annotation(a)
	}
	for _, l := range links {
		if l.uid != b.uid {
			d.Link(dashboard.NewDashboardLinkBuilder(l.title).Type(dashboard.DashboardLinkTypeLink).Url("/d/" + l.uid).KeepTime(true).IncludeVars(true))
		}
	}
	for _, r := range b.rows {
		d.WithRow(dashboard.NewRowBuilder(r.title))
		for _, p := range r.panels {
			d.WithPanel(p)
		}
	}
	made, err := d.Build()
	for i, p := range made.Panels {
		id := uint32(i + 1)
		if p.Panel != nil {
			p.Panel.Id = &id
		} else {
			p.RowPanel.Id = id
		}
	}
	return made, err
}

// source is the Prometheus that is chosen above the board.
func source() common.DataSourceRef {
	kind, uid := "prometheus", "${datasource}"
	return common.DataSourceRef{Type: &kind, Uid: &uid}
}

// cluster is the variable by which one of several clusters is chosen. All of them is everything, also where no series has such a label.
func cluster() *dashboard.QueryVariableBuilder {
	return values(clusterLabel, "Cluster", metrics.BuildInfo).IncludeAll(true).AllValue(".*").Multi(true).Current(all())
}

// values is a variable of the values that a label has in the time of the board.
func values(label, title, series string) *dashboard.QueryVariableBuilder {
	return variable(label, title, "label_values("+series+", "+label+")")
}

// variable is one whose values a query of the datasource gives.
func variable(name, title, query string) *dashboard.QueryVariableBuilder {
	return dashboard.NewQueryVariableBuilder(name).Label(title).Datasource(source()).Definition(query).
		Query(dashboard.StringOrMap{Map: map[string]any{"query": query, "refId": "PrometheusVariableQueryEditor-VariableQuery"}}).
		Refresh(dashboard.VariableRefreshOnTimeRangeChanged).Sort(dashboard.VariableSortNaturalAsc)
}

func all() dashboard.VariableOption {
	text, value := "All", "$__all"
	return dashboard.VariableOption{Text: dashboard.StringOrArrayOfString{String: &text}, Value: dashboard.StringOrArrayOfString{String: &value}}
}
