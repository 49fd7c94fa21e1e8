package promql

import "fmt"

// believed returns those of the series of an expression that were reported by pods which are believed about their Service: pods of the Service's own
// namespace, and of the Scope's Reporters. x selects the series of a metric that the expression is about.
//
// destination_service_namespace and destination_service_name are the word of whoever is scraped. Which pod that is, and of which namespace, is
// the word of Prometheus, by up: the labels that discovery gave to the target.
func (s Scope) believed(expr, x string) string {
	if len(s.Reporters) == 0 {
		return expr
	}
	const whose = "job, instance, " + labelNamespace
	back := duration(s.lookback())
	own := fmt.Sprintf("label_replace(last_over_time(%s[%s]), %q, \"$1\", %q, \"(.+)\")",
		s.target("up", matcher(labelTargetNamespace, s.own...)), back, labelNamespace, labelTargetNamespace)
	others := fmt.Sprintf("(group by (%s) (last_over_time(%s[%s])) and on (job, instance) last_over_time(%s[%s]))",
		whose, x, back, s.target("up", matcher(labelTargetNamespace, distinct(s.Reporters)...)), back)
	return fmt.Sprintf("((%s) and on (%s) (%s or %s))", expr, whose, own, others)
}
