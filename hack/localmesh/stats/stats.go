// Package stats is how a proxy gives its statistics as Istio's proxies do, at port 15090 and path /stats/prometheus.
//
// Istio's Envoy counts istiocustom.istio_requests_total and writes it as istio_requests_total. Upstream's counts istio.requests_total and
// writes envoy_istio_requests_total. So the listener takes the names of Istio in the question's filter, and gives them in the answer. All
// else is Envoy's own: filter is a regular expression for the names in which it keeps its counters, with the labels' values in them, and
// usedonly leaves out what was never counted.
package stats

import (
	"encoding/json"
	"fmt"
)

// Port is where Istio's proxies give their statistics.
const Port = 15090

// cluster is Envoy's admin interface, in the configurations of all proxies.
const cluster = "prometheus_stats"

// most is the largest page.
const most = 64 << 20

// translate puts the names of Istio into questions and answers.
const translate = `function envoy_on_request(r)
  r:headers():replace(":path", (r:headers():get(":path"):gsub("istio_", "istio.")))
end
function envoy_on_response(r)
  local body = r:body(true)
  body:setBytes((body:getBytes(0, body:length()):gsub("envoy_istio_", "istio_")))
end`

// Listener is the listener for an Envoy's configuration, as JSON, at an address.
func Listener(ip string) (string, error) {
	filter := func(name, kind string, config map[string]any) map[string]any {
		config["@type"] = "type.googleapis.com/envoy.extensions.filters." + kind
		return map[string]any{"name": name, "typed_config": config}
	}
	routes := map[string]any{"virtual_hosts": []any{map[string]any{"name": "stats", "domains": []string{"*"}, "routes": []any{
		map[string]any{"match": map[string]any{"path": "/stats/prometheus"}, "route": map[string]any{"cluster": cluster}},
	}}}}
	manager := filter("envoy.filters.network.http_connection_manager", "network.http_connection_manager.v3.HttpConnectionManager", map[string]any{
		"stat_prefix": "stats", "route_config": routes, "http_filters": []any{
			filter("envoy.filters.http.lua", "http.lua.v3.Lua", map[string]any{"default_source_code": map[string]any{"inline_string": translate}}),
			filter("envoy.filters.http.router", "http.router.v3.Router", map[string]any{}),
		},
	})
	data, err := json.Marshal(map[string]any{
		"name": "stats", "per_connection_buffer_limit_bytes": most,
		"address":       map[string]any{"socket_address": map[string]any{"address": ip, "port_value": Port}},
		"filter_chains": []any{map[string]any{"filters": []any{manager}}},
	})
	if err != nil {
		return "", fmt.Errorf("writing the listener of statistics: %w", err)
	}
	return string(data), nil
}
