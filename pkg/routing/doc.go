// Package routing moves traffic between the two arms of a release by editing the weights of Istio VirtualServices, and
// gives every VirtualService back as its owner wrote it. Routes of http, tls and tcp are treated alike.
//
// The stable arm is the user's own Service, the canary arm a Service of Stagger's. A destination of the user becomes a pair:
//
//	the user wrote            at 5 % of the Service's traffic          after Restore
//	checkout:v1   60   ──►    checkout:v1         5 700 000    ──►     checkout:v1   60
//	                          checkout-canary:v1    300 000
//	pay           30          pay                 3 000 000            pay           30
//	legacy        10          legacy              1 000 000            legacy        10
//
// The weights of a route are divided by their greatest common divisor (the unit, here 10) and multiplied by Whole, so that
// the other destinations keep their exact proportion and a share can be as fine as one in a million.
//
// Nothing is replayed from a copy: our destinations are found by their host and merged back, so edits made in the meantime
// stay. What the live object cannot tell lies in annotations on that object, written and removed in the same patches:
//
//	stagger.dev/release   "shop/checkout 7"                         which releases hold it, comma-separated
//	stagger.dev/aborted   "shop/checkout 7"                         those of them that were aborted: they get no traffic back
//	stagger.dev/routes    {"shop/checkout":{"5c1f0a3e":[[10,6]]}}   per route (by kind, name and match): unit, weights of the stable arms in units
//
// A unit of -1 stands for a single destination without a weight, -2 for a single destination of weight 0.
//
// A group of callers that is told by its requests, a ring, has a share of its own: a copy of each http route, directly before it. See Ring.
//
// All functions are pure. They take objects as decoded from JSON, never change them, and answer with JSON patches (package
// patch) whose tests carry the values as read, fields unknown to this version included.
package routing
