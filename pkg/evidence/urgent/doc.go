// Package urgent sees catastrophes within seconds: a version that fails all or much of what it is asked, from counts that are read of the
// proxies each second. It says two things, to abort, which takes proof, and to brake, which takes none because it hurts nobody. All smaller
// faults are the affair of package evidence. Values in, values out: no clock, no I/O, no goroutines.
//
//	second ──► looks bad, whoever is left out? ──► alarms in a row ──► an episode: bets from the next second on ──► W >= threshold: Abort
//	   └─────► fails much, whoever is left out? ─────────────────────────────────────────────────────────────────► Brake
//
// # Why package evidence cannot do it
//
// Its ticks are long because one tick multiplies the evidence by 1/limit at most, and because bursts that stay on one arm for longer than
// a tick break every test: a test that bets each second is lost to a pod that is dead for ten. So this one bets for catastrophes alone,
// only while it looks bad, and never on the word of a single group.
//
// # A second
//
// The canary is read in groups, each of which one fault may take (the pods of a node). A second brings requests and bad requests of each
// group and of the stable. One group is left out, each in turn; with one group nobody is. What is left are n requests of the canary, k of
// them bad, beside n_s and k_s of the stable:
//
//	q(x)    = x^x/(x+1)^(x+1), q(0) = 1
//	mu(k_s) = max(n/10, 2 r n/((n_s+1)/(k_s+1) + [k_s = 0]/q(n_s)))   bad requests that are expected at most; r is the tolerance
//	h       = k sqrt(k/n), and k at a braked weight                   what counts of k: all of a total failure, little of a small share
//	factor  = (kappa + h mu(0)/mu(k_s))/(kappa + mu(0))               for kappa 0.05, 0.5 and 5
//
// # Episodes
//
// A second is an alarm when, whoever is left out, it or the last three together have at least two bad requests and h > mu(k_s). After two
// alarms in a row, three with one group, and one more for each episode before, eight at most, an episode begins with the next second. The
// j-th stakes 1/(j+1) of the cash, the same on each group that may be left out and on each kappa; each second of it multiplies each stake
// by its factor. It is worth what the least favourable group gives. What is left of it goes back to the cash after five seconds with
// requests and without alarm, after 30 s without a request, when the weight goes down to a braked one or up again, and when the groups
// are others.
//
// There are two purses of 1, one for seconds at the release's weight and one for those at a braked one. Either aborts at the threshold.
//
// # The brake
//
// When the last second, or the last two, have at least three bad requests whoever is left out, more than mu(k_s) and more than 15 % of n,
// 30 % with one group, the weight is to be lowered at once. Each brake of a release takes a second more in a row than the one before, and
// there are three at most; those count that were carried out, whatever asked for them. It costs a healthy release minutes and nobody a
// request.
//
// # Why an abort is proof
//
// What is tested: in each second, given all before, for every group but one, which may do anything but stays the same for an episode,
// either
//
//	(a)  no more than a tenth of the requests are bad in the mean, however they cluster within the second, or
//	(b)  E[k | k_s] <= r n u, where the stable fails each request by itself with the probability u, or u in the mean.
//
// Then no factor has a mean above 1. In case (a) because mu(k_s) >= n/10 and h <= k. In case (b) because a binomial K of n and u has
// E[1/(K+1)] = (1-(1-u)^(n+1))/((n+1) u) <= 1/((n+1) u), and P(K = 0) = (1-u)^n, where u (1-u)^n has its maximum q(n) at u = 1/(n+1); so
//
//	E[1/mu(k_s)] <= (1/u + 1/u)/(2 r n) = 1/(r n u), and E[k mu(0)/mu(k_s)] <= mu(0).
//
// Requests of unequal probabilities are less spread than a binomial (Hoeffding, On the distribution of the number of successes in
// independent trials, 1956), which makes both terms smaller. So a stake is a non-negative supermartingale: a bet against the version that
// does not win in the mean (Shafer, Testing by betting, 2021; Ramdas, Grünwald, Vovk and Shafer, Game-theoretic statistics and safe
// anytime-valid inference, 2023). It stays one whenever the lane chooses to bet, how much and for how long, since the seconds before
// decide that; moving money makes none; and the least over the groups is at most the wealth of the one that may do anything. By Ville's
// inequality (Étude critique de la notion de collectif, 1939) each purse ever reaches a threshold c with probability 1/c at most: two
// purses with 10/alpha abort a healthy version in alpha/5 of the releases at most.
//
// # What a caller sees to
//
//	groups            are chosen before the second, from the state of the pods: one that answers no more stays in, with what was read of it
//	what is void      must not depend on how requests ended. One that could not be read while it failed only costs evidence
//	a second          is given once
//	the null's (a)    a fault that takes all groups of the canary, and the stable not, for more than a second, is the version's
package urgent
