package options

import (
	"bytes"
	"errors"
	"flag"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"
	"github.com/prometheus/common/config"
	"k8s.io/client-go/tools/leaderelection"

	"github.com/stagger-dev/stagger/operator/direct"
	"github.com/stagger-dev/stagger/operator/prometheus"
	"github.com/stagger-dev/stagger/operator/prometheus/sigv4"
	"github.com/stagger-dev/stagger/pkg/counting/promql"
)

// cached is what a proxy configuration remembers of the environment.
var cached = cmpopts.IgnoreUnexported(config.ProxyConfig{})

// parse reads a configuration file with this text.
func parse(t *testing.T, text string) (Options, string, error) {
	t.Helper()
	file := filepath.Join(t.TempDir(), "stagger.yaml")
	if err := os.WriteFile(file, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	o, err := Parse([]string{"--config", file}, &bytes.Buffer{})
	return o, filepath.Dir(file), err
}

func TestWithoutAFileEverySettingHasItsDefault(t *testing.T) {
	for name, args := range map[string][]string{"no file": nil, "an empty file": {"--config", os.DevNull}} {
		t.Run(name, func(t *testing.T) {
			o, err := Parse(args, &bytes.Buffer{})
			if err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(Default(), o, cached); diff != "" {
				t.Errorf("-default +parsed:\n%s", diff)
			}
		})
	}
}

func TestAFileChangesWhatItNames(t *testing.T) {
	o, dir, err := parse(t, `
sources:
- address: https://prometheus.monitoring.svc:9090
  matchers: {cluster: a}
  jobs: [istio-proxies]
  reporters: [istio-ingress, web]
  scrapeInterval: 30s
  authorization: {credentials_file: token}
  tls_config: {ca_file: certs/ca.pem, cert_file: /etc/tls/cert.pem, key_file: key.pem}
- {name: thanos, address: "http://thanos:10902", follow_redirects: false}
- {name: amazon, address: "https://aps/workspaces/ws-1", sigv4: {region: eu-central-1, role_arn: "arn:aws:iam::1:role/stagger"}}
evidence: {slice: 2s, lag: 3s}
direct: {mode: Off, interval: 500ms, gatewayNamespaces: [edge]}
namespaces: [shop]
settleBound: 20s
hold: Always
leaderElection: {enabled: false}
metrics: {address: "127.0.0.1:8080"}
log: {level: debug, format: text}
`)
	if err != nil {
		t.Fatal(err)
	}
	want := Default()
	first := Source{
		Name: "default", Address: "https://prometheus.monitoring.svc:9090", Matchers: map[string]string{"cluster": "a"}, Jobs: []string{"istio-proxies"},
		Reporters: []string{"istio-ingress", "web"},
		Lag:       3 * time.Second, ScrapeInterval: 30 * time.Second, HTTP: config.DefaultHTTPClientConfig,
	}
	first.HTTP.Authorization = &config.Authorization{Type: "Bearer", CredentialsFile: filepath.Join(dir, "token")}
	first.HTTP.TLSConfig = config.TLSConfig{
		CAFile: filepath.Join(dir, "certs/ca.pem"), CertFile: "/etc/tls/cert.pem", KeyFile: filepath.Join(dir, "key.pem"),
	}
	second := Source{Name: "thanos", Address: "http://thanos:10902", Lag: 3 * time.Second, HTTP: config.DefaultHTTPClientConfig}
	second.HTTP.FollowRedirects = false
	third := Source{
		Name: "amazon", Address: "https://aps/workspaces/ws-1", Lag: 3 * time.Second, HTTP: config.DefaultHTTPClientConfig,
		SigV4: &sigv4.Config{Region: "eu-central-1", RoleARN: "arn:aws:iam::1:role/stagger"},
	}
	want.Sources = []Source{first, second, third}
	want.Evidence.Slice, want.Evidence.Lag = 2*time.Second, 3*time.Second
	want.Direct = Direct{Mode: direct.Off, Interval: 500 * time.Millisecond, GatewayNamespaces: []string{"edge"}}
	want.Namespaces, want.SettleBound, want.Hold = []string{"shop"}, 20*time.Second, HoldAlways
	want.LeaderElection.Enabled = false
	want.Metrics.Address = "127.0.0.1:8080"
	want.Log = Log{Level: LevelDebug, Format: FormatText}
	if diff := cmp.Diff(want, o, cached); diff != "" {
		t.Errorf("-want +parsed:\n%s", diff)
	}
}

// A chart's value Off without quotes arrives as false.
func TestOffMayBeWrittenInEachWay(t *testing.T) {
	for _, text := range []string{"Off", `"Off"`, "false"} {
		if o, _, err := parse(t, "direct: {mode: "+text+"}"); err != nil || o.Direct.Mode != direct.Off {
			t.Errorf("%s is read as %q, %v", text, o.Direct.Mode, err)
		}
	}
}

func TestTheSourcesInTheDocsAreUnderstood(t *testing.T) {
	text, err := os.ReadFile("../../manifests/docs/install/prometheus.md")
	if err != nil {
		t.Fatal(err)
	}
	blocks := regexp.MustCompile("(?s)```yaml\n(sources:.*?)```").FindAllStringSubmatch(string(text), -1)
	if len(blocks) != 3 {
		t.Fatalf("%d examples of sources", len(blocks))
	}
	for _, b := range blocks {
		o, _, err := parse(t, b[1])
		if err != nil {
			t.Fatalf("%v in\n%s", err, b[1])
		}
		s := o.Sources[0]
		to := prometheus.Config{Address: s.Address, HTTP: s.HTTP}
		if s.SigV4 != nil {
			to.Sign = s.SigV4.Sign
		}
		if _, err := prometheus.New(to); err != nil || (s.SigV4 == nil) == (s.HTTP.OAuth2 == nil) {
			t.Errorf("%v for\n%s", err, b[1])
		}
	}
}

func TestWhatIsWrongIsNamed(t *testing.T) {
	cases := map[string]struct{ file, says string }{
		"unknown field":            {"evidence: {slize: 5s}", "line 1: field slize not found"},
		"unknown field of source":  {"sources:\n- {adress: x}", "line 2: field adress not found in type options.source"},
		"unknown field of client":  {"sources:\n- address: http://a\n  tls_config: {cafile: x}", "field cafile not found"},
		"not YAML":                 {"sources: [", "did not find expected"},
		"duration without unit":    {"settleBound: 20x", "line 1: cannot unmarshal"},
		"no source":                {"sources: []", `sources has none named "default"`},
		"other name":               {"sources: [{name: eu, address: http://a}]", `sources has none named "default"`},
		"bad name":                 {"sources: [{name: E U, address: http://a}]", `sources[0].name is "E U"`},
		"name twice":               {"sources: [{address: http://a}, {address: http://b}]", `sources[1].name is "default"`},
		"no address":               {"sources: [{}]", `sources[0].address is ""`},
		"address without scheme":   {`sources: [{address: "prometheus:9090"}]`, "sources[0].address is"},
		"two ways to authenticate": {"sources:\n- address: http://a\n  bearer_token_file: t\n  basic_auth: {username: u}", "sources[0]: at most one of"},
		"signed and authorized":    {"sources:\n- address: http://a\n  sigv4: {region: eu-central-1}\n  bearer_token_file: t", "sources[0].sigv4 cannot be used with basic_auth"},
		"half a key":               {"sources:\n- address: http://a\n  sigv4: {access_key: AKID}", "sources[0].sigv4: must provide"},
		"unknown field of sigv4":   {"sources:\n- address: http://a\n  sigv4: {zone: a}", "field zone not found"},
		"lag below":                {"sources: [{address: http://a, lag: 1ms}]", "sources[0].lag is 1ms; it must be from 1s to 10m0s"},
		"interval beyond":          {"evidence: {scrapeInterval: 1h}", "evidence.scrapeInterval is 1h0m0s"},
		"reporters of no name":     {"sources: [{address: http://a, reporters: [edge, Web]}]", `sources[0].reporters[1] is "Web"; it must be the name of a namespace`},
		"reporters without end": {"sources: [{address: http://a, reporters: [" + strings.Repeat("edge,", promql.MaxReporters) + "edge]}]",
			"sources[0].reporters has 101 namespaces; it may have at most 100"},
		"crooked slice":        {"evidence: {slice: 7s}", "evidence.slice is 7s; it must divide a minute"},
		"slice of zero":        {"evidence: {slice: 0s}", "evidence.slice is 0s; it must be from 100ms"},
		"long slice":           {"evidence: {slice: 2m}", "evidence.slice is 2m0s; it must be from 100ms to 1m0s"},
		"tick below slice":     {"evidence: {fastTick: 1s}", "evidence.fastTick is 1s; it must be from 5s"},
		"slow below fast":      {"evidence: {slowTick: 10s}", "evidence.slowTick is 10s; it must be from 15s"},
		"short backfill":       {"evidence: {backfill: 2m}", "evidence.backfill is 2m0s; it must be from 3m0s to 24h: a running release's counts are stored each 2m0s, and"},
		"long backfill":        {"evidence: {backfill: 25h}", "evidence.backfill is 25h0m0s; it must be from 3m0s to 24h"},
		"unknown mode":         {"direct: {mode: On}", `direct.mode is "On"; it must be one of Auto, Off`},
		"gateways nowhere":     {"direct: {gatewayNamespaces: [Edge]}", `direct.gatewayNamespaces[0] is "Edge"`},
		"read too often":       {"direct: {interval: 100ms}", "direct.interval is 100ms; it must be from 500ms to 5s"},
		"read too seldom":      {"direct: {interval: 10s}", "direct.interval is 10s; it must be from 500ms to 5s"},
		"bad namespace":        {"namespaces: [Shop]", `namespaces[0] is "Shop"`},
		"namespace twice":      {"namespaces: [shop, shop]", `namespaces[1] is "shop"`},
		"bad domain":           {"clusterDomain: .local", `clusterDomain is ".local"`},
		"settleBound below":    {"settleBound: 10ms", "settleBound is 10ms; it must be from 1s to 10m0s"},
		"unknown hold":         {"hold: auto", `hold is "auto"; it must be one of Auto, OnChange, Always`},
		"lease below renew":    {"leaderElection: {lease: 5s}", "leaderElection.lease, renew and retry are 5s, 8s and 1s"},
		"no lease name":        {`leaderElection: {id: ""}`, `leaderElection.id is ""`},
		"bad lease namespace":  {"leaderElection: {namespace: A}", `leaderElection.namespace is "A"`},
		"bad health address":   {"health: {address: 8081}", `health.address is "8081"`},
		"port beyond":          {"metrics: {address: ':70000'}", `metrics.address is ":70000"`},
		"unknown serving":      {"metrics: {serving: Open}", `metrics.serving is "Open"`},
		"unknown releases":     {"metrics: {releases: Some}", `metrics.releases is "Some"; it must be one of All, Waiting, None`},
		"label of no name":     {"metrics: {labels: [{name: My-Team, from: team}]}", `metrics.labels[0].name is "My-Team"`},
		"label twice":          {"metrics: {labels: [{name: team, from: a}, {name: team, from: b}]}", `metrics.labels[1].name is "team"`},
		"label of nothing":     {"metrics: {labels: [{name: team}]}", `metrics.labels[0].from is ""`},
		"labels without end":   {"metrics: {labels: [{}, {}, {}, {}, {}, {}]}", "metrics.labels has 6 labels; it may have at most 5"},
		"no calls":             {"api: {qps: 0}", "api.qps and burst are 0 and 100"},
		"calls without number": {"api: {qps: .nan}", "api.qps and burst are NaN and 100"},
		"burst below":          {"api: {burst: 10}", "api.qps and burst are 50 and 10"},
		"unknown level":        {"log: {level: trace}", `log.level is "trace"; it must be one of error, info, debug`},
		"unknown format":       {"log: {format: xml}", `log.format is "xml"`},
	}
	for name, c := range cases {
		t.Run(name, func(t *testing.T) {
			_, _, err := parse(t, c.file)
			if err == nil || !strings.Contains(err.Error(), c.says) {
				t.Fatalf("got %v, want an error with %q", err, c.says)
			}
			if strings.Contains(err.Error(), "\n") {
				t.Errorf("more than one sentence for one error: %q", err)
			}
		})
	}
}

func TestFlags(t *testing.T) {
	var out bytes.Buffer
	if o, err := Parse([]string{"--version", "--config", "/does/not/exist"}, &out); err != nil || !o.Version {
		t.Errorf("--version: %v, %v", o.Version, err)
	}
	if _, err := Parse([]string{"--config", "/does/not/exist"}, &out); !errors.Is(err, os.ErrNotExist) || !strings.Contains(err.Error(), "/does/not/exist") {
		t.Errorf("a file that does not exist: %v", err)
	}
	if _, err := Parse([]string{"run"}, &out); err == nil || !strings.Contains(err.Error(), `"run"`) {
		t.Errorf("an argument: %v", err)
	}
	if _, err := Parse([]string{"--help"}, &out); !errors.Is(err, flag.ErrHelp) {
		t.Errorf("--help: %v", err)
	}
	for _, f := range []string{"-config", "-kubeconfig", "-version"} {
		if !strings.Contains(out.String(), f) {
			t.Errorf("the help does not mention %s:\n%s", f, out.String())
		}
	}
}

// A replica that waits looks at the Lease at least every retry*(1+jitter), sees the last renewal so late at most, waits for the Lease's duration
// and looks once more: this is how client-go elects.
func TestAnotherReplicaTakesOverWithin15Seconds(t *testing.T) {
	l := Default().LeaderElection
	look := time.Duration(float64(l.Retry) * (1 + leaderelection.JitterFactor))
	if most := l.Lease + 2*look; most > 15*time.Second {
		t.Errorf("it may take %s", most)
	}
}
