package cluster

import (
	"time"

	corev1 "k8s.io/api/core/v1"

	"github.com/stagger-dev/stagger/pkg/apis/stagger/v1alpha1"
	"github.com/stagger-dev/stagger/pkg/counting"
	"github.com/stagger-dev/stagger/pkg/direct"
	"github.com/stagger-dev/stagger/pkg/evidence"
	"github.com/stagger-dev/stagger/pkg/release"
	"github.com/stagger-dev/stagger/pkg/routing"
	"github.com/stagger-dev/stagger/pkg/workload"
)

// gate is what is known of the Gateways of a release.
type gate struct {
	pods []*corev1.Pod
	// all says that every caller comes through one of the pods, as far as routes tell.
	all bool
}

// gateways notes which pods the callers of a release come through.
func (v *View) gateways(o Objects) {
	v.gate.all = len(o.Gateways) > 0
	seen := map[string]bool{}
	for _, g := range o.Gateways {
		v.gate.all = v.gate.all && g.Whole
		for _, p := range g.Pods {
			if id := idOf(p).String(); !seen[id] && workload.Present(p) {
				seen[id] = true
				v.gate.pods = append(v.gate.pods, p)
			}
		}
	}
	for _, r := range v.routes {
		gateways, mesh := routing.GatewaysOf(r.Unstructured)
		v.gate.all = v.gate.all && !mesh && len(gateways) > 0
	}
	v.gate.all = v.gate.all && len(v.routes) > 0 && len(v.gate.pods) <= direct.MostGateways
}

// DirectOf is what a running release wants read of its proxies; false where nothing is.
func DirectOf(v *View, rec *v1alpha1.Release) (direct.Release, bool) {
	if !rec.Running() || rec.Outcome != nil {
		return direct.Release{}, false
	}
	r := direct.Release{
		Key: idOf(v.Shift), Number: rec.Number, Stable: v.Arms[0], Canary: v.Arms[1],
		Rate: v.Facts.Evidence.Rate, Braked: release.Braked(rec), Checkpoint: rec.Direct,
	}
	for _, p := range v.readable() {
		proxy := direct.ProxyOf(p, direct.StablePod, "")
		switch hash := p.Labels[workload.HashLabel]; {
		case hash == "":
			continue
		case hash == rec.Revision:
			proxy.Role = direct.CanaryPod
		case hash != rec.Stable:
			continue
		}
		if proxy.Ready && proxy.Role == direct.CanaryPod {
			r.PodsOf.Canary++
		} else if proxy.Ready {
			r.PodsOf.Stable++
		}
		r.Proxies = append(r.Proxies, proxy)
	}
	for _, p := range v.gate.pods {
		r.Proxies = append(r.Proxies, direct.ProxyOf(p, direct.GatewayPod, ""))
	}
	for _, o := range rec.Plan.Objectives {
		r.Objectives = append(r.Objectives, direct.Objective{Name: o.Name, Indicator: counting.IndicatorOf(o)})
	}
	c := evidence.ConfigOf(rec.Plan, rec.Baseline)
	c.Urgent = true
	r.Tolerance, r.Threshold = c.Ratio, c.UrgentThreshold(direct.Lanes(r.Objectives))
	if rec.Step > 0 {
		r.Weight = rec.Weight.Millionths()
	}
	if since := told(rec); v.canaryService != nil && since != nil {
		r.CanarySince = *since
	}
	return r, true
}

// readable are the pods whose own proxies are read. While a check runs none is: they do not tell its requests from those of users. Gateways do, by
// the Service that was asked.
func (v *View) readable() []*corev1.Pod {
	if v.Facts.Unended {
		return nil
	}
	return v.pods
}

// told is since when the gateways have been told of the canary and its pods, as far as the record knows; nil before its pods are there.
func told(rec *v1alpha1.Release) *time.Time {
	if rec.Step > 0 || rec.SettledAt == nil {
		return nil
	}
	since := rec.SettledAt.Add(-release.Rounding)
	return &since
}

// HeardOf is what a State says to the rules about the release of the record. Known says that it is read; quiet, that nothing else in the cluster
// has changed since a time that the proxies would have been told of.
func (v *View) HeardOf(s direct.State, known bool, quiet func(since time.Time) bool) release.Direct {
	rec := v.Facts.Release
	if !known || !rec.Running() || s.Number != rec.Number {
		return release.Direct{}
	}
	d := release.Direct{Read: s.Present, Trouble: s.Absent, At: s.At, Checkpoint: s.Checkpoint}
	for _, x := range s.Signs {
		d.Alarm = d.Alarm || x.Alarm || x.Episode
	}
	if x, ok := s.Abort(); ok {
		d.Breach = secondsOf(x)
	}
	if x, ok := s.Brake(); ok {
		d.Brake = secondsOf(x)
	}
	if s.Settled && rec.Step > 0 {
		d.Agreement = release.AgreementYes
	}
	if since := told(rec); since != nil {
		d.Told = s.Known && v.gate.all && quiet(since.Add(-v.settings.Bounds.Push))
	}
	return d
}

func secondsOf(x direct.Sign) *release.Seconds {
	return &release.Seconds{Objective: x.Objective, Of: max(1, x.Seconds),
		Arms: evidence.Arms{Canary: x.Canary, Stable: x.Stable}}
}
