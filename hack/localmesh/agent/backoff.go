package agent

import "time"

// The kubelet's restart back-off: the first restart is immediate, then 10 s, 20 s, 40 s and so on up to five minutes; a run of ten
// minutes starts it anew.
const (
	firstBackOff = 10 * time.Second
	maxBackOff   = 5 * time.Minute
	forgetAfter  = 2 * maxBackOff
)

// backOff is the restart history of one container.
type backOff struct{ next time.Duration }

// wait returns how long a container that has just ended after a run of that length stays down.
func (b *backOff) wait(ran time.Duration) time.Duration {
	if ran >= forgetAfter {
		b.next = 0
	}
	now := b.next
	switch b.next {
	case 0:
		b.next = firstBackOff
	default:
		b.next = min(2*b.next, maxBackOff)
	}
	return now
}
