package steer

import (
	"context"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"
	"unicode/utf8"

	"github.com/stagger-dev/stagger/operator/kubectl/cli"
	"github.com/stagger-dev/stagger/pkg/apis/stagger/v1alpha1"
	"github.com/stagger-dev/stagger/pkg/patch"
	"github.com/stagger-dev/stagger/pkg/release"
	"github.com/stagger-dev/stagger/pkg/view"
)

// longestReason keeps a reason to what fits a message of the release's outcome, in characters.
const longestReason = 512

// command is what is written into the annotation: a verb and the release that it is for. The operator carries it out once.
type command struct {
	verb    string
	service string
	gate    string // of an approve
	reason  string
	// perWeight says that the command is only for the weight that was seen.
	perWeight bool
	// seen is the release that a page showed, nil elsewhere. Only its number and moves are known.
	seen *v1alpha1.Release
	// now is the clock.
	now func() time.Time
	// dryRun says that the cluster checks the command and writes nothing.
	dryRun bool
}

func newCommand(verb, arg, reason string, now func() time.Time) (command, error) {
	reason, err := oneLine(reason)
	return command{verb: verb, service: cli.ServiceName(arg), reason: reason, now: now}, err
}

// oneLine is a reason without line breaks, or an error when it is too long.
func oneLine(reason string) (string, error) {
	reason = strings.Join(strings.Fields(reason), " ")
	if n := utf8.RuneCountInString(reason); n > longestReason {
		return "", fmt.Errorf("--reason has %d characters; say it in at most %d", n, longestReason)
	}
	return reason, nil
}

// send writes the command for the release that is there at the first read, unless allowed returns an error, which comes back with the
// TrafficShift. People mean the release that they saw: when another one has begun meanwhile, nothing is written.
func (o command) send(ctx context.Context, c cli.Cluster, token string, allowed func(*v1alpha1.TrafficShift) error) (cli.Written, error) {
	seen := o.seen
	return c.Edit(ctx, o.service, o.dryRun, func(shift *v1alpha1.TrafficShift) (cli.Edit, error) {
		if err := o.checkRelease(c, shift, seen); err != nil {
			return cli.Edit{}, err
		}
		if w := release.InTheWay(shift, o.verb); w != nil {
			return cli.Edit{}, inTheWay{verb: w.Name(), said: view.Waits(shift, o.now())}
		}
		if err := allowed(shift); err != nil {
			return cli.Edit{}, err
		}
		seen = shift.Status.Release
		return cli.Edit{Patch: o.patch(shift, token), Does: fmt.Sprintf("commanding %s of release %d", o.verb, seen.Number)}, nil
	})
}

// checkRelease refuses a command when there is no release, or it is not the one that was seen before (nil at the first read), or not at
// the same weight where the command is for that.
func (o command) checkRelease(c cli.Cluster, shift *v1alpha1.TrafficShift, before *v1alpha1.Release) error {
	r := shift.Status.Release
	switch {
	case r == nil:
		return fmt.Errorf("%s has had no release yet, so there is nothing to %s; see: %s", shift.Name, o.verb, c.CommandLine("status", shift.Name))
	case before == nil:
		return nil
	case before.Number != r.Number:
		return fmt.Errorf("release %d of %s has begun while the command for release %d was written, so nothing was commanded; look first: %s",
			r.Number, shift.Name, before.Number, c.CommandLine("status", shift.Name))
	case o.perWeight && before.Moves != r.Moves:
		return fmt.Errorf("release %d of %s went to %s while the command was written, so nothing was commanded; look first: %s",
			r.Number, shift.Name, r.Weight, c.CommandLine("status", shift.Name))
	}
	return nil
}

// patch writes the annotation if the release still has the number and state for which the command was allowed.
func (o command) patch(shift *v1alpha1.TrafficShift, token string) patch.Patch {
	r := shift.Status.Release
	path := patch.Pointer("status", "release")
	p := patch.Patch{
		patch.Test(path+"/number", r.Number),
		patch.Test(path+"/state", r.State),
	}
	if len(shift.Annotations) == 0 {
		// The map of annotations is made here, which must not replace one that somebody else has made since.
		p = append(p, patch.Version(shift.ResourceVersion))
	}
	target := strconv.FormatInt(r.Number, 10)
	if o.perWeight {
		target += fmt.Sprintf("/%d", r.Moves)
	}
	text := strings.Join(slices.DeleteFunc([]string{o.verb, target, token, o.gate, o.reason}, func(word string) bool { return word == "" }), " ")
	annotations := patch.Pointer("metadata", "annotations")
	p = append(p, patch.SetIn(annotations, shift.Annotations, v1alpha1.CommandAnnotation, text)...)
	if release.CommandOn(shift) == nil {
		return p
	}
	return append(p, patch.SetIn(annotations, shift.Annotations, v1alpha1.ReplacedAnnotation, release.Replacing(shift, token))...)
}
