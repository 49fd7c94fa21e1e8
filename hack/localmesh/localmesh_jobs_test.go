package main

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stagger-dev/stagger/hack/localmesh/load"
)

// jobs are checks as a team writes them, in a namespace that is not the client's. Their pods reach the Service by the client's sidecar.
const jobs = `
apiVersion: v1
kind: Namespace
metadata: {name: checks}
---
apiVersion: v1
kind: Service
metadata: {name: checkout-preview, namespace: shop}
spec: {selector: {app: checkout}, ports: [{name: http, port: 80, targetPort: http}]}
---
apiVersion: batch/v1
kind: CronJob
metadata: {name: smoke, namespace: checks}
spec:
  schedule: "0 0 1 1 *"
  suspend: true
  jobTemplate:
    spec:
      backoffLimit: 0
      template:
        metadata: {labels: {sidecar.istio.io/inject: "true"}}
        spec:
          restartPolicy: Never
          containers:
          - name: smoke
            image: shop:1.0.0
            args: [--request=http://10.244.200.2/, --host=checkout-preview.shop.svc.cluster.local, --header=x-check=yes]
---
apiVersion: batch/v1
kind: Job
metadata: {name: refused, namespace: checks}
spec:
  backoffLimit: 0
  template:
    spec:
      restartPolicy: Never
      containers: [{name: check, image: "shop:1.0.0", args: [--request=http://10.244.200.2/, --host=nobody.example.com]}]
---
apiVersion: batch/v1
kind: Job
metadata: {name: slow, namespace: checks}
spec:
  activeDeadlineSeconds: 2
  template:
    spec:
      restartPolicy: Never
      containers:
      - name: check
        image: shop:1.0.0
        args: ["--request=http://10.244.200.2/?hold=1h", --host=checkout-preview.shop.svc.cluster.local]
---
apiVersion: batch/v1
kind: Job
metadata: {name: again, namespace: checks}
spec:
  backoffLimit: 1
  template:
    spec:
      restartPolicy: OnFailure
      containers: [{name: check, image: "shop:1.0.0", args: [--crash-after=1s, --exit-code=3]}]
---
apiVersion: batch/v1
kind: Job
metadata: {name: endless, namespace: checks}
spec:
  template:
    metadata: {labels: {sidecar.istio.io/inject: "true"}}
    spec:
      restartPolicy: Never
      containers:
      - name: check
        image: shop:1.0.0
        args: ["--request=http://10.244.200.2/?hold=1h", --host=checkout-preview.shop.svc.cluster.local]
`

// opened is the sample shop, which serves, with these arguments of its app.
func opened(b bed, args ...string) {
	b.t.Helper()
	b.run("exec", "--", "kubectl", "apply", "-f", "samples/shop.yaml")
	if len(args) > 0 {
		b.run("exec", "--", "kubectl", "-n", "shop", "patch", "deployment", "checkout", "--type=json", "-p",
			`[{"op": "add", "path": "/spec/template/spec/containers/0/args", "value": ["`+strings.Join(args, `","`)+`"]}]`)
	}
	b.run("exec", "--", "kubectl", "-n", "shop", "rollout", "status", "deployment/checkout", "--timeout=2m")
}

// checks waits until a question about the namespace of the checks has this answer.
func (b bed) checks(want string, question ...string) {
	b.t.Helper()
	question = append([]string{"exec", "--", "kubectl", "-n", "checks"}, question...)
	b.until("it is "+want, func(out string) bool { return strings.TrimSpace(out) == want }, question...)
}

func TestJobsRunUntilTheyHaveEnded(t *testing.T) {
	b := raise(t)
	opened(b)
	file := filepath.Join(t.TempDir(), "jobs.yaml")
	if err := os.WriteFile(file, []byte(jobs), 0o644); err != nil {
		t.Fatal(err)
	}
	b.run("exec", "--", "kubectl", "apply", "-f", file)
	b.run("exec", "--", "kubectl", "-n", "checks", "create", "job", "smoke-1", "--from=cronjob/smoke")
	const how = `jsonpath={range .status.conditions[?(@.status=="True")]}{.type}: {.reason}, {end}`
	for name, want := range map[string]string{
		"smoke-1": "SuccessCriteriaMet: CompletionsReached, Complete: CompletionsReached,",
		"refused": "FailureTarget: BackoffLimitExceeded, Failed: BackoffLimitExceeded,",
		"slow":    "FailureTarget: DeadlineExceeded, Failed: DeadlineExceeded,",
		"again":   "FailureTarget: BackoffLimitExceeded, Failed: BackoffLimitExceeded,",
	} {
		b.checks(want, "get", "job", name, "-o", how)
	}
	for name, want := range map[string][]string{
		"smoke-1": {"Succeeded 0 200 OK: checkout-", " 1.0.0"},
		"refused": {"Failed 1 answered 404 Not Found"},
	} {
		got := b.run("exec", "--", "kubectl", "-n", "checks", "get", "pod", "-l", "job-name="+name, "-o",
			"jsonpath={.items[*].status.phase} {.items[*].status.containerStatuses[0].state.terminated['exitCode','message']}")
		for _, part := range want {
			if !strings.Contains(got, part) {
				t.Errorf("the pod of %s tells %q, want %q", name, got, part)
			}
		}
	}
	for _, name := range []string{"slow", "again"} { // their controller deletes pods that run when a Job has failed
		b.checks("", "get", "pod", "-l", "job-name="+name, "-o", "name")
	}
	b.checks("Running", "get", "pod", "-l", "job-name=endless", "-o", "jsonpath={.items[*].status.phase}")
	ip := b.run("exec", "--", "kubectl", "-n", "checks", "get", "pod", "-l", "job-name=endless", "-o", "jsonpath={.items[*].status.podIP}")
	sidecar := "http://" + strings.Replace(ip, "10.", "127.", 1) + ":15000/server_info"
	if out := b.run("exec", "--", "curl", "-s", sidecar); !strings.Contains(out, `"state": "LIVE"`) {
		t.Errorf("a pod that asks for a sidecar has none: %s", out)
	}
	b.run("exec", "--", "kubectl", "-n", "checks", "delete", "job", "endless", "smoke-1", "--timeout=1m")
	b.checks("", "get", "pod", "-l", "job-name in (endless, smoke-1)", "-o", "name")
	if out, err := b.try("exec", "--", "curl", "-s", sidecar); err == nil {
		t.Errorf("the sidecar of a deleted pod goes on: %s", out)
	}
}

func TestAVersionFailsForACohortAlone(t *testing.T) {
	b := raise(t)
	opened(b, "--error-header=x-cohort=staff")
	b.until("the first routed request", func(out string) bool { return strings.Contains(out, "1.0.0") },
		"exec", "--", "curl", "-s", "-H", "Host: checkout.example.com", "http://10.244.200.1:18080/")
	var sum load.Summary
	decode(t, b.run("load", "--host", "checkout.example.com", "--rate", "100", "--duration", "2s", "--record", filepath.Join(t.TempDir(), "record"),
		"--cohort", "staff=0.2", "--cohort-header", "staff:x-cohort=staff", "--cohort", "late=0.1", "--cohort-header", "late:x-cohort=late"), &sum)
	staff, late, others := sum.ByCohort["staff"], sum.ByCohort["late"], sum.ByCohort[load.Others]
	if staff.Sent == 0 || staff.ByVersion["1.0.0"].Failed != staff.Sent {
		t.Errorf("staff met %+v, want %d failures", staff.ByVersion, staff.Sent)
	}
	if late.Sent == 0 || others.Sent == 0 || late.Failed+others.Failed > 0 {
		t.Errorf("of %d late %d failed and of %d others %d, want none of some", late.Sent, late.Failed, others.Sent, others.Failed)
	}
}
