package v1alpha1

import "cmp"

// Defaults fills in what is left out, as the API server does: for policies that were never sent to one.
func (s *ShiftPolicySpec) Defaults() {
	s.Pace.Type = cmp.Or(s.Pace.Type, PaceProof)
	s.Confidence.FalseAbort = cmp.Or(s.Confidence.FalseAbort, "1%")
	s.Confidence.FalsePromote = cmp.Or(s.Confidence.FalsePromote, "5%")
	s.Tolerance = cmp.Or(s.Tolerance, "1.2")
	s.Undetermined.After = cmp.Or(s.Undetermined.After, "30m")
	s.Undetermined.Action = cmp.Or(s.Undetermined.Action, ActionHold)
	s.Warmup = cmp.Or(s.Warmup, "30s")
	s.SharedBreach.After = cmp.Or(s.SharedBreach.After, "10m")
	s.SharedBreach.Action = cmp.Or(s.SharedBreach.Action, ActionHold)
	s.ClientErrors = cmp.Or(s.ClientErrors, ClientErrorsHold)
	s.Workload.ReadyWithin = cmp.Or(s.Workload.ReadyWithin, "10m")
	s.Workload.Drain = cmp.Or(s.Workload.Drain, "30s")
}
