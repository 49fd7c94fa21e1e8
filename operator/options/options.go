package options

import (
	"cmp"
	"errors"
	"flag"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"
	"time"

	"github.com/prometheus/common/config"
	"go.yaml.in/yaml/v2"
	kubeconfig "sigs.k8s.io/controller-runtime/pkg/client/config"

	"github.com/stagger-dev/stagger/operator/direct"
	"github.com/stagger-dev/stagger/operator/evidence"
	"github.com/stagger-dev/stagger/operator/prometheus/sigv4"
	"github.com/stagger-dev/stagger/pkg/counting"
	"github.com/stagger-dev/stagger/pkg/metrics"
)

// Options are all settings. Parse returns them complete and valid.
type Options struct {
	// Sources are where requests are counted; one is named "default".
	Sources []Source `yaml:"sources"`
	// Evidence says how often and how is counted.
	Evidence Evidence `yaml:"evidence"`
	// Direct says whether and how often proxies are read directly, so that a version that fails nearly everything is aborted within seconds.
	Direct Direct `yaml:"direct"`
	// Namespaces are where the operator works; empty: everywhere.
	Namespaces []string `yaml:"namespaces"`
	// ClusterDomain is what full names of Services end with, such as cluster.local.
	ClusterDomain string `yaml:"clusterDomain"`
	// PushBound is how long the mesh may take to tell its proxies of a change; istiod waits up to 10 s while other configuration
	// keeps changing. What routes no longer name is removed after it. From 100ms to 10m.
	PushBound time.Duration `yaml:"pushBound"`
	// SettleBound is how long after its writing a weight counts as live even if traffic does not show it: the mesh's longest
	// delay before it tells its proxies, a scrape interval and the lag. From 1s to 10m.
	SettleBound time.Duration `yaml:"settleBound"`
	// Hold is how Deployments are kept from rolling out by themselves.
	Hold Hold `yaml:"hold"`
	// LeaderElection lets one of several replicas work.
	LeaderElection LeaderElection `yaml:"leaderElection"`
	// Health is where the probes of the kubelet are answered.
	Health Health `yaml:"health"`
	// Metrics is where Prometheus finds the operator's own metrics.
	Metrics Metrics `yaml:"metrics"`
	// API limits calls to the API server, but for those that take traffic away.
	API API `yaml:"api"`
	// Log is what is logged, and how.
	Log Log `yaml:"log"`
	// Version asks for the version; nothing else is read then.
	Version bool `yaml:"-"`
}

// Source is a Prometheus or what speaks like one. Beside these fields it takes those of Prometheus's own HTTP client:
// basic_auth, authorization, oauth2, tls_config, proxy_url, http_headers and others. Relative names of files are looked up
// in the folder of the configuration file.
type Source struct {
	// Name is how the source is called; unique, "default" if not given.
	Name string `yaml:"name"`
	// Address is its URL, without /api/v1.
	Address string `yaml:"address"`
	// Matchers keep apart the clusters or replicas behind one address, such as cluster: a. They must be on all samples.
	Matchers map[string]string `yaml:"matchers"`
	// Parameters are added to every question, such as dedup: "true" for Thanos. The tenant of Mimir is a header: http_headers.
	Parameters map[string]string `yaml:"parameters"`
	// Jobs are the scrape jobs whose metrics are counted; empty: all, which costs Prometheus some work.
	Jobs []string `yaml:"jobs"`
	// Reporters are the namespaces whose pods are believed about requests to Services of any namespace, such as those of gateways; pods of a Service's
	// own namespace always are. Which namespace a pod is of is what Prometheus says by the label namespace of up. Empty: whoever is scraped is believed.
	Reporters []string `yaml:"reporters"`
	// Lag is evidence.lag of this source alone.
	Lag time.Duration `yaml:"lag"`
	// ScrapeInterval is evidence.scrapeInterval of this source alone.
	ScrapeInterval time.Duration `yaml:"scrapeInterval"`
	// SigV4 signs the questions for Amazon Managed Service for Prometheus, by the settings of Prometheus's own sigv4: region, access_key,
	// secret_key, profile, role_arn and others; nil: they are not signed.
	SigV4 *sigv4.Config `yaml:"sigv4"`
	// HTTP is how it is asked.
	HTTP config.HTTPClientConfig `yaml:",inline"`
}

// UnmarshalYAML begins with the HTTP client's defaults.
func (s *Source) UnmarshalYAML(unmarshal func(any) error) error {
	type source Source // without this method
	*s = Source{HTTP: config.DefaultHTTPClientConfig}
	return unmarshal((*source)(s))
}

// Evidence says how requests are counted and how often they are judged.
type Evidence struct {
	// Slice is how often is counted.
	Slice time.Duration `yaml:"slice"`
	// FastTick is the least length of the evidence ticks that find gross faults soon, where the stable's last day shows that no shorter one will do.
	FastTick time.Duration `yaml:"fastTick"`
	// SlowTick is the least length of the evidence ticks that find small faults, where the stable's last day shows that no shorter one will do: one of
	// 5s, 15s and 30s is chosen for a release whose stable has no bursts of bad requests that outlast it.
	SlowTick time.Duration `yaml:"slowTick"`
	// Lag is how far behind now is asked; 0: measured.
	Lag time.Duration `yaml:"lag"`
	// ScrapeInterval is the longest of the jobs with Istio's metrics; 0: measured.
	ScrapeInterval time.Duration `yaml:"scrapeInterval"`
	// Backfill is how far back is counted what was missed: 3m to 24h, since the counts of a release are stored each 2m.
	Backfill time.Duration `yaml:"backfill"`
	// DurationEdges are the upper edges of the mesh's histogram of durations, rising: what a threshold may be.
	DurationEdges []time.Duration `yaml:"durationEdges"`
}

// Direct is about reading the statistics of proxies directly, at port 15090 of pods.
type Direct struct {
	// Mode is Auto, where all are read that can be read, or Off.
	Mode direct.Mode `yaml:"mode"`
	// Interval is the time between two readings of a proxy, from 500ms to 5s.
	Interval time.Duration `yaml:"interval"`
	// GatewayNamespaces are the namespaces whose pods are trusted as gateways: what such a pod says is believed of all that it passes on. None:
	// istio-system and istio-ingress, of these only those it works in where the operator works in some namespaces only. Such an operator needs the
	// right to read the pods and Gateways of those that are named here; the chart gives it.
	GatewayNamespaces []string `yaml:"gatewayNamespaces"`
}

// Hold is how Deployments are kept from rolling out by themselves.
type Hold string

const (
	// HoldAuto takes HoldOnChange where the cluster proves that it works, and HoldAlways elsewhere.
	HoldAuto Hold = "Auto"
	// HoldOnChange lets an admission policy pause a Deployment in the very write that changes its template.
	HoldOnChange Hold = "OnChange"
	// HoldAlways keeps Deployments paused, also at rest.
	HoldAlways Hold = "Always"
)

// LeaderElection is about the Lease by which one of several replicas works.
type LeaderElection struct {
	// Enabled may be false where there is one replica only, as on a developer's machine.
	Enabled bool `yaml:"enabled"`
	// ID is the Lease's name.
	ID string `yaml:"id"`
	// Namespace is the Lease's; empty: that of the operator's own pod.
	Namespace string `yaml:"namespace"`
	// Lease is how long a leader that is gone keeps the others waiting.
	Lease time.Duration `yaml:"lease"`
	// Renew is how long a leader tries to stay one.
	Renew time.Duration `yaml:"renew"`
	// Retry is how often all try.
	Retry time.Duration `yaml:"retry"`
}

// Health is where /healthz and /readyz are served.
type Health struct {
	// Address is host:port; "0": nowhere.
	Address string `yaml:"address"`
}

// Metrics is where /metrics is served.
type Metrics struct {
	// Address is host:port; "0": nowhere.
	Address string `yaml:"address"`
	// Serving says who may read them.
	Serving Serving `yaml:"serving"`
	// Certificate is what they are served with by TLS.
	Certificate Certificate `yaml:"certificate"`
	// Releases says which releases have series of their own: All, Waiting or None.
	Releases metrics.Detail `yaml:"releases"`
	// Labels are labels of namespaces that come on top of the metrics of namespaces, such as the team that a namespace belongs to.
	Labels []MetricLabel `yaml:"labels"`
}

// Certificate is a certificate of yours, with its key.
type Certificate struct {
	// Dir is the folder of tls.crt and tls.key, both PEM, as a Secret of type kubernetes.io/tls is mounted; a relative name is looked up
	// beside the configuration file. Files that change are read again. Empty: the operator signs its own certificate at each start.
	Dir string `yaml:"dir"`
}

// MetricLabel is one label of metrics that is taken from namespaces.
type MetricLabel struct {
	// Name is that of the metrics' label, without custom_ before it.
	Name string `yaml:"name"`
	// From is the key of the label of namespaces.
	From string `yaml:"from"`
}

// Serving says how metrics are served.
type Serving string

const (
	// ServeAuto is ServePlain on a loopback address, and ServeSecure on others.
	ServeAuto Serving = "Auto"
	// ServeSecure serves by TLS to callers whose token may get /metrics.
	ServeSecure Serving = "Secure"
	// ServePlain serves everybody without TLS.
	ServePlain Serving = "Plain"
)

// API limits calls to the API server, but for those that take traffic away.
type API struct {
	// QPS is how many calls are made in a second.
	QPS float32 `yaml:"qps"`
	// Burst is how many calls are made at once.
	Burst int `yaml:"burst"`
}

// Log is what is logged, and how.
type Log struct {
	// Level is error, info (what users notice) or debug (each decision).
	Level Level `yaml:"level"`
	// Format is json or text.
	Format Format `yaml:"format"`
}

// Default returns the settings of an operator without a configuration file.
func Default() Options {
	return Options{
		Sources:        []Source{{Name: evidence.DefaultSource, Address: "http://prometheus.istio-system.svc:9090", HTTP: config.DefaultHTTPClientConfig}},
		Evidence:       Evidence{Slice: 5 * time.Second, FastTick: 15 * time.Second, SlowTick: time.Minute, Backfill: time.Hour, DurationEdges: counting.Edges()},
		Direct:         Direct{Mode: direct.Auto, Interval: direct.DefaultInterval},
		ClusterDomain:  "cluster.local",
		PushBound:      12 * time.Second,
		SettleBound:    45 * time.Second,
		Hold:           HoldAuto,
		LeaderElection: LeaderElection{Enabled: true, ID: "stagger", Lease: 10 * time.Second, Renew: 8 * time.Second, Retry: time.Second},
		Health:         Health{Address: ":8081"},
		Metrics:        Metrics{Address: ":8443", Serving: ServeAuto, Releases: metrics.AllReleases},
		API:            API{QPS: 50, Burst: 100},
		Log:            Log{Level: LevelInfo, Format: FormatJSON},
	}
}

// Parse reads the arguments, without the program's name, and the configuration file they name. It explains itself to out when
// asked for help, which is flag.ErrHelp, or when a flag is wrong.
func Parse(args []string, out io.Writer) (Options, error) {
	o := Default()
	flags := flag.NewFlagSet("stagger", flag.ContinueOnError)
	flags.SetOutput(out)
	file := flags.String("config", "", "the configuration file; without it every setting has its default")
	flags.BoolVar(&o.Version, "version", false, "print the version and exit")
	kubeconfig.RegisterFlags(flags)
	if err := flags.Parse(args); err != nil {
		return Options{}, fmt.Errorf("reading the flags: %w", err)
	}
	if flags.NArg() > 0 {
		return Options{}, fmt.Errorf("argument %q is not understood; settings are given by flags and by the configuration file", flags.Arg(0))
	}
	if o.Version {
		return o, nil
	}
	if *file != "" {
		if err := o.read(*file); err != nil {
			return Options{}, fmt.Errorf("reading the configuration file %s: %w", *file, err)
		}
	}
	if err := o.Validate(); err != nil {
		return Options{}, err
	}
	for i := range o.Sources {
		s := &o.Sources[i]
		s.Lag = cmp.Or(s.Lag, o.Evidence.Lag)
		s.ScrapeInterval = cmp.Or(s.ScrapeInterval, o.Evidence.ScrapeInterval)
	}
	return o, nil
}

// read takes what the file says and keeps the defaults for the rest.
func (o *Options) read(file string) error {
	text, err := os.ReadFile(file)
	if err != nil {
		return err
	}
	if err := yaml.UnmarshalStrict(text, o); err != nil {
		if t, ok := errors.AsType[*yaml.TypeError](err); ok {
			return errors.New(strings.Join(t.Errors, "; "))
		}
		return err
	}
	for i := range o.Sources {
		s := &o.Sources[i]
		s.Name = cmp.Or(s.Name, evidence.DefaultSource)
		s.HTTP.SetDirectory(filepath.Dir(file))
	}
	o.Metrics.Certificate.Dir = config.JoinDir(filepath.Dir(file), o.Metrics.Certificate.Dir)
	return nil
}
