package options

import (
	"crypto/tls"
	"errors"
	"fmt"
	"net"
	"net/url"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"time"

	"k8s.io/apimachinery/pkg/util/validation"

	"github.com/stagger-dev/stagger/operator/direct"
	"github.com/stagger-dev/stagger/operator/evidence"
	"github.com/stagger-dev/stagger/pkg/apis/stagger/v1alpha1"
	"github.com/stagger-dev/stagger/pkg/counting/promql"
	"github.com/stagger-dev/stagger/pkg/metrics"
)

const disabled = "0"

// Validate returns all that is wrong: a sentence for each field, with its name and what it may be.
func (o Options) Validate() error {
	return errors.Join(
		o.validateSources(),
		o.Evidence.validate(),
		oneOf("direct.mode", o.Direct.Mode, direct.Auto, direct.Off),
		within("direct.interval", o.Direct.Interval, direct.MinInterval, direct.MaxInterval),
		o.validatePlaces(),
		within("pushBound", o.PushBound, 100*time.Millisecond, 10*time.Minute),
		within("settleBound", o.SettleBound, time.Second, 10*time.Minute),
		oneOf("hold", o.Hold, HoldAuto, HoldOnChange, HoldAlways),
		o.LeaderElection.validate(),
		address("health.address", o.Health.Address),
		address("metrics.address", o.Metrics.Address),
		oneOf("metrics.serving", o.Metrics.Serving, ServeAuto, ServeSecure, ServePlain),
		oneOf("metrics.releases", o.Metrics.Releases, metrics.AllReleases, metrics.WaitingReleases, metrics.NoReleases),
		o.Metrics.validateCertificate(),
		o.Metrics.validateLabels(),
		o.API.validate(),
		oneOf("log.level", o.Log.Level, LevelError, LevelInfo, LevelDebug),
		oneOf("log.format", o.Log.Format, FormatJSON, FormatText),
	)
}

func (o Options) validateSources() error {
	var errs []error
	seen := map[string]bool{}
	for i, s := range o.Sources {
		field := fmt.Sprintf("sources[%d]", i)
		if problems := validation.IsDNS1123Label(s.Name); len(problems) > 0 {
			errs = append(errs, fmt.Errorf("%s.name is %q; it must be made of at most 63 small letters, digits and dashes", field, s.Name))
		}
		if seen[s.Name] {
			errs = append(errs, fmt.Errorf("%s.name is %q, as another source's; every source needs a name of its own", field, s.Name))
		}
		seen[s.Name] = true
		if u, err := url.Parse(s.Address); err != nil || u.Host == "" || u.Scheme != "http" && u.Scheme != "https" {
			errs = append(errs, fmt.Errorf("%s.address is %q; it must be a URL such as http://prometheus.monitoring.svc:9090", field, s.Address))
		}
		if err := s.HTTP.Validate(); err != nil {
			errs = append(errs, fmt.Errorf("%s: %w", field, err))
		}
		errs = append(errs, s.validateSigning(field))
		errs = append(errs, asked(field, s.Lag, s.ScrapeInterval))
		errs = append(errs, s.validateReporters(field))
	}
	if errors.Join(errs...) == nil && !seen[evidence.DefaultSource] {
		errs = append(errs, fmt.Errorf("sources has none named %q; name one so, for releases are counted there", evidence.DefaultSource))
	}
	return errors.Join(errs...)
}

func (s Source) validateReporters(field string) error {
	if len(s.Reporters) > promql.MaxReporters {
		return fmt.Errorf("%s.reporters has %d namespaces; it may have at most %d", field, len(s.Reporters), promql.MaxReporters)
	}
	return errors.Join(namespaces(field+".reporters", s.Reporters)...)
}

// validateSigning comes after the validation of the HTTP client, which makes one field of the three ways to give a token.
func (s Source) validateSigning(field string) error {
	if s.SigV4 == nil {
		return nil
	}
	if s.HTTP.BasicAuth != nil || s.HTTP.Authorization != nil || s.HTTP.OAuth2 != nil {
		return fmt.Errorf("%s.sigv4 cannot be used with basic_auth, authorization, oauth2 or a bearer token: a question bears one of them; leave one out", field)
	}
	if err := s.SigV4.Validate(); err != nil {
		return fmt.Errorf("%s.sigv4: %w", field, err)
	}
	return nil
}

func (e Evidence) validate() error {
	if err := within("evidence.slice", e.Slice, evidence.MinSlice, evidence.MaxSlice); err != nil {
		return err
	}
	if time.Minute%e.Slice != 0 {
		return fmt.Errorf("evidence.slice is %s; it must divide a minute, such as 5s", e.Slice)
	}
	if e.Backfill < evidence.MinBackfill || e.Backfill > 24*time.Hour {
		return fmt.Errorf("evidence.backfill is %s; it must be from %s to 24h: a running release's counts are stored each %s, and after a restart those since then are counted again",
			e.Backfill, evidence.MinBackfill, v1alpha1.Heartbeat)
	}
	return errors.Join(
		within("evidence.fastTick", e.FastTick, e.Slice, time.Hour),
		within("evidence.slowTick", e.SlowTick, e.FastTick, time.Hour),
		asked("evidence", e.Lag, e.ScrapeInterval),
		rising("evidence.durationEdges", e.DurationEdges),
	)
}

func rising(field string, edges []time.Duration) error {
	before := time.Duration(0)
	for _, edge := range edges {
		if edge <= before {
			return fmt.Errorf("%s has %s after %s; the edges must rise, as in 100ms, 500ms, 1s", field, edge, before)
		}
		before = edge
	}
	return nil
}

// asked checks what is measured when it is 0.
func asked(field string, lag, interval time.Duration) error {
	var errs []error
	if lag != 0 {
		errs = append(errs, within(field+".lag", lag, time.Second, 10*time.Minute))
	}
	if interval != 0 {
		errs = append(errs, within(field+".scrapeInterval", interval, time.Second, 10*time.Minute))
	}
	return errors.Join(errs...)
}

// namespaces says what is wrong with a list of them.
func namespaces(field string, names []string) []error {
	var errs []error
	for i, n := range names {
		if problems := validation.IsDNS1123Label(n); len(problems) > 0 || slices.Index(names, n) != i {
			errs = append(errs, fmt.Errorf("%s[%d] is %q; it must be the name of a namespace, each once", field, i, n))
		}
	}
	return errs
}

func (o Options) validatePlaces() error {
	errs := append(namespaces("namespaces", o.Namespaces), namespaces("direct.gatewayNamespaces", o.Direct.GatewayNamespaces)...)
	if problems := validation.IsDNS1123Subdomain(o.ClusterDomain); len(problems) > 0 {
		errs = append(errs, fmt.Errorf("clusterDomain is %q; it must be a domain such as cluster.local", o.ClusterDomain))
	}
	return errors.Join(errs...)
}

// validate also keeps what client-go demands of the times, so that they are refused by their names.
func (l LeaderElection) validate() error {
	if !l.Enabled {
		return nil
	}
	var errs []error
	if problems := validation.IsDNS1123Subdomain(l.ID); len(problems) > 0 {
		errs = append(errs, fmt.Errorf("leaderElection.id is %q; it must be a name such as stagger", l.ID))
	}
	if problems := validation.IsDNS1123Label(l.Namespace); l.Namespace != "" && len(problems) > 0 {
		errs = append(errs, fmt.Errorf("leaderElection.namespace is %q; it must be the name of a namespace, or empty for the operator's own", l.Namespace))
	}
	if l.Retry < 100*time.Millisecond || l.Renew <= l.Retry*12/10 || l.Lease <= l.Renew {
		errs = append(errs, fmt.Errorf("leaderElection.lease, renew and retry are %s, %s and %s; lease must be above renew, renew above 1.2 times retry, and retry at least 100ms",
			l.Lease, l.Renew, l.Retry))
	}
	return errors.Join(errs...)
}

func (a API) validate() error {
	if ok := a.QPS >= 1 && a.QPS <= 10_000 && float32(a.Burst) >= a.QPS; !ok { // also for NaN
		return fmt.Errorf("api.qps and burst are %v and %d; qps must be from 1 to 10000 and burst at least as much", a.QPS, a.Burst)
	}
	return nil
}

// validateCertificate refuses what would be served otherwise: without a file, the metrics server signs a certificate of its own.
func (m Metrics) validateCertificate() error {
	dir := m.Certificate.Dir
	if dir == "" {
		return nil
	}
	if !m.secure() {
		return fmt.Errorf("metrics.certificate.dir is %q, and metrics.serving %s serves %s without TLS; set it to %s, or leave the certificate out",
			dir, m.Serving, m.Address, ServeSecure)
	}
	if _, err := tls.LoadX509KeyPair(filepath.Join(dir, "tls.crt"), filepath.Join(dir, "tls.key")); err != nil {
		return fmt.Errorf("metrics.certificate.dir is %q; it must be a folder with a certificate in tls.crt and its key in tls.key: %w", dir, err)
	}
	return nil
}

// mostLabels bounds how many labels come on top: each multiplies what a Prometheus has to keep apart.
const mostLabels = 5

// labelName is what a label of a metric may be called.
var labelName = regexp.MustCompile(`^[a-z][a-z0-9_]{0,39}$`)

func (m Metrics) validateLabels() error {
	if len(m.Labels) > mostLabels {
		return fmt.Errorf("metrics.labels has %d labels; it may have at most %d", len(m.Labels), mostLabels)
	}
	var errs []error
	for i, l := range m.Labels {
		field := fmt.Sprintf("metrics.labels[%d]", i)
		if !labelName.MatchString(l.Name) || slices.IndexFunc(m.Labels, func(x MetricLabel) bool { return x.Name == l.Name }) != i {
			errs = append(errs, fmt.Errorf("%s.name is %q; it must be made of at most 40 small letters, digits and underscores, each name once, such as team", field, l.Name))
		}
		if len(validation.IsQualifiedName(l.From)) > 0 {
			errs = append(errs, fmt.Errorf("%s.from is %q; it must be the key of a label of namespaces, such as example.com/team", field, l.From))
		}
	}
	return errors.Join(errs...)
}

func within(field string, d, least, most time.Duration) error {
	if d < least || d > most {
		return fmt.Errorf("%s is %s; it must be from %s to %s", field, d, least, most)
	}
	return nil
}

func oneOf[T ~string](field string, value T, allowed ...T) error {
	if slices.Contains(allowed, value) {
		return nil
	}
	names := make([]string, len(allowed))
	for i, a := range allowed {
		names[i] = string(a)
	}
	return fmt.Errorf("%s is %q; it must be one of %s", field, value, strings.Join(names, ", "))
}

func address(field, value string) error {
	if value == disabled {
		return nil
	}
	_, port, err := net.SplitHostPort(value)
	if err == nil {
		_, err = strconv.ParseUint(port, 10, 16)
	}
	if err != nil {
		return fmt.Errorf(`%s is %q; it must be host:port, :port, or "0" for none`, field, value)
	}
	return nil
}
