// Package evidence decides releases: sequential tests that compare the canary's bad requests with the stable's and with
// the objective's limit, at every tick, for as long as a release runs, without the false alarms that repeated looks at an
// ordinary test would add up to. Values in, values out: no clock, no I/O, no goroutines.
//
//	slices (5 s, counted once) ──┬─► fast tick 15 s ─► ceiling bettors ─────────────► W_fast ─┐ either sum over the
//	                             │      also while a raise settles                            ├ objectives >= 2/alpha:
//	                             ├─► slow tick 60 s ─► share and ceiling bettors ───► W_slow ─┘ Breach
//	                             │      settled slices only
//	                             └─► sums of this step ─► E_ok >= 1/beta for every objective:   Healthy
//	                                    settled slices only                       neither:   Undetermined
//
//	urgent lanes beside them (Config.Urgent, package urgent) have a fifth of alpha: then 2.5/alpha
//	no stable beside the canary: both ticks go to a second pair of ceiling bankrolls, which can ask to step back but never blames
//
// # Against the canary
//
// A bankroll of 1 is bet that the canary is bad (testing by betting). Each bettor names a yardstick, that is, an expected
// number mu of bad canary requests in the tick, and multiplies its stake by (bad + kappa)/(mu + kappa).
//
//	share    mu = p (bad canary + max(bad stable, floor)), p = r n_c/(r n_c + n_s)   immune to bursts, drift, shared outages
//	ceiling  mu = max(n_c limit, 2 r n_c/n_s (bad stable + 1))                       quick at any weight
//
// If the canary is no worse than allowed, no factor has a mean above 1 given the past, so the bankroll is a non-negative
// supermartingale, and by Ville's inequality it ever reaches 1/alpha with probability alpha at most: whenever one looks,
// stops, pauses or moves the weight. Two lanes share alpha by a union bound; objectives share it because a weighted mean of
// bankrolls is a bankroll. A part of the money is spread again before every tick (fixed share, Herbster and Warmuth 1998), so
// that a release that was healthy for an hour is still judged within a few ticks when it turns bad.
//
// # For the canary
//
// E_ok bets that the canary is within a limit. It needs the sums of requests and bad requests, and phi, the dispersion
// (variance over mean) of bad counts. Only clean requests earn it: little traffic waits, missing data earns nothing.
//
// # What may be relied on
//
//	false abort    <= alpha per release, if bursts choose their arm by its share of requests and are shorter than a tick
//	false raise    <= beta per move, if the dispersion of bad counts is at most phi; rare outages do not count in it
//	shorter ticks  are quicker, and wrong more often where bursts outlast them
package evidence
