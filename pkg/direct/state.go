package direct

import (
	"fmt"
	"time"

	"github.com/stagger-dev/stagger/pkg/evidence/urgent"
)

// Sign is what the urgent lane of an objective says.
type Sign struct {
	Objective string
	urgent.Sign
}

// State is what is known of a release by direct reading.
type State struct {
	// Number is the release's.
	Number int64
	// At is when the last second ended that the lanes took; zero: they took none.
	At time.Time
	// Present says that proxies are read, and the lanes watch.
	Present bool
	// Absent says in a sentence for people why they do not, where they should; empty: they do, or it is too early to say.
	Absent string
	// Signs are those of the lanes after the last second, in the order of the objectives.
	Signs []Sign
	// Share is what the canary got in the last second.
	Share Share
	// Settled says that the proxies go by the weight that was told last: the share agrees with it, and not with the one before. It stays so
	// until another is told. False says nothing: requests may be too few to tell, and the weight before is not known after a restart.
	Settled bool
	// Known says that every gateway that is read was told of clusters or endpoints since Release.CanarySince, and of nothing more since, or sent
	// a request to the canary. It may have been others' clusters and endpoints. False where no gateway is read.
	Known bool
	// Checkpoint is what the lanes go on from after a restart.
	Checkpoint string
}

// Abort returns the first sign by which to abort.
func (s State) Abort() (Sign, bool) { return s.first(func(x Sign) bool { return x.Abort }) }

// Brake returns the first sign by which to lower the weight at once.
func (s State) Brake() (Sign, bool) { return s.first(func(x Sign) bool { return x.Brake }) }

func (s State) first(so func(Sign) bool) (Sign, bool) {
	for _, x := range s.Signs {
		if so(x) {
			return x, true
		}
	}
	return Sign{}, false
}

// decisive is what a decision may wait for.
type decisive struct{ abort, brake, present, absent, settled, known bool }

func (s State) decisive() decisive {
	_, abort := s.Abort()
	_, brake := s.Brake()
	return decisive{abort, brake, s.Present, s.Absent != "", s.Settled, s.Known}
}

// absent is the sentence about proxies that cannot be read.
func absent(name, reason string) string {
	return fmt.Sprintf("aborts take up to 45 s: proxies of %s cannot be read: %s", name, reason)
}
