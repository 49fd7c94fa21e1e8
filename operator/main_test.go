package main

import (
	"bytes"
	"context"
	"errors"
	"flag"
	"fmt"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/go-logr/logr/testr"
	"k8s.io/apimachinery/pkg/types"

	"github.com/stagger-dev/stagger/operator/evidence"
	"github.com/stagger-dev/stagger/operator/metrics"
	"github.com/stagger-dev/stagger/operator/options"
	"github.com/stagger-dev/stagger/operator/version"
	"github.com/stagger-dev/stagger/pkg/counting"
	pkgevidence "github.com/stagger-dev/stagger/pkg/evidence"
)

func TestTheOperatorSaysWhichVersionItIs(t *testing.T) {
	var out, talk bytes.Buffer
	if err := run([]string{"--version"}, &out, &talk); err != nil {
		t.Fatal(err)
	}
	if out.String() != version.String()+"\n" || talk.Len() > 0 {
		t.Errorf("got %q, and %q beside it", &out, &talk)
	}
}

func TestTheOperatorExplainsItself(t *testing.T) {
	var out, talk bytes.Buffer
	if err := run([]string{"--help"}, &out, &talk); !errors.Is(err, flag.ErrHelp) {
		t.Errorf("got %v", err)
	}
	if out.Len() > 0 || !strings.Contains(talk.String(), "-config") {
		t.Errorf("got %q, and %q beside it", &out, &talk)
	}
}

func TestWhatKeepsTheOperatorFromWorkingIsNamed(t *testing.T) {
	cases := map[string]struct{ config, want string }{
		"a setting that does not exist": {"evidence: {slices: 5s}", "slices"},
		"a setting that makes no sense": {"evidence: {slice: 7s}", "evidence.slice is 7s"},
	}
	for name, c := range cases {
		t.Run(name, func(t *testing.T) {
			err := run([]string{"--config", write(t, c.config)}, &bytes.Buffer{}, &bytes.Buffer{})
			if err == nil || !strings.Contains(err.Error(), c.want) {
				t.Errorf("got %v; want it to name %s", err, c.want)
			}
		})
	}
}

func write(t *testing.T, config string) string {
	t.Helper()
	file := filepath.Join(t.TempDir(), "stagger.yaml")
	if err := os.WriteFile(file, []byte(config), 0o600); err != nil {
		t.Fatal(err)
	}
	return file
}

func parse(t *testing.T, config string) options.Options {
	t.Helper()
	o, err := options.Parse([]string{"--config", write(t, config)}, &bytes.Buffer{})
	if err != nil {
		t.Fatal(err)
	}
	return o
}

func TestASourceThatCannotBeUsedIsNamed(t *testing.T) {
	o := parse(t, "sources: [{name: default, address: 'http://prometheus:9090', tls_config: {ca_file: missing.pem}}]")
	if _, err := newLoop(o, testr.New(t), nil); err == nil || !strings.Contains(err.Error(), "source default: ") || !strings.Contains(err.Error(), "missing.pem") {
		t.Errorf("got %v", err)
	}
}

// asked is what reached a Prometheus.
type asked struct{ source, agent, tenant, query string }

func TestEachSourceIsAskedAsTheConfigurationSays(t *testing.T) {
	heard := make(chan asked, 100)
	prometheus := func(name string) string {
		s := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			select {
			case heard <- asked{name, r.UserAgent(), r.Header.Get("X-Scope-OrgID"), r.FormValue("query")}:
			default:
			}
			fmt.Fprint(w, `{"status":"success","data":{"resultType":"vector","result":[]}}`)
		}))
		t.Cleanup(s.Close)
		return s.URL
	}
	o := parse(t, `
evidence: {slice: 100ms, fastTick: 1s, slowTick: 1s, lag: 1s, scrapeInterval: 2s}
sources:
- {address: "`+prometheus("default")+`", matchers: {cluster: a}, jobs: [proxies]}
- {name: other, address: "`+prometheus("other")+`", http_headers: {X-Scope-OrgID: {values: [shop]}}}
`)
	l, err := newLoop(o, testr.New(t), metrics.New(metrics.Settings{}))
	if err != nil {
		t.Fatal(err)
	}
	for _, source := range []string{"", "other"} {
		arm := counting.Service{Namespace: "shop", Name: "checkout"}
		l.Follow(types.NamespacedName{Namespace: "shop", Name: "checkout" + source}, evidence.Following{Release: 1, Source: source, Count: &evidence.Target{
			Stable: arm, Canary: arm.Canary(),
			Config: pkgevidence.Config{Objectives: []pkgevidence.Objective{{Name: "availability", Limit: 0.01}}},
		}})
	}
	ctx, stop := context.WithCancel(t.Context())
	ended := make(chan error)
	go func() { ended <- l.Start(ctx) }()
	want := map[string]asked{
		"default": {source: "default", agent: "stagger", query: `cluster="a"`},
		"other":   {source: "other", agent: "stagger", tenant: "shop", query: `destination_service_name`},
	}
	deadline := time.After(30 * time.Second)
	for len(want) > 0 {
		select {
		case a := <-heard:
			w, ok := want[a.source]
			if !ok || a.query == "vector(1)" { // what time it is there
				continue
			}
			if !strings.Contains(a.query, w.query) {
				t.Errorf("source %s was asked %s; want %s in it", a.source, a.query, w.query)
			}
			if a.query = w.query; a != w {
				t.Errorf("got %+v, want %+v", a, w)
			}
			delete(want, a.source)
		case <-l.Events():
		case <-deadline:
			t.Fatalf("not asked: %v", want)
		}
	}
	stop()
	for {
		select {
		case <-l.Events():
		case err := <-ended:
			if err != nil {
				t.Error(err)
			}
			return
		}
	}
}
