package counting

import (
	"github.com/stagger-dev/stagger/pkg/apis/stagger/v1alpha1"
)

// IndicatorOf is how the requests of a policy's objective are counted.
func IndicatorOf(o v1alpha1.Objective) Indicator {
	switch {
	case o.Indicator == v1alpha1.IndicatorDuration:
		return Indicator{Kind: Duration, Threshold: o.Threshold.Duration()}
	case o.Indicator == v1alpha1.IndicatorCustom && o.Custom != nil:
		return Indicator{Kind: Custom, Total: o.Custom.Total, Bad: o.Custom.Bad}
	}
	return Indicator{Rules: Rules{TooManyRequestsIsBad: o.TooManyRequests == v1alpha1.TooManyRequestsBad}}
}
