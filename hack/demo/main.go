// The demo tells Stagger's main job on the real mesh: a Service under load gets one annotation, a good version is released step
// by step and promoted, a bad one is taken back. It ends with what the load generator, not the operator, has seen, and fails if
// that is not what Stagger promises. Run it with make demo.
package main

import (
	"context"
	"flag"
	"fmt"
	"os"
	"os/signal"
	"path/filepath"
	"time"

	"github.com/stagger-dev/stagger/e2e/bed"
	"github.com/stagger-dev/stagger/pkg/apis/stagger/v1alpha1"
)

const (
	namespace = "shop"
	service   = "checkout"
	host      = "checkout.example.com"
	rate      = 50
)

// faults are the second version's tag and how its release has to end, for each FAULT.
var faults = map[string]struct {
	tag  string
	ends v1alpha1.ReleaseState
	says string
}{
	"none":       {},
	"errors":     {"1.2.0-errors", v1alpha1.StateAborted, "answers a part of its requests with errors"},
	"crash":      {"1.2.0-crash", v1alpha1.StateAborted, "crashes some seconds after its start"},
	"slow-start": {"1.2.0-slow-start", v1alpha1.StatePromoted, "is good, and takes its time to become ready"},
}

func main() {
	fault := flag.String("fault", "errors", "what is wrong with the second version: errors, crash, slow-start or none")
	dir := flag.String("dir", "", "where logs and records are kept")
	root := flag.String("root", ".", "the repository's folder")
	flag.Parse()
	if _, known := faults[*fault]; !known {
		fmt.Fprintf(os.Stderr, "demo: FAULT=%s is not known; it is errors, crash, slow-start or none\n", *fault)
		os.Exit(2)
	}
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt)
	ok, err := run(ctx, *root, *dir, *fault)
	stop()
	if err != nil {
		fmt.Fprintln(os.Stderr, "demo:", err)
	}
	if err != nil || !ok {
		os.Exit(1)
	}
}

// demo is one telling.
type demo struct {
	bed  *bed.Bed
	op   *bed.Operator
	load *bed.Load
	rows []row
}

func run(ctx context.Context, root, dir, fault string) (bool, error) {
	b, err := bed.Open(root, dir)
	if err != nil {
		return false, err
	}
	d := &demo{bed: b}
	if err := d.prepare(ctx); err != nil {
		return false, err
	}
	defer func() { _ = d.load.Stop() }() // the record is complete to the second
	if err := d.release(ctx, "1.1.0", "a good version", v1alpha1.StatePromoted); err != nil {
		return false, err
	}
	if f := faults[fault]; f.tag != "" {
		if err := d.release(ctx, f.tag, "a version that "+f.says, f.ends); err != nil {
			return false, err
		}
	}
	return d.table(os.Stdout), nil
}

// prepare does what a platform team and an application team do once.
func (d *demo) prepare(ctx context.Context) error {
	say("installing the manifests: CRDs, roles, admission policies, policies")
	if err := d.bed.Install(ctx); err != nil {
		return err
	}
	say("an ordinary Deployment, Service and VirtualService: shop/checkout")
	for _, file := range []string{"hack/localmesh/samples/shop.yaml", "hack/demo/policy.yaml"} {
		if _, err := d.bed.Kubectl(ctx, "", "apply", "-f", filepath.Join(d.bed.Root, file)); err != nil {
			return err
		}
	}
	if _, err := d.bed.Kubectl(ctx, "", "-n", namespace, "rollout", "status", "deployment/"+service, "--timeout=60s"); err != nil {
		return err
	}
	say("the operator, with the token of the service account it ships with")
	op, err := d.bed.StartOperator(ctx)
	if err != nil {
		return err
	}
	d.op = op
	say("load: %d requests a second through the gateway", rate)
	if d.load, err = bed.StartLoad(ctx, filepath.Join(d.bed.Dir, "load.jsonl"), "gateway", host, rate); err != nil {
		return err
	}
	say("kubectl annotate service checkout stagger.dev/policy=demo")
	if _, err := d.bed.Kubectl(ctx, "", "-n", namespace, "annotate", "service", service, "stagger.dev/policy=demo"); err != nil {
		return err
	}
	return bed.Poll(ctx, "the operator to take charge", time.Minute, func(ctx context.Context) (bool, string) {
		s, err := d.bed.Shift(ctx, namespace, service)
		if err != nil {
			return false, err.Error()
		}
		for _, c := range s.Status.Conditions {
			if c.Type == v1alpha1.ConditionReady && c.Status == "True" {
				return true, ""
			}
		}
		return false, fmt.Sprint(s.Status.Conditions)
	})
}

// release ships a version as a team does, shows what happens, and notes what clients saw of it.
func (d *demo) release(ctx context.Context, tag, what string, ends v1alpha1.ReleaseState) error {
	s, err := d.bed.Shift(ctx, namespace, service)
	if err != nil {
		return err
	}
	number := int64(1)
	if s.Status.Release != nil {
		number = s.Status.Release.Number + 1
	}
	before, err := bed.TakeSnapshot(ctx, namespace)
	if err != nil {
		return err
	}
	began := time.Now()
	fmt.Println()
	say("kubectl set image deployment/checkout app=shop:%s        (%s)", tag, what)
	if _, err := d.bed.Kubectl(ctx, "", "-n", namespace, "set", "image", "deployment/"+service, "app=shop:"+tag); err != nil {
		return err
	}
	r := row{number: number, tag: tag, wanted: ends}
	if err := d.watch(ctx, &r); err != nil {
		return err
	}
	return d.judge(ctx, &r, before, began)
}

func say(format string, args ...any) { fmt.Printf("▸ "+format+"\n", args...) }
