// Package direct reads the proxies of releases that have traffic each second, past Prometheus; what their pages say is the affair of pkg/direct.
//
//	after each decision                        each interval (1 s)                             Events
//	     Follow          ┌───────────────────────────────────────────────────────────┐           │
//	        │            │ whose turn it is (pkg/direct.Turns), who is tried again   │           ▼
//	shift ──┴► releases ─┤ GET http://POD:15090/stats/prometheus, each proxy once    ├──────►  shift
//	        ┌◄           │ pages to the releases that read them (pkg/direct.Watch)   │   when something decisive
//	      State          └───────────────────────────────────────────────────────────┘        has changed
//
// What limits a reading, so that no proxy and no tenant is in another's way:
//
//	300 ms, 256 KiB   for one; what is longer or larger is void
//	64 at once        of these 16 in one namespace
//	400 a second      in all; beyond that releases are read in turn
//	back-off          from one interval to 30 s, where a proxy could not be read
//	one host          the pod's own address: no redirects, no proxies of the environment, no loopback and no link-local address
//
// A tick ends with the interval: what did not get its place by then is put off. Nothing waits for this package, and what it cannot read is no
// evidence.
package direct
