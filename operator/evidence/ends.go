package evidence

import (
	"fmt"
	"time"

	"github.com/stagger-dev/stagger/pkg/counting"
	pkgevidence "github.com/stagger-dev/stagger/pkg/evidence"
)

const (
	// enough is how many requests with the same status are remarkable.
	enough = 10_000
	// long is how long a request lasts that no hold can be expected to see the end of: an edge of the mesh's histogram.
	long = time.Minute
	// someLong is the share of such requests that is remarkable: while they last, many others end.
	someLong = 0.01
)

// ends is how the requests of a release and of its past ended, as far as that says what counts do not show.
type ends struct {
	requests, plain, upgraded float64
	// long are the requests of the last hour, with those as bad that lasted longer than that.
	long pkgevidence.Counts
}

func (e *ends) add(c counting.Counts) {
	e.requests, e.plain, e.upgraded = e.requests+c.Requests, e.plain+c.Plain, e.upgraded+c.Upgraded
}

// remarks are sentences about what the counts do not show.
func (e *ends) remarks() []string {
	const streams = "requests are counted when they end, so that a hold shorter than they last proves nothing about them"
	var all []string
	if e.upgraded > 0 {
		all = append(all, fmt.Sprintf("%.0f of %.0f requests were connections that were upgraded, such as WebSockets: %s", e.upgraded, e.requests, streams))
	}
	if e.long.Bad > 0 && e.long.Bad >= someLong*e.long.Requests {
		all = append(all, fmt.Sprintf("%.0f of %.0f requests of the stable lasted longer than %s before the release: %s", e.long.Bad, e.long.Requests, long, streams))
	}
	return all
}

// oneStatus is a sentence about requests that all had the same good status; empty where they had not, or were few.
func (e *ends) oneStatus() string {
	if e.requests < enough || e.plain < e.requests {
		return ""
	}
	return fmt.Sprintf("each of %.0f requests was answered with HTTP 200 and no status of gRPC: where failures are told in the body, as by gRPC-Web "+
		"and GraphQL, they do not show; judge those by an objective with indicator Custom", e.requests)
}
