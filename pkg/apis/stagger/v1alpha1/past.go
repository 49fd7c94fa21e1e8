package v1alpha1

import metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

// Past is what the history keeps of a release that is over: all that its record says to people, whatever its length.
func (r *Release) Past() PastRelease {
	p := PastRelease{
		Number: r.Number, Revision: r.Revision, Images: r.Images, ImageIDs: r.ImageIDs, Changes: r.Changes, Toward: r.Toward,
		Stable: r.Stable, StableImages: r.StableImages, StableImageIDs: r.StableImageIDs,
		Policy: r.Policy, PolicyGeneration: r.PolicyGeneration, Plan: &r.Plan, Workload: r.Workload,
		Outcome: r.State, PeakWeight: r.PeakWeight, Exposed: r.Exposed, Failed: r.Failed, Counted: r.Counted, StartedAt: r.StartedAt,
		Objectives: r.Objectives, Moves: r.Moves, Weights: r.Weights, Commands: r.Commands, Pauses: r.Pauses,
		Overridden: r.Overridden, Away: r.Away, Excused: r.Excused,
	}
	if o := r.Outcome; o != nil {
		p.Reason, p.Message, p.Pod = o.Reason, o.Message, o.Pod
	}
	if r.FinishedAt != nil {
		p.Duration = DurationOf(r.FinishedAt.Sub(r.StartedAt.Time))
	}
	return *p.DeepCopy()
}

// Record is the release as its own record said it, as far as the history keeps it. Of one that ended before an older operator kept more than
// a line of it, most is empty.
func (p *PastRelease) Record() *Release {
	p = p.DeepCopy()
	r := &Release{
		Number: p.Number, Revision: p.Revision, Images: p.Images, ImageIDs: p.ImageIDs, Changes: p.Changes, Toward: p.Toward,
		Stable: p.Stable, StableImages: p.StableImages, StableImageIDs: p.StableImageIDs,
		Policy: p.Policy, PolicyGeneration: p.PolicyGeneration, Workload: p.Workload,
		State: p.Outcome, PeakWeight: p.PeakWeight, Exposed: p.Exposed, Failed: p.Failed, Counted: p.Counted, StartedAt: p.StartedAt,
		Objectives: p.Objectives, Moves: p.Moves, Weights: p.Weights, Commands: p.Commands, Pauses: p.Pauses,
		Overridden: p.Overridden, Away: p.Away, Excused: p.Excused,
		Outcome: &Outcome{Result: p.Outcome, Reason: p.Reason, Message: p.Message, Pod: p.Pod},
	}
	if p.Plan != nil {
		r.Plan = *p.Plan
	}
	if !p.StartedAt.IsZero() {
		end := metav1.NewTime(p.StartedAt.Add(max(p.Duration.Duration(), 0)))
		r.FinishedAt = &end
	}
	return r
}
