package view

import (
	"fmt"
	"strconv"
	"time"
)

// Dead is what a version costs that answers well, until it has much of the traffic, and then fails every request.
type Dead struct {
	// Weight is the share of the traffic from which it fails, 0 to 1.
	Weight float64 `json:"weight"`
	// Read is what it costs where the operator reads proxies itself, Unread where it does not (direct.mode: Off).
	Read   DeadCost `json:"proxiesRead"`
	Unread DeadCost `json:"proxiesNotRead"`
}

// DeadCost are medians: the requests that failed, and the seconds until nearly all traffic was taken from it.
type DeadCost struct {
	Failed  float64 `json:"failedRequests"`
	Seconds float64 `json:"seconds"`
}

func (c DeadCost) String() string {
	return fmt.Sprintf("about %s requests in %s", wholeRequests(c.Failed), span(time.Duration(c.Seconds*float64(time.Second)).Round(time.Second)))
}

// dead says what a dead version costs, if that is known.
func (w *writer) dead(d *Dead) {
	if d == nil {
		return
	}
	w.field("IF DEAD", TonePlain, fmt.Sprintf("a version that fails every request from %s%% on costs %s where proxies are read, and %s where they are not",
		strconv.FormatFloat(100*d.Weight, 'g', 4, 64), d.Read, d.Unread))
}
