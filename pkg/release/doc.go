// Package release decides what happens next to a Service's release.
//
//	Observation ──► Decide(o, now) ──► Decision{Actions, Release, Reason, Message, After}
//
// Decide is a pure function: it reads no clock, talks to nothing, and treats a missing fact as unknown, never as good. It is the
// ordered list in rules.go, first match wins; each rule is right on its own, whatever rules ran before it. A release goes
//
//	Idle ──new template──► Preparing ──arms ready──► Shifting 1 ──cleared──► Shifting 2 … ──last step proven──► Handover ──► Restoring ──► Promoted
//	       any state before the set is handed over ──breach, crash, command, superseded, reverted──► Aborting ──► Draining ──► Restoring ──► Aborted
//
// What every transcript in testdata shows, and what the tests check after each step of each of them:
//
//	raised     only with clearance, fresh evidence of this process, ready pods, uncontested routes and nobody pausing
//	lowered    in the pass that knows the cause, before anything else is written
//	restored   whatever was touched, on every way out
//	repeated   a pass over the same facts decides the same and, once the facts are as wanted, writes nothing
package release
