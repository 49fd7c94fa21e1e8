// Package simulate runs releases in virtual time: the operator's own decisions and sequential tests against modelled traffic. A
// release of half an hour takes milliseconds, so that what a policy promises can be counted instead of believed: how often a
// healthy version is aborted, how soon a broken one is noticed, and how many users meet it until then.
//
//	Traffic, Canary ──► requests of each second ─┬► what scrapes show of them, slice by slice ──► evidence.Tests ──┐
//	     ▲                                       └► pods' counters, read each second ──► direct.Watch ──┐          │
//	     └── weight, live a little after it was written ◄── release.Decide ◄── Observation ◄────────────┴──────────┘
//
// Nothing in here is random by itself: the same seed gives the same release. What is modelled: Poisson arrivals, errors one by
// one or in bursts, within a second or longer, drift of traffic and errors, outages of both arms, pods and nodes that die for a while, faults
// that begin later or under load, errors while a version warms up, scrapes at different phases, the time the mesh takes to follow a change.
// What is not: retries, sticky clients, balancing by load, lost scrapes and readings, gateways, pods that take time to start. Time begins with
// the first weight, so what comes before, such as waiting until gateways know the canary, takes none.
//
// Who wants to see more than what becomes of a release follows it, pass by pass, to the end (Setup.Follow).
package simulate
