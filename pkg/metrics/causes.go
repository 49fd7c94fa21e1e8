package metrics

import (
	"slices"

	"github.com/stagger-dev/stagger/pkg/apis/stagger/v1alpha1"
)

// The causes of the end of a release: who has to look.
const (
	// CauseVersion is the version itself: it was proven, or it fails.
	CauseVersion = "version"
	// CauseWorkload is what the version runs on: pods that do not come, or objects that went away.
	CauseWorkload = "workload"
	// CausePeople is a person's decision.
	CausePeople = "people"
	// CauseSuperseded is another template.
	CauseSuperseded = "superseded"
	// CauseEvidence is that the counts could not tell.
	CauseEvidence = "evidence"
	// CauseMesh is what keeps Stagger from writing, or writes against it.
	CauseMesh = "mesh"
)

// Causes are all causes.
func Causes() []string {
	return []string{CauseVersion, CauseWorkload, CausePeople, CauseSuperseded, CauseEvidence, CauseMesh}
}

// outcome is a way in which a release can end.
type outcome struct {
	result v1alpha1.ReleaseState
	reason v1alpha1.Reason
	cause  string
}

// outcomes are all ways in which a release can end.
func outcomes() []outcome {
	all := []outcome{
		{v1alpha1.StatePromoted, v1alpha1.ReasonPromoted, CauseVersion},
		{v1alpha1.StatePromoted, v1alpha1.ReasonCommanded, CausePeople},
	}
	for _, a := range []struct {
		cause   string
		reasons []v1alpha1.Reason
	}{
		{CauseVersion, []v1alpha1.Reason{v1alpha1.ReasonCanaryWorseThanStable, v1alpha1.ReasonCanaryBreachesSLO, v1alpha1.ReasonNoConcurrentControl,
			v1alpha1.ReasonCanaryCrashing, v1alpha1.ReasonCheckFailed}},
		{CauseWorkload, []v1alpha1.Reason{v1alpha1.ReasonPodOutlier, v1alpha1.ReasonCanaryNotReady, v1alpha1.ReasonWorkloadGone}},
		{CausePeople, []v1alpha1.Reason{v1alpha1.ReasonCommanded, v1alpha1.ReasonLetGo}},
		{CauseSuperseded, []v1alpha1.Reason{v1alpha1.ReasonSuperseded, v1alpha1.ReasonReverted}},
		{CauseEvidence, []v1alpha1.Reason{v1alpha1.ReasonUndetermined, v1alpha1.ReasonSharedBreach}},
		{CauseMesh, []v1alpha1.Reason{v1alpha1.ReasonSelectorContested, v1alpha1.ReasonWriteDenied, v1alpha1.ReasonRouteWriteDenied, v1alpha1.ReasonNotRecorded}},
	} {
		for _, r := range a.reasons {
			all = append(all, outcome{v1alpha1.StateAborted, r, a.cause})
		}
	}
	return all
}

// CauseOf is the cause of an end for a reason.
func CauseOf(result v1alpha1.ReleaseState, reason v1alpha1.Reason) string {
	all := outcomes()
	i := slices.IndexFunc(all, func(o outcome) bool { return o.result == result && o.reason == reason })
	if i < 0 {
		return CauseWorkload // no release ends so; the version is not to blame for what nobody knows
	}
	return all[i].cause
}

func born(all []outcome) [][]string {
	values := make([][]string, 0, len(all))
	for _, o := range all {
		values = append(values, []string{string(o.result), string(o.reason), o.cause})
	}
	return values
}

func reasons(all []outcome) []string {
	var values []string
	for _, o := range all {
		if !slices.Contains(values, string(o.reason)) {
			values = append(values, string(o.reason))
		}
	}
	return values
}
