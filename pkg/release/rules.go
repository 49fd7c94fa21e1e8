package release

import "time"

// rule looks at the facts and decides, or leaves it to the next one.
type rule struct {
	name string
	when func(o Observation, now time.Time) (Decision, bool)
}

// rules in order; the first match wins. The order is the specification: what takes traffic away comes before whatever could wait. Beside
// each rule stands the file that it is in.
func rules() []rule {
	return []rule{
		{"handed over", whenHandedOver},         // promote.go
		{"abort until done", whenAborting},      // abort.go
		{"user abort", whenToldToAbort},         // undo.go
		{"let go", whenNoLongerWanted},          // letgo.go
		{"breach", whenBreach},                  // causes.go
		{"failing now", whenFailingNow},         // brake.go
		{"pods failing", whenCanaryFailing},     // causes.go
		{"gone", whenGone},                      // causes.go
		{"reverted", whenTemplateIsStableAgain}, // causes.go
		{"superseded", whenNewerTemplate},       // causes.go
		{"contested", whenSelectorContested},    // foreign.go
		{"denied", whenDenied},                  // denied.go
		{"abort found", whenAbortFound},         // abort.go
		{"brake", whenBraking},                  // brake.go
		{"excuse", whenOnePodBreaches},          // outlier.go
		{"away", whenCanaryAway},                // away.go
		{"alone", whenAlone},                    // stepback.go
		{"too high", whenTooHigh},               // foreign.go
		{"arm lost", whenArmLost},               // foreign.go
		{"leftovers", whenUnknownRemains},       // leftovers.go
		{"take charge", whenNotHeld},            // takecharge.go
		{"undo", whenToldToUndo},                // undo.go
		{"invalid", whenInvalid},                // halt.go
		{"rules changed", whenRulesChanged},     // prepare.go
		{"replan", whenToldToReplan},            // replan.go
		{"told", whenToldToApprove},             // gate.go
		{"paused", whenPaused},                  // halt.go
		{"too low", whenTooLow},                 // foreign.go
		{"prepare", whenArmsNotReady},           // prepare.go
		{"settle", whenNotSettled},              // climb.go
		{"no data", whenEvidenceStale},          // climb.go
		{"one pod", whenExcused},                // outlier.go
		{"more than wanted", whenDrifted},       // climb.go
		{"client errors", whenClientErrors},     // climb.go
		{"hold", whenHoldNotOver},               // climb.go
		{"undetermined", whenNotCleared},        // climb.go
		{"check", whenCheckNotPassed},           // check.go
		{"gate", whenGateClosed},                // gate.go
		{"next step", whenCleared},              // climb.go
		{"hand over", whenLastStepCleared},      // handover.go
		{"start", whenNewTemplate},              // start.go
		{"idle", always},                        // idle.go
	}
}

// Decide returns the next move of one release. It reads no clock, talks to nothing, and treats a missing fact as unknown, never
// as good.
func Decide(o Observation, now time.Time) Decision {
	for _, r := range rules() {
		d, ok := r.when(o, now)
		if !ok {
			continue
		}
		d.Rule = r.name
		return answered(o, noted(o, o.withoutRoutes(o.withoutPolicy(o.routesOnly(d))), now), now)
	}
	return Decision{} // not reached: the last rule always matches
}
