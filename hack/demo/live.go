package main

import (
	"bufio"
	"context"
	"fmt"
	"os"
	"regexp"
	"strings"
	"time"

	"golang.org/x/term"
	corev1 "k8s.io/api/core/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/stagger-dev/stagger/pkg/apis/stagger/v1alpha1"
	"github.com/stagger-dev/stagger/pkg/view"
)

// patience is how long one release may take.
const patience = 4 * time.Minute

// watch shows the release until it is over: the screen of kubectl stagger status, again whenever the state changes, and what the
// operator writes. On a terminal the screen is redrawn each second.
func (d *demo) watch(ctx context.Context, r *row) error {
	ctx, stop := context.WithTimeoutCause(ctx, patience, fmt.Errorf("release %d took more than %s; see %s", r.number, patience, d.bed.Dir))
	defer stop()
	writes := d.writes()
	tick := time.NewTicker(500 * time.Millisecond)
	defer tick.Stop()
	last := ""
	for {
		s, err := d.bed.Shift(ctx, namespace, service)
		if ctx.Err() != nil {
			return context.Cause(ctx)
		}
		if err != nil {
			return err
		}
		for _, w := range writes() {
			fmt.Println("    wrote:", w)
		}
		rel := s.Status.Release
		if rel != nil && rel.Number == r.number {
			if err := d.countPods(ctx, rel, r); err != nil {
				return err
			}
			if now := fmt.Sprint(rel.State, rel.Step, rel.Verdict, rel.SettledAt != nil); now != last {
				last = now
				fmt.Println()
				fmt.Print(view.Release(s, time.Now()).Text(paper()))
			}
			if rel.State.Ended() {
				r.record = rel.DeepCopy()
				return nil
			}
		}
		select {
		case <-ctx.Done():
			return context.Cause(ctx)
		case <-tick.C:
		}
	}
}

func paper() view.Layout {
	width, _, err := term.GetSize(int(os.Stdout.Fd()))
	if err != nil {
		return view.Layout{}
	}
	return view.Layout{Width: width, Color: os.Getenv("NO_COLOR") == ""}
}

// countPods remembers the pods there are while the canary has all traffic: those that were judged.
func (d *demo) countPods(ctx context.Context, rel *v1alpha1.Release, r *row) error {
	if rel.State == v1alpha1.StateShifting && rel.Weight != "100%" {
		return nil
	}
	var pods corev1.PodList
	if err := d.bed.Client.List(ctx, &pods, client.InNamespace(namespace), client.MatchingLabels{"app": service}); err != nil {
		return fmt.Errorf("listing pods: %w", err)
	}
	names := map[string]bool{}
	for _, p := range pods.Items {
		names[p.Name] = true
	}
	if rel.State == v1alpha1.StateShifting {
		r.judged = names
		return nil
	}
	for name := range names {
		if r.judged != nil && !r.judged[name] {
			r.started++
			r.judged[name] = true
		}
	}
	return nil
}

// written finds the writes in the operator's log of its decisions.
var written = regexp.MustCompile(`msg=Decided .*actions="?\[([^\]]+)\]`)

// writes returns a function that returns what the operator has written since it was called last.
func (d *demo) writes() func() []string {
	var at int64
	if info, err := os.Stat(d.op.Log); err == nil {
		at = info.Size()
	}
	return func() []string {
		file, err := os.Open(d.op.Log)
		if err != nil {
			return nil
		}
		defer func() { _ = file.Close() }() // only read
		if _, err := file.Seek(at, 0); err != nil {
			return nil
		}
		var out []string
		for in := bufio.NewReader(file); ; {
			line, err := in.ReadString('\n')
			if err != nil {
				return out // the rest of an unfinished line is read the next time
			}
			at += int64(len(line))
			if m := written.FindStringSubmatch(line); m != nil {
				out = append(out, strings.TrimSpace(m[1]))
			}
		}
	}
}
