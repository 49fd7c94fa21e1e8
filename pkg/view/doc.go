// Package view turns objects of the API into what a person sees: values first, then lines of text.
//
//	TrafficShift ──Release──► Screen ──Text──► one release, standing alone
//	TrafficShifts ──Fleet───► []Row  ──Table─► one line for each, newest trouble first
//	TrafficShift ──ServicePageOf─► ServicePage   the same for the dashboard; BoardOf for all of them
//	TrafficShift ──Trace────► Plots            what was seen of a release since a page was opened, or is told of it, to be drawn
//
// Every field of an object may be missing or odd (an older or newer operator, a hand-written object): what is not known is
// left out or called so, never guessed. Text from objects is stripped of control characters before it reaches a terminal.
//
//	State      icon  when
//	Pending    …     nobody has looked yet
//	Idle       ○     one version serves, nothing waits
//	Waiting    ◷     a template waits and cannot be released yet
//	Preparing  ◔     the canary's pods are made; no traffic yet
//	Shifting   ◑     the canary gets traffic, step by step
//	Held       ◫     no weight is raised until something is over
//	Paused     ‖     no weight is raised until a person says so
//	Handover   ◕     the Deployment takes over the canary's pods
//	Aborting   ▼     the canary's traffic is taken away
//	Draining   ▽     requests in flight finish
//	Restoring  ↺     routes and Service are put back
//	Promoted   ✔     the canary is the stable
//	Aborted    ✘     the canary was taken back
//	Stalled    !     only people can go on
package view
