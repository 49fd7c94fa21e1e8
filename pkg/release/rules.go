package release

import "time"

// rule looks at the facts and decides, or leaves it to the next one.
type rule struct {
	name string
	when func(o Observation, now time.Time) (Decision, bool)
}

// rules in order; the first match wins. The order is the specification: what takes traffic away comes before whatever could wait.
func rules() []rule {
	return []rule{
		{"handed over", whenHandedOver},
		{"abort until done", whenAborting},
		{"let go", whenNoLongerWanted},
		{"user abort", whenToldToAbort},
		{"breach", whenBreach},
		{"pods failing", whenCanaryFailing},
		{"gone", whenGone},
		{"reverted", whenTemplateIsStableAgain},
		{"superseded", whenNewerTemplate},
		{"contested", whenSelectorContested},
		{"abort found", whenAbortFound},
		{"alone", whenAlone},
		{"too high", whenTooHigh},
		{"arm lost", whenArmLost},
		{"leftovers", whenUnknownRemains},
		{"take charge", whenNotHeld},
		{"undo", whenToldToUndo},
		{"invalid", whenInvalid},
		{"replan", whenToldToReplan},
		{"paused", whenPaused},
		{"too low", whenTooLow},
		{"prepare", whenArmsNotReady},
		{"settle", whenNotSettled},
		{"no data", whenEvidenceStale},
		{"more than wanted", whenDrifted},
		{"hold", whenHoldNotOver},
		{"undetermined", whenNotCleared},
		{"next step", whenCleared},
		{"hand over", whenLastStepCleared},
		{"start", whenNewTemplate},
		{"idle", always},
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
		return answered(o, o.routesOnly(d), now)
	}
	return Decision{} // not reached: the last rule always matches
}
