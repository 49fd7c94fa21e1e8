package kubectl

import (
	"context"
	"fmt"
	"strconv"
	"strings"

	"github.com/stagger-dev/stagger/pkg/apis/stagger/v1alpha1"
	"github.com/stagger-dev/stagger/pkg/patch"
)

// longestReason keeps a reason to what fits a message of the release's outcome, in bytes.
const longestReason = 512

// command is a one-shot command to the operator: the annotation that names the verb and the release it is meant for.
type command struct {
	verb    string
	service string
	reason  string
	// weight says that the command is only for the weight that was seen.
	weight bool
	// seen is the release that was seen before the first look of this command, where there was one: only its number, moves and
	// weight count.
	seen *v1alpha1.Release
}

func newCommand(verb, arg, reason string) (command, error) {
	o := command{verb: verb, service: serviceName(arg), reason: strings.Join(strings.Fields(reason), " ")}
	if len(o.reason) > longestReason {
		return command{}, fmt.Errorf("--reason has %d bytes; say it in at most %d", len(o.reason), longestReason)
	}
	return o, nil
}

// give writes the command for the release of the first look, unless allowed objects; an error of allowed comes back as it is,
// with the TrafficShift it was about. Who commands means the release that he saw: when another one has begun meanwhile,
// nothing is written.
func (o command) give(ctx context.Context, c cluster, token string, allowed func(*v1alpha1.TrafficShift) error) (*v1alpha1.TrafficShift, error) {
	seen := o.seen
	return c.edit(ctx, o.service, func(shift *v1alpha1.TrafficShift) (edit, error) {
		if err := o.same(c, shift, seen); err != nil {
			return edit{}, err
		}
		if err := allowed(shift); err != nil {
			return edit{}, err
		}
		seen = shift.Status.Release
		return edit{o.patch(shift, token), fmt.Sprintf("commanding %s of release %d", o.verb, seen.Number)}, nil
	})
}

// same says whether there is a release, and it is the one that was seen before, at the same weight where the command is for that;
// before is nil at the first look.
func (o command) same(c cluster, shift *v1alpha1.TrafficShift, before *v1alpha1.Release) error {
	r := shift.Status.Release
	switch {
	case r == nil:
		return fmt.Errorf("%s has had no release yet, so there is nothing to %s; see: %s", shift.Name, o.verb, c.line("status", shift.Name))
	case before == nil:
		return nil
	case before.Number != r.Number:
		return fmt.Errorf("release %d of %s has begun while the command for release %d was written, so nothing was commanded; look first: %s",
			r.Number, shift.Name, before.Number, c.line("status", shift.Name))
	case o.weight && before.Moves != r.Moves:
		return fmt.Errorf("release %d of %s went to %s while the command was written, so nothing was commanded; look first: %s",
			r.Number, shift.Name, r.Weight, c.line("status", shift.Name))
	}
	return nil
}

// patch writes the annotation if the release is still as it was when the command was found to make sense.
func (o command) patch(shift *v1alpha1.TrafficShift, token string) patch.Patch {
	r := shift.Status.Release
	release := patch.Pointer("status", "release")
	p := patch.Patch{
		patch.Test(release+"/number", r.Number),
		patch.Test(release+"/state", r.State),
	}
	if len(shift.Annotations) == 0 {
		// The map of annotations is made here, which must not replace one that somebody else has made since.
		p = append(p, patch.Version(shift.ResourceVersion))
	}
	target := strconv.FormatInt(r.Number, 10)
	if o.weight {
		target += fmt.Sprintf("/%d", r.Moves)
	}
	text := strings.TrimSpace(strings.Join([]string{o.verb, target, token, o.reason}, " "))
	return append(p, patch.SetIn(patch.Pointer("metadata", "annotations"), shift.Annotations, v1alpha1.CommandAnnotation, text)...)
}
