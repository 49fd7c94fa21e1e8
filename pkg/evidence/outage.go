package evidence

const (
	outageTicks = 3       // that fail in a row are longer than a minute, wherever the minutes are cut
	outagePause = 5       // ticks; a container that crashes again and again is not tried again for as long
	rareTicks   = 12 * 60 // with one outage in them; a shorter history may have one too
	outageShare = 10      // at most one tick in so many is left out
	explained   = 0.01    // bursts of an outage's size, expected in a history
)

// outage is a time in which the stable was as good as down: ticks of a history, the last one exclusive, and how many requests failed.
type outage struct {
	from, to int
	bad      float64
}

// outages are the times of a history that look like an outage to a person who sees the curve.
//
// A tick fails when the stable is beyond twice the limit in it, which is also what an outage during a release is. Ticks that fail in a
// row are an outage if they are no burst. A burst is over in 15 s (see Pace), so they are none when more requests failed in them than
// come in 15 s, or when there are three of them. Two outages with at most five minutes between them are one. The tick before and
// the one after belong to it, since it seldom begins or ends with a minute.
func outages(history []Counts, limit float64) []outage {
	var all []outage
	for i := 0; i < len(history); i++ {
		o, share := outage{from: i, to: i}, 0.0
		for ; o.to < len(history) && fails(history[o.to], limit); o.to++ {
			bad := min(history[o.to].Bad, history[o.to].Requests)
			o.bad += bad
			share += bad / history[o.to].Requests
		}
		i = max(i, o.to-1)
		if o.to-o.from < outageTicks && share*DefaultSlow.Seconds() <= burstSpan {
			continue
		}
		o.from, o.to = max(0, o.from-1), min(len(history), o.to+1)
		if last := len(all) - 1; last >= 0 && o.from-all[last].to < outagePause {
			o.from, o.bad = all[last].from, o.bad+all[last].bad
			all = all[:last]
		}
		all = append(all, o)
	}
	return all
}

// fails tells whether the stable was beyond twice the limit in a tick; a tick without requests says nothing.
func fails(c Counts, limit float64) bool {
	return countable(c) && aboveShock(arms{ns: c.Requests, ks: c.Bad}, limit)
}
