package service

import (
	"fmt"
	"slices"
	"strings"

	"k8s.io/apimachinery/pkg/util/validation"

	"github.com/stagger-dev/stagger/pkg/apis/stagger/v1alpha1"
	"github.com/stagger-dev/stagger/pkg/text"
)

// verb is what a pass does about the TrafficShift.
type verb string

const (
	none   verb = "none"
	start  verb = "make"
	follow verb = "follow"
	end    verb = "end"
)

// move is what a pass does, and what people are told.
type move struct {
	verb verb
	// policy is what stands for the annotation in the TrafficShift.
	policy string
	// warning is what the Service's owner must know; nil when nothing is wrong.
	warning *warning
}

// decide compares the annotation with the TrafficShift. It writes nothing.
func decide(f facts) move {
	policy, annotated := f.policy()
	m := move{verb: none, policy: named(policy)}
	if !annotated {
		if f.ours() && f.shift.DeletionTimestamp.IsZero() {
			m.verb = end
		}
		return m
	}
	if f.shift != nil && !f.ours() {
		m.warning = writtenByHand(f)
		return m
	}
	// A policy that is not there, or cannot be, is told; the Deployment is held all the same, so that its next template waits.
	switch {
	case len(validation.IsDNS1123Subdomain(policy)) > 0:
		m.warning = notAName(policy, f.policies)
		if f.shift != nil {
			return m // releases go by the policy before
		}
	case !slices.Contains(f.policies, policy):
		m.warning = unknownPolicy(policy, f.policies)
	}
	switch {
	case f.shift == nil:
		m.verb = start
	case f.shift.DeletionTimestamp.IsZero() && f.shift.Spec.PolicyRef.Name != m.policy:
		m.verb = follow
	}
	return m
}

// named is what stands in a TrafficShift for the name of a policy: what the annotation says, as far as a name may be long.
func named(policy string) string {
	if policy == "" {
		return "(none)"
	}
	return text.CutBytes(policy, validation.DNS1123SubdomainMaxLength)
}

// warning is an event on the Service: what is wrong, and what to do.
type warning struct {
	reason  string
	message string
}

func writtenByHand(f facts) *warning {
	return &warning{string(v1alpha1.ReasonNameTaken), fmt.Sprintf(
		"annotation %s has no effect: TrafficShift %s was written by hand and stays as it is; remove the annotation, or delete the TrafficShift",
		v1alpha1.PolicyAnnotation, f.key.Name)}
}

func notAName(policy string, policies []string) *warning {
	return &warning{string(v1alpha1.ReasonInvalid), fmt.Sprintf(
		"annotation %s is %q, which cannot be the name of a ShiftPolicy; %s", v1alpha1.PolicyAnnotation, clip(policy), advice(policy, policies))}
}

func unknownPolicy(policy string, policies []string) *warning {
	return &warning{string(v1alpha1.ReasonPolicyNotFound), fmt.Sprintf(
		"annotation %s is %q, and no ShiftPolicy has that name; %s", v1alpha1.PolicyAnnotation, clip(policy), advice(policy, policies))}
}

// clip keeps what somebody wrote short enough to be told back.
func clip(s string) string {
	if len(s) <= longest {
		return s
	}
	return text.CutBytes(s, longest) + "…"
}

// advice is the fix: the policy that was probably meant, or those there are.
func advice(policy string, policies []string) string {
	if len(policies) == 0 {
		return "there is no ShiftPolicy yet: apply one, such as those of manifests/policies"
	}
	if near, ok := nearest(policy, policies); ok {
		return fmt.Sprintf("did you mean %q?", near)
	}
	const most = 8
	names := slices.Sorted(slices.Values(policies))
	more := ""
	if len(names) > most {
		more = fmt.Sprintf(" and %d more", len(names)-most)
		names = names[:most]
	}
	return "use one of " + strings.Join(names, ", ") + more
}
