package main

import (
	"bytes"
	"encoding/json"
	"fmt"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/stagger-dev/stagger/hack/localmesh/build"
	"github.com/stagger-dev/stagger/hack/localmesh/load"
	"github.com/stagger-dev/stagger/hack/localmesh/mesh"
)

// bed is a mesh driven as a person drives it: by its commands.
type bed struct {
	t       *testing.T
	program string
	state   string
}

func (b bed) run(args ...string) string {
	b.t.Helper()
	out, err := b.try(args...)
	if err != nil {
		b.t.Fatalf("localmesh %s: %v\n%s", strings.Join(args, " "), err, out)
	}
	return out
}

func (b bed) try(args ...string) (string, error) {
	cmd := exec.Command(b.program, append([]string{"--state", b.state}, args...)...)
	var stdout, stderr bytes.Buffer
	cmd.Stdout, cmd.Stderr = &stdout, &stderr
	err := cmd.Run()
	return stdout.String() + stderr.String(), err
}

// until tries a command until its output satisfies fact.
func (b bed) until(what string, fact func(string) bool, args ...string) string {
	b.t.Helper()
	const limit = 2 * time.Minute // For a busy machine; an idle one needs seconds.
	deadline := time.Now().Add(limit)
	for {
		out, err := b.try(args...)
		if err == nil && fact(out) {
			return out
		}
		if time.Now().After(deadline) {
			b.t.Fatalf("%s: not within %s; last: %v\n%s", what, limit, err, out)
		}
	}
}

// raise brings a mesh up for the test. It skips the test where that would have to build the mesh first.
func raise(t *testing.T) bed {
	t.Helper()
	if _, there, err := build.Cached(); err != nil || !there {
		t.Skipf("the mesh's programs are not built; run `localmesh build` first (%v)", err)
	}
	dir := t.TempDir()
	b := bed{t: t, program: filepath.Join(dir, "localmesh"), state: filepath.Join(dir, "state")}
	if out, err := exec.Command("go", "build", "-o", b.program, ".").CombinedOutput(); err != nil {
		t.Fatalf("building: %v\n%s", err, out)
	}
	b.run("up", "--audit")
	t.Cleanup(func() { b.run("down") })
	return b
}

// Nobody but root may go ahead of others; for everybody else the command runs as it would without.
func TestACommandGoesAheadOfOtherWorkWhereItMay(t *testing.T) {
	b := raise(t)
	want := b.run("exec", "--", "nice")
	if os.Geteuid() == 0 {
		want = "-10\n"
	}
	if got := b.run("exec", "--ahead", "--", "nice"); got != want {
		t.Errorf("the niceness is %q, want %q", got, want)
	}
}

func TestPrometheusCountsExactlyWhatTheClientSaw(t *testing.T) {
	b := raise(t)
	b.run("exec", "--", "kubectl", "apply", "-f", "samples/shop.yaml")
	b.run("exec", "--", "kubectl", "-n", "shop", "set", "image", "deployment/checkout", "app=shop:1.1.0-errors")
	b.run("exec", "--", "kubectl", "-n", "shop", "rollout", "status", "deployment/checkout", "--timeout=30s")
	before := settled(b)
	record := filepath.Join(t.TempDir(), "record")
	var sum load.Summary
	decode(t, b.run("load", "--host", "checkout.example.com", "--rate", "200", "--duration", "4s", "--record", record), &sum)
	if sum.Failed == 0 || sum.OK == 0 || sum.NoAnswer != 0 {
		t.Errorf("%d ok, %d failed, %d without answer; want some ok, about a third failed", sum.OK, sum.Failed, sum.NoAnswer)
	}
	want := map[string]int{}
	for code, n := range sum.ByCode {
		want[code] = before[code] + n
	}
	b.until("Prometheus agrees", func(out string) bool {
		got := counts(t, out)
		return got["200"] == want["200"] && got["500"] == want["500"]
	}, countQuery()...)
	if got := sum.ByVersion["1.1.0-errors"].Failed; got != sum.ByCode["500"] {
		t.Errorf("version 1.1.0-errors failed %d times, status 500 was seen %d times", got, sum.ByCode["500"])
	}
}

func countQuery() []string {
	query := `sum by (response_code) (istio_requests_total{reporter="source",destination_service_name="checkout"})`
	return []string{"exec", "--", "curl", "-s", "http://127.0.0.1:9090/api/v1/query?query=" + url.QueryEscape(query)}
}

// settled waits for the first routed request and returns the counts that Prometheus then has, when it has that request.
func settled(b bed) map[string]int {
	b.t.Helper()
	b.until("the first routed request", func(out string) bool { return strings.Contains(out, "1.1.0-errors") },
		"exec", "--", "curl", "-s", "-i", "-H", "Host: checkout.example.com", "http://10.244.200.1:18080/")
	envoy := b.run("exec", "--", "sh", "-c", `curl -sg 'http://10.244.200.1:15000/stats/prometheus?filter=^istio[.]requests' | grep '_name="checkout"'`)
	total := 0
	for line := range strings.Lines(envoy) {
		n, err := strconv.Atoi(strings.TrimSpace(line[strings.LastIndexByte(strings.TrimSpace(line), ' ')+1:]))
		if err != nil {
			b.t.Fatalf("line %q: %v", line, err)
		}
		total += n
	}
	var got map[string]int
	b.until("Prometheus has the first requests", func(out string) bool {
		got = counts(b.t, out)
		sum := 0
		for _, n := range got {
			sum += n
		}
		return sum == total
	}, countQuery()...)
	return got
}

func counts(t *testing.T, answer string) map[string]int {
	t.Helper()
	var parsed struct {
		Data struct {
			Result []struct {
				Metric map[string]string `json:"metric"`
				Value  [2]any            `json:"value"`
			} `json:"result"`
		} `json:"data"`
	}
	decode(t, answer, &parsed)
	out := map[string]int{}
	for _, r := range parsed.Data.Result {
		text, _ := r.Value[1].(string)
		n, err := strconv.Atoi(text)
		if err != nil {
			t.Fatalf("value %q: %v", text, err)
		}
		out[r.Metric["response_code"]] = n
	}
	return out
}

func decode(t *testing.T, text string, to any) {
	t.Helper()
	if err := json.Unmarshal([]byte(text), to); err != nil {
		t.Fatalf("reading %q: %v", text, err)
	}
}

func TestMeshIsTheRealThingAndLeavesNothingBehind(t *testing.T) {
	b := raise(t)
	b.run("exec", "--", "kubectl", "apply", "-f", "samples/shop.yaml")
	out, err := b.try("exec", "--", "kubectl", "-n", "shop", "patch", "virtualservice", "checkout", "--type=json",
		"-p", `[{"op": "add", "path": "/spec/http/0/route/0/weight", "value": -1}]`)
	if err == nil || !strings.Contains(out, "validation.istio.io") {
		t.Errorf("Istio's webhook let a bad weight pass: %v\n%s", err, out)
	}
	if out, err := b.try("exec", "--", "kubectl", "--token", b.run("exec", "--", "kubectl", "-n", "shop", "create", "token", "default"),
		"--kubeconfig", "/dev/null", "--server", "https://127.0.0.1:6443", "--insecure-skip-tls-verify", "get", "secrets", "-A"); err == nil || !strings.Contains(out, "forbidden") {
		t.Errorf("a service account may read every secret: %v\n%s", err, out)
	}
	b.run("fault", "kill", "istiod")
	if out, err := b.try("exec", "--", "kubectl", "-n", "shop", "annotate", "virtualservice", "checkout", "a=b"); err == nil {
		t.Errorf("without istiod a VirtualService was written, though its webhook fails closed:\n%s", out)
	}
	b.run("fault", "start", "istiod")
	var report mesh.Report
	decode(t, b.run("status", "--json"), &report)
	b.run("down")
	pids := []int{report.PID}
	for _, c := range report.Components {
		pids = append(pids, c.PID)
	}
	for _, pid := range pids {
		stat := fmt.Sprintf("/proc/%d/stat", pid)
		deadline := time.Now().Add(5 * time.Second)
		for data, err := os.ReadFile(stat); err == nil && !bytes.Contains(data, []byte(") Z ")); data, err = os.ReadFile(stat) {
			if time.Now().After(deadline) {
				t.Fatalf("process %d is still there: %s", pid, data)
			}
		}
	}
	audit, err := os.ReadFile(filepath.Join(b.state, "audit.log"))
	if err != nil || !bytes.Contains(audit, []byte(`"resource":"virtualservices"`)) {
		t.Errorf("the audit log does not tell of the VirtualService that was written (%v)", err)
	}
}
