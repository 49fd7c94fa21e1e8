package urgent

// Reasons to brake. They are no proof, and need not be: a weight that was lowered for nothing costs a release minutes and nobody a request.
const (
	brakeBad   = 3    // bad requests
	brakeShare = 0.15 // of the requests
	brakeAlone = 0.3  // the same when nobody can be left out
	mostBrakes = 3    // in a release
)

// brake remembers what was braked.
type brake struct {
	hot  int64 // seconds in a row that are reason to brake
	done int64 // brakes that were carried out
	down bool  // one is in force
}

// due takes a second that was reason to brake, or was not, and tells whether to brake. Each brake before makes it take one more in a row,
// so that a service whose bursts are heavy gets on.
func (b *brake) due(grave bool) bool {
	if !grave {
		b.hot = 0
		return false
	}
	b.hot = min(b.hot+1, most)
	return !b.down && b.done < mostBrakes && b.hot > b.done
}

// grave is 1 or 2 when what the canary had in so many last seconds is reason to brake whoever is left out; else 0.
// A second without a bad request is none, whatever the one before was.
func (l *Lane) grave() int {
	if l.past[0].canary().Bad == 0 {
		return 0
	}
	share := brakeShare
	if l.set.groups == 1 {
		share = brakeAlone
	}
	for seconds := 1; seconds <= min(2, len(l.past)); seconds++ {
		all := together(l.past, seconds)
		grave := all.whoever(func(n Counts) bool {
			return n.Bad >= brakeBad && n.Bad > float64(share*n.Requests) && n.Bad > l.c.expect(n, all.stable).atMost
		})
		if grave {
			return seconds
		}
	}
	return 0
}

func (b *brake) carriedOut() {
	if b.down {
		return
	}
	b.down = true
	b.done = min(b.done+1, most)
}
