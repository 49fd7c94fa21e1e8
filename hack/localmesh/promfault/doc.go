// Package promfault stands between a client and a Prometheus and spoils its answers.
//
//	Fault     what becomes of answers, and for how long
//	Switch    holds the fault in force; it can be changed at any time
//	Switches  one for each of those who ask
//	Handler   a reverse proxy that goes by it
//
// Without a fault everything passes as it is.
package promfault
