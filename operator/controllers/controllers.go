package controllers

import (
	"errors"

	"sigs.k8s.io/controller-runtime/pkg/manager"

	"github.com/stagger-dev/stagger/operator/controllers/policy"
	"github.com/stagger-dev/stagger/operator/controllers/service"
	"github.com/stagger-dev/stagger/operator/controllers/shift"
	"github.com/stagger-dev/stagger/operator/direct"
	"github.com/stagger-dev/stagger/operator/evidence"
	"github.com/stagger-dev/stagger/operator/lease"
	"github.com/stagger-dev/stagger/operator/metrics"
	"github.com/stagger-dev/stagger/operator/options"
	"github.com/stagger-dev/stagger/pkg/release"
)

// Setup adds every controller to the manager. The Lease says whether this operator is the one that works; nil: it is alone.
func Setup(m manager.Manager, o options.Options, held *lease.Lease, l *evidence.Loop, reader *direct.Reader, set *metrics.Set) error {
	return errors.Join(
		policy.Setup(m, o.Evidence.DurationEdges, l, set),
		service.Setup(m, set),
		shift.Setup(m, shift.Settings{
			Loop: l, Direct: reader, Domain: o.ClusterDomain, Namespaces: o.Namespaces, GatewayNamespaces: o.TrustedGateways(),
			Hold: string(o.Hold), FastTick: o.Evidence.FastTick, SlowTick: o.Evidence.SlowTick,
			Bounds: release.Bounds{Push: o.PushBound, Settle: o.SettleBound, Between: o.Evidence.SlowTick}, Lease: held, Metrics: set,
		}),
	)
}
