package kubectl

import (
	"context"
	"encoding/json"
	"fmt"
	"strconv"
	"strings"

	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"

	"github.com/stagger-dev/stagger/pkg/apis/stagger/v1alpha1"
	"github.com/stagger-dev/stagger/pkg/patch"
)

// longestReason keeps a reason to what fits a message of the release's outcome, in bytes.
const longestReason = 512

// attempts bounds how often a command is written again because somebody else wrote at the same time.
const attempts = 5

// command is a one-shot command to the operator: the annotation that names the verb and the release it is meant for.
type command struct {
	verb    string
	service string
	reason  string
	// weight says that the command is only for the weight that was seen.
	weight bool
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
	var number int64
	var moves int32
	for attempt := 1; ; attempt++ {
		object, err := c.find(ctx, o.service)
		if err != nil {
			return nil, err
		}
		shift, err := typed(object)
		if err != nil {
			return nil, err
		}
		if number, err = o.release(c, shift, number); err != nil {
			return nil, err
		}
		if err := allowed(shift); err != nil {
			return shift, err
		}
		r := shift.Status.Release
		if o.weight && attempt > 1 && r.Moves != moves {
			return nil, fmt.Errorf("release %d of %s went to %s while the command was written, so nothing was commanded; look first: %s",
				number, shift.Name, r.Weight, c.line("status", shift.Name))
		}
		moves = r.Moves
		data, err := json.Marshal(o.patch(shift, token))
		if err != nil {
			return nil, fmt.Errorf("encoding the patch: %w", err)
		}
		written, err := c.shifts().Patch(ctx, shift.Name, types.JSONPatchType, data, metav1.PatchOptions{FieldManager: fieldManager})
		switch {
		case err == nil:
			return typed(written)
		case !raced(err) || attempt == attempts:
			return nil, fmt.Errorf("commanding %s of release %d: %w", o.verb, number, err)
		}
	}
}

// release is the number of the release that the command is for; before is that of the look before, 0 at the first.
func (o command) release(c cluster, shift *v1alpha1.TrafficShift, before int64) (int64, error) {
	r := shift.Status.Release
	switch {
	case r == nil:
		return 0, fmt.Errorf("%s has had no release yet, so there is nothing to %s; see: %s", shift.Name, o.verb, c.line("status", shift.Name))
	case before != 0 && before != r.Number:
		return 0, fmt.Errorf("release %d of %s has begun while the command for release %d was written, so nothing was commanded; look first: %s",
			r.Number, shift.Name, before, c.line("status", shift.Name))
	}
	return r.Number, nil
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

// raced says that the object is no longer the one that was looked at: the API server answers a failed test with 422.
func raced(err error) bool { return apierrors.IsConflict(err) || apierrors.IsInvalid(err) }
