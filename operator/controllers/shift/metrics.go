package shift

import (
	"github.com/stagger-dev/stagger/pkg/metrics"
	"github.com/stagger-dev/stagger/pkg/release"
)

// tell gives the way in which Deployments are held. It is told when something is proven, or where nothing has to be.
func (g *guard) tell(emit metrics.Emit) {
	mode := g.inForce()
	for _, m := range []string{metrics.OnChange, metrics.Always, metrics.Fallback} {
		value := 0.0
		if m == mode {
			value = 1
		}
		emit(metrics.HoldMode, value, m)
	}
}

// inForce is the way in which Deployments are held, which is the fallback as soon as one of them is not held by the policy that is there;
// empty while nothing is proven.
func (g *guard) inForce() string {
	if !g.proves {
		return metrics.Always
	}
	g.mu.Lock()
	defer g.mu.Unlock()
	mode := ""
	switch now := g.clock.Now(); {
	case !g.looked:
	case g.seen.missing():
		mode = metrics.Always
	default:
		for _, p := range g.proofs {
			switch p.shows(now) {
			case release.HoldAlways:
				return metrics.Fallback
			case release.HoldOnChange:
				mode = metrics.OnChange
			}
		}
	}
	return mode
}
