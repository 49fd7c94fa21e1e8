package main

import (
	"github.com/grafana/grafana-foundation-sdk/go/bargauge"
	"github.com/grafana/grafana-foundation-sdk/go/cog"
	"github.com/grafana/grafana-foundation-sdk/go/cog/variants"
	"github.com/grafana/grafana-foundation-sdk/go/common"
	"github.com/grafana/grafana-foundation-sdk/go/dashboard"
	"github.com/grafana/grafana-foundation-sdk/go/stat"
	"github.com/grafana/grafana-foundation-sdk/go/statetimeline"
	"github.com/grafana/grafana-foundation-sdk/go/table"
	"github.com/grafana/grafana-foundation-sdk/go/timeseries"
)

// Colors of Grafana, which look well on light and dark.
const (
	green, red, orange, blue, purple, grey = "green", "red", "orange", "blue", "purple", "#8e8e8e"
)

// panel is what every panel has.
type panel struct {
	// title is short; about says what is shown, and what to do about it where that is not plain.
	title, about string
	// unit is one of the SDK's package units.
	unit string
	// w is in 24ths of the board's width, h in lines.
	w, h uint32
}

// builder is what the builders of all kinds of panels can do.
type builder[B any] interface {
	labelled[B]
	sized[B]
	queried[B]
}

type labelled[B any] interface {
	Title(string) B
	Description(string) B
	Unit(string) B
}

type sized[B any] interface {
	Span(uint32) B
	Height(uint32) B
}

type queried[B any] interface {
	Datasource(common.DataSourceRef) B
	WithTarget(cog.Builder[variants.Dataquery]) B
}

// describe gives a panel what every panel has.
func describe[B builder[B]](b B, p panel, queries []query) B {
	b = b.Title(p.title).Description(p.about).Unit(p.unit).Datasource(source()).Span(p.w).Height(p.h)
	for i, q := range queries {
		b = b.WithTarget(q.target(i))
	}
	return b
}

// graph draws lines over time.
func graph(p panel, queries ...query) *timeseries.PanelBuilder {
	return describe(timeseries.NewPanelBuilder(), p, queries).LineWidth(2).FillOpacity(0).ShowPoints(common.VisibilityModeAuto).
		Legend(common.NewVizLegendOptionsBuilder().DisplayMode(common.LegendDisplayModeTable).Placement(common.LegendPlacementBottom).
			ShowLegend(true).Calcs([]string{"lastNotNull"}))
}

// stacked draws areas on top of each other.
func stacked(p panel, queries ...query) *timeseries.PanelBuilder {
	return graph(p, queries...).LineWidth(1).FillOpacity(40).Min(0).Stacking(common.NewStackingConfigBuilder().Mode(common.StackingModeNormal))
}

// events draws a bar for what happened in each part of the time, none of them shorter than five minutes.
func events(p panel, queries ...query) *timeseries.PanelBuilder {
	return stacked(p, queries...).DrawStyle(common.GraphDrawStyleBars).FillOpacity(80).Interval("5m").Decimals(0)
}

// number shows the last value large.
func number(p panel, queries ...query) *stat.PanelBuilder {
	return describe(stat.NewPanelBuilder(), p, queries).GraphMode(common.BigValueGraphModeNone).ColorMode(common.BigValueColorModeValue).
		ReduceOptions(common.NewReduceDataOptionsBuilder().Calcs([]string{"lastNotNull"}))
}

// bars shows the last value of each series as a bar, the names on the left.
func bars(p panel, queries ...query) *bargauge.PanelBuilder {
	return describe(bargauge.NewPanelBuilder(), p, queries).Orientation(common.VizOrientationHorizontal).DisplayMode(common.BarGaugeDisplayModeBasic).
		Min(0).Decimals(0).ReduceOptions(common.NewReduceDataOptionsBuilder().Calcs([]string{"lastNotNull"}))
}

// states shows when each series had which value.
func states(p panel, queries ...query) *statetimeline.PanelBuilder {
	return describe(statetimeline.NewPanelBuilder(), p, queries).ShowValue(common.VisibilityModeAuto).MergeValues(true).RowHeight(0.8).FillOpacity(70).
		Legend(common.NewVizLegendOptionsBuilder().ShowLegend(false))
}

// column is one of a table: the label, or Value, and its heading.
type column struct{ label, heading string }

// rows lists what there is now, with these columns in this order and no others.
func rows(p panel, expr string, columns ...column) *table.PanelBuilder {
	shown, index, renamed := map[string]any{}, map[string]any{}, map[string]any{}
	for i, c := range columns {
		shown[c.label], index[c.label], renamed[c.label] = map[string]any{}, i, c.heading
	}
	names := make([]any, 0, len(columns))
	for _, c := range columns {
		names = append(names, c.label)
	}
	return describe(table.NewPanelBuilder(), p, []query{list(expr)}).Footer(common.NewTableFooterOptionsBuilder().Reducer([]string{})).
		WithTransformation(dashboard.DataTransformerConfig{Id: "filterFieldsByName", Options: map[string]any{"include": map[string]any{"names": names}}}).
		WithTransformation(dashboard.DataTransformerConfig{Id: "organize", Options: map[string]any{"indexByName": index, "renameByName": renamed}})
}

// said is what a value is shown as.
type said struct{ value, text, color string }

// mapping shows values as words.
func mapping(all ...said) []dashboard.ValueMapping {
	options := map[string]dashboard.ValueMappingResult{}
	for i, s := range all {
		index := int32(i)
		options[s.value] = dashboard.ValueMappingResult{Text: &s.text, Color: &s.color, Index: &index}
	}
	return []dashboard.ValueMapping{{ValueMap: &dashboard.ValueMap{Type: dashboard.MappingTypeValueToText, Options: options}}}
}

// fixed is a color for everything.
func fixed(color string) *dashboard.FieldColorBuilder {
	return dashboard.NewFieldColorBuilder().Mode(dashboard.FieldColorModeIdFixed).FixedColor(color)
}

// limits is green, and another color from a value on.
func limits(from float64, color string) *dashboard.ThresholdsConfigBuilder {
	return dashboard.NewThresholdsConfigBuilder().Mode(dashboard.ThresholdsModeAbsolute).
		Steps([]dashboard.Threshold{{Color: green}, {Value: &from, Color: color}})
}

// colored gives the series a color.
func colored(color string) []dashboard.DynamicConfigValue {
	return []dashboard.DynamicConfigValue{{Id: "color", Value: map[string]any{"mode": "fixed", "fixedColor": color}}}
}

// dashed is how limits are drawn.
func dashed(color string) []dashboard.DynamicConfigValue {
	return append(colored(color), dashboard.DynamicConfigValue{Id: "custom.lineStyle", Value: map[string]any{"fill": "dash", "dash": []any{10, 10}}},
		dashboard.DynamicConfigValue{Id: "custom.lineWidth", Value: 1})
}
