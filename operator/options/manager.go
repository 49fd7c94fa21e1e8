package options

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/http"
	"slices"
	"time"

	networking "istio.io/client-go/pkg/apis/networking/v1"
	appsv1 "k8s.io/api/apps/v1"
	batchv1 "k8s.io/api/batch/v1"
	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/labels"
	"k8s.io/apimachinery/pkg/runtime"
	clientgoscheme "k8s.io/client-go/kubernetes/scheme"
	"k8s.io/client-go/rest"
	"sigs.k8s.io/controller-runtime/pkg/cache"
	"sigs.k8s.io/controller-runtime/pkg/client"
	kubeconfig "sigs.k8s.io/controller-runtime/pkg/client/config"
	"sigs.k8s.io/controller-runtime/pkg/healthz"
	"sigs.k8s.io/controller-runtime/pkg/manager"
	"sigs.k8s.io/controller-runtime/pkg/metrics/filters"
	metricsserver "sigs.k8s.io/controller-runtime/pkg/metrics/server"

	"github.com/stagger-dev/stagger/operator/direct"
	"github.com/stagger-dev/stagger/operator/lease"
	"github.com/stagger-dev/stagger/pkg/apis/stagger/v1alpha1"
	"github.com/stagger-dev/stagger/pkg/cluster"
	"github.com/stagger-dev/stagger/pkg/release"
	"github.com/stagger-dev/stagger/pkg/workload"
)

// FieldOwner is the field manager of everything the operator writes.
const FieldOwner = "stagger"

// cacheSyncWait is how long a probe waits for caches; kubelets give it a second.
const cacheSyncWait = 500 * time.Millisecond

// NewManager returns the manager of the controllers, with its probes: alive always, ready when what is watched is known. The Lease is that of leader
// election, nil where there is none.
func (o Options) NewManager() (manager.Manager, *lease.Lease, error) {
	c, err := kubeconfig.GetConfig()
	if err != nil {
		return nil, nil, fmt.Errorf("finding the cluster: %w", err)
	}
	settings, err := o.Manager()
	if err != nil {
		return nil, nil, err
	}
	if err := noticeDeadConnections(); err != nil {
		return nil, nil, err
	}
	c = o.Limit(c)
	held, err := o.elected(c, &settings)
	if err != nil {
		return nil, nil, fmt.Errorf("preparing leader election: %w", err)
	}
	m, err := manager.New(c, settings)
	if err != nil {
		return nil, nil, fmt.Errorf("making the manager: %w", err)
	}
	if err := errors.Join(m.AddHealthzCheck("alive", healthz.Ping), m.AddReadyzCheck("caches", synced(m.GetCache()))); err != nil {
		return nil, nil, fmt.Errorf("adding the probes: %w", err)
	}
	return m, held, nil
}

func synced(c cache.Informers) healthz.Checker {
	return func(r *http.Request) error {
		ctx, stop := context.WithTimeout(r.Context(), cacheSyncWait)
		defer stop()
		if !c.WaitForCacheSync(ctx) {
			return errors.New("caches are not filled yet")
		}
		return nil
	}
}

// Limit sets the limits of calls to the API server, which all but those that take traffic away go by.
func (o Options) Limit(c *rest.Config) *rest.Config {
	limited := rest.CopyConfig(c)
	limited.QPS, limited.Burst = o.API.QPS, o.API.Burst
	limited.UserAgent = FieldOwner
	return limited
}

// Manager returns what the manager of the controllers is made with.
func (o Options) Manager() (manager.Options, error) {
	scheme := runtime.NewScheme()
	for _, add := range []func(*runtime.Scheme) error{clientgoscheme.AddToScheme, networking.AddToScheme, v1alpha1.AddToScheme} {
		if err := add(scheme); err != nil {
			return manager.Options{}, fmt.Errorf("registering the API types: %w", err)
		}
	}
	l := o.LeaderElection
	return manager.Options{
		Scheme:                        scheme,
		Cache:                         o.cache(),
		Client:                        client.Options{FieldOwner: FieldOwner, Cache: &client.CacheOptions{Unstructured: true, EnableReadYourWritesConsistency: new(true)}},
		Metrics:                       o.Metrics.server(),
		HealthProbeBindAddress:        o.Health.Address,
		LeaderElection:                l.Enabled,
		LeaderElectionID:              l.ID,
		LeaderElectionNamespace:       l.Namespace,
		LeaseDuration:                 &l.Lease,
		RenewDeadline:                 &l.Renew,
		RetryPeriod:                   &l.Retry,
		LeaderElectionReleaseOnCancel: true, // main returns as soon as the manager has stopped
	}, nil
}

// cache keeps what decisions need. Who wrote a field matters where others write what we write: routes and selectors.
func (o Options) cache() cache.Options {
	var gateways map[string]cache.Config
	if len(o.Namespaces) > 0 {
		gateways = configsOf(o.Namespaces, o.TrustedGateways())
	}
	return cache.Options{
		DefaultTransform:  cache.TransformStripManagedFields(),
		DefaultNamespaces: configsOf(o.Namespaces),
		ByObject: map[client.Object]cache.ByObject{
			&networking.VirtualService{}: {Transform: whole},
			&corev1.Service{}:            {Transform: whole},
			&networking.Gateway{}:        {Namespaces: gateways},
			&corev1.Pod{}:                {Transform: slimPod, Namespaces: gateways},
			&appsv1.Deployment{}:         {Transform: slimDeployment},
			&v1alpha1.TrafficShift{}:     {Transform: slimShift},
			&batchv1.Job{}:               {Label: checks(), Transform: slimJob},
			&batchv1.CronJob{}:           {Transform: slimCronJob},

			&corev1.PersistentVolumeClaim{}: {Transform: slimClaim},
		},
	}
}

// TrustedGateways are the namespaces whose pods are trusted as gateways, see Direct.GatewayNamespaces. An operator that works in some namespaces
// only has no right to any other unless somebody names it.
func (o Options) TrustedGateways() []string {
	if o.Direct.Mode == direct.Off {
		return nil
	}
	if o.Direct.GatewayNamespaces != nil {
		return o.Direct.GatewayNamespaces
	}
	return slices.DeleteFunc([]string{"istio-system", "istio-ingress"}, func(n string) bool {
		return len(o.Namespaces) > 0 && !slices.Contains(o.Namespaces, n)
	})
}

// configsOf are the namespaces of which something is kept; nil: all, where there are none.
func configsOf(lists ...[]string) map[string]cache.Config {
	var all map[string]cache.Config
	for _, n := range slices.Concat(lists...) {
		if all == nil {
			all = map[string]cache.Config{}
		}
		all[n] = cache.Config{}
	}
	return all
}

// checks selects the Jobs of checks: a cluster may have thousands of others.
func checks() labels.Selector {
	all, err := labels.Parse(v1alpha1.CheckLabel)
	if err != nil {
		return labels.Nothing() // not reached: the key is a label's
	}
	return all
}

func whole(object any) (any, error) { return object, nil }

// slimPod keeps of a pod whose it is, where it runs, what it was given and how it fares: most of the memory of a cluster's cache is pod
// specs.
func slimPod(object any) (any, error) {
	if p, ok := object.(*corev1.Pod); ok {
		given, by := p.Annotations[workload.VPAAnnotation]
		p.ManagedFields, p.Annotations = nil, nil
		if by {
			p.Annotations = map[string]string{workload.VPAAnnotation: given}
		}
		p.Spec = corev1.PodSpec{
			NodeName: p.Spec.NodeName, RestartPolicy: p.Spec.RestartPolicy,
			InitContainers: slimContainers(p.Spec.InitContainers), Containers: slimContainers(p.Spec.Containers),
		}
	}
	return object, nil
}

// slimDeployment keeps of who wrote its fields the last who wrote the template.
func slimDeployment(object any) (any, error) {
	if d, ok := object.(*appsv1.Deployment); ok {
		d.ManagedFields = workload.TemplateWriters(d.ManagedFields)
	}
	return object, nil
}

// slimShift keeps of who wrote its fields who gave the last command, and of past releases what a pass looks at.
func slimShift(object any) (any, error) {
	if s, ok := object.(*v1alpha1.TrafficShift); ok {
		s.ManagedFields = release.CommandWriter(s.ManagedFields)
		cluster.SlimHistory(s)
	}
	return object, nil
}

// slimJob keeps of a Job what it was made for, how long it may run, and its end.
func slimJob(object any) (any, error) {
	if j, ok := object.(*batchv1.Job); ok {
		j.ManagedFields, j.Spec = nil, batchv1.JobSpec{ActiveDeadlineSeconds: j.Spec.ActiveDeadlineSeconds}
		j.Status = batchv1.JobStatus{Conditions: j.Status.Conditions}
	}
	return object, nil
}

// slimCronJob keeps of a CronJob what Jobs are made of.
func slimCronJob(object any) (any, error) {
	if c, ok := object.(*batchv1.CronJob); ok {
		c.ManagedFields, c.Status = nil, batchv1.CronJobStatus{}
		c.Spec = batchv1.CronJobSpec{JobTemplate: c.Spec.JobTemplate}
	}
	return object, nil
}

// slimClaim keeps of a claim who may mount it.
func slimClaim(object any) (any, error) {
	if c, ok := object.(*corev1.PersistentVolumeClaim); ok {
		c.ManagedFields, c.Labels, c.Annotations, c.Status = nil, nil, nil, corev1.PersistentVolumeClaimStatus{}
		c.Spec = corev1.PersistentVolumeClaimSpec{AccessModes: c.Spec.AccessModes}
	}
	return object, nil
}

func slimContainers(full []corev1.Container) []corev1.Container {
	slim := make([]corev1.Container, 0, len(full))
	for _, c := range full {
		slim = append(slim, corev1.Container{Name: c.Name, Image: c.Image, RestartPolicy: c.RestartPolicy, Resources: c.Resources})
	}
	return slim
}

func (m Metrics) server() metricsserver.Options {
	s := metricsserver.Options{BindAddress: m.Address}
	if m.secure() {
		s.SecureServing = true
		s.CertDir = m.Certificate.Dir
		s.FilterProvider = filters.WithAuthenticationAndAuthorization
	}
	return s
}

func (m Metrics) secure() bool {
	return m.Serving == ServeSecure || m.Serving == ServeAuto && !loopback(m.Address)
}

func loopback(address string) bool {
	host, _, err := net.SplitHostPort(address)
	return err == nil && (host == "localhost" || net.ParseIP(host).IsLoopback())
}
