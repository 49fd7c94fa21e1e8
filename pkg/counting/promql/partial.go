package promql

import "strings"

// remark begins what Prometheus says about the form of a query, such as a counter whose name does not end in _total.
const remark = "PromQL info:"

// doubt begins what Prometheus says of samples that it cannot add up, such as a histogram beside numbers.
const doubt = "PromQL warning:"

// OfSeries tells whether a reason is about single series: without them the answer is whole.
func OfSeries(reason string) bool { return strings.HasPrefix(reason, doubt) }

// Partial returns those of an answer's warnings and infos that mean something may be missing in it; nil: it is whole.
// Every warning does: a store that did not answer (Thanos, remote read), a truncated result, a limit on series. So does
// every info but Prometheus's remarks about the form of a query. What is not known to be harmless is not harmless.
func Partial(warnings, infos []string) []string {
	var reasons []string
	reasons = append(reasons, warnings...)
	for _, info := range infos {
		if !strings.HasPrefix(info, remark) {
			reasons = append(reasons, info)
		}
	}
	return reasons
}
