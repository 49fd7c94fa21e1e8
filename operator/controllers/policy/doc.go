// Package policy says in the status of each ShiftPolicy whether releases can go by it, and whether the source that they would be counted at
// answers the operator (SourceAnswers): nobody but the operator can tell what is reachable from where it runs.
//
//	plan                  Accepted and Ready   Stalled
//	can be followed       both True            absent
//	contradicts itself    both False           True; the message names the field and the fix
//
// The API server refuses what one field can show to be wrong. Here is found what only several fields together show, and what was
// stored before the API server knew the rule. No release starts by a policy that is not accepted; one that runs keeps the plan it
// started with.
package policy
