package look

import (
	"cmp"
	"context"
	"fmt"
	"slices"
	"strings"
	"time"

	appsv1 "k8s.io/api/apps/v1"
	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"

	"github.com/stagger-dev/stagger/operator/kubectl/cli"
	"github.com/stagger-dev/stagger/pkg/apis/stagger/v1alpha1"
	"github.com/stagger-dev/stagger/pkg/view"
	"github.com/stagger-dev/stagger/pkg/workload"
)

// stage is how far the version that was shipped has come.
type stage int

const (
	// stageWaits: its release has not begun.
	stageWaits stage = iota
	// stageRuns: it is being released, or was.
	stageRuns
	// stageRests: it is not released, or not any more, and nothing waits.
	stageRests
	// stageSuperseded: another version took its place before its release began.
	stageSuperseded
)

// shipped is the version that a watch follows: the one that the Deployment asks for when the watch begins, or as soon as it asks for an image.
type shipped struct {
	// image is one that the version is to have, as people write it; "" for whatever was shipped.
	image string
	// number is that of its release, 0 before that has begun.
	number int64
	// template and revision are what was shipped, of a Deployment or of destinations; nothing before that is known.
	template *corev1.PodTemplateSpec
	revision string
}

// look says how far the version has come. The Deployment is as it is now, or nil where it may not be read.
func (v *shipped) look(shift *v1alpha1.TrafficShift, d *appsv1.Deployment) stage {
	if v.number != 0 {
		return stageRuns
	}
	r, asked := shift.Status.Release, shift.Status.Deployment.Revision
	var seen bool // by the operator
	switch to := shift.Spec.Destinations; {
	case to != nil:
		asked, seen = to.Revision, shift.Status.ObservedGeneration >= shift.Generation
		v.revision = cmp.Or(v.revision, asked)
		if v.revision != asked {
			return stageSuperseded
		}
	case shift.Status.Deployment.Name == "": // an operator that does not tell
		return v.last(r)
	default:
		var end stage
		if end, seen = v.asked(shift.Status.Deployment, d); end != stageRuns {
			return end
		}
	}
	switch {
	case seen && r.Running() && r.Revision == asked:
		v.number = r.Number
		return stageRuns
	case !seen || r.Running() || begins(shift, asked):
		return stageWaits
	}
	return stageRests
}

// asked compares what the Deployment asks for now with what was shipped: stageRuns while that is the same. Seen says that the operator tells of
// the Deployment as it is.
func (v *shipped) asked(told v1alpha1.ObservedDeployment, d *appsv1.Deployment) (is stage, seen bool) {
	if v.image != "" && v.template == nil && !asks(imagesOf(told, d), v.image) {
		return stageWaits, false
	}
	if d == nil {
		return stageRuns, true
	}
	if v.template == nil {
		v.template = d.Spec.Template.DeepCopy()
	}
	if !workload.SameTemplate(v.template, &d.Spec.Template) {
		return stageSuperseded, false
	}
	return stageRuns, told.Generation >= d.Generation
}

// begins says whether a revision that is asked for is still to be released.
func begins(shift *v1alpha1.TrafficShift, asked string) bool {
	r := shift.Status.Release
	judged := shift.Status.Refused == asked || r != nil && r.Revision == asked
	switch state := view.Release(shift, time.Time{}).State; state {
	case view.StateWaiting, view.StatePaused, view.StatePending:
		return true
	default:
		return shift.Status.Deployment.Waits && state != view.StateStalled && !judged
	}
}

// last follows the release that there is.
func (v *shipped) last(r *v1alpha1.Release) stage {
	if r == nil {
		return stageRests
	}
	v.number = r.Number
	return stageRuns
}

// imagesOf are those that a Deployment asks for, as far as is known.
func imagesOf(seen v1alpha1.ObservedDeployment, d *appsv1.Deployment) []string {
	if d == nil {
		return seen.Images
	}
	return workload.Images(&d.Spec.Template)
}

// asks says whether an image is among others, written whole or without what stands before its name: "checkout:1.5.0".
func asks(images []string, image string) bool {
	return slices.ContainsFunc(images, func(i string) bool { return i == image || strings.HasSuffix(i, "/"+image) })
}

// name is what was shipped, for people.
func (v *shipped) name() string {
	switch {
	case v.template != nil && len(v.template.Spec.Containers) > 0:
		return v.template.Spec.Containers[0].Image
	case v.image != "":
		return v.image
	case v.revision != "":
		return "revision " + v.revision
	}
	return "what was shipped"
}

// waits says what is waited for.
func (v *shipped) waits(shift *v1alpha1.TrafficShift) string {
	if r := shift.Status.Release; r.Running() {
		return fmt.Sprintf("waiting for the release of %s; release %d comes before it", v.name(), r.Number)
	}
	return fmt.Sprintf("waiting for the release of %s", v.name())
}

// deployment reads the Deployment behind a Service; nil where it is not known, not there, or may not be read.
func deployment(ctx context.Context, c cli.Cluster, shift *v1alpha1.TrafficShift) (*appsv1.Deployment, error) {
	name := shift.Status.Deployment.Name
	if name == "" {
		return nil, nil
	}
	d, err := cli.Get[appsv1.Deployment](ctx, c, cli.DeploymentsResource, name)
	if apierrors.IsForbidden(err) || apierrors.IsNotFound(err) {
		return nil, nil
	}
	return d, err
}
