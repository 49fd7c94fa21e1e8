package view

import "strconv"

// HistoryTable is the table of all releases that are known, newest first, with what is not counted of them; "" when there are none.
func (s Screen) HistoryTable(p Layout) string {
	past := s.History
	if s.Number > 0 {
		past = append([]Past{s.newest}, past...)
	}
	p.Wide = true
	w := writer{layout: p}
	w.history(past)
	for _, p := range past {
		if p.Lacking != "" {
			w.field(strconv.FormatInt(p.Number, 10), TonePlain, atLeast(p.Lacking)+counted(p.Requests, "request")+", "+count(p.Failed)+" failed, "+p.Lacking)
		}
	}
	return p.write(w.lines)
}

// newestAsPast is the newest release as a line of history.
func (s Screen) newestAsPast() Past {
	p := Past{Number: s.Number, Version: s.released, Result: s.State, Ended: -1}
	if e := s.Exposed; e != nil {
		p.Requests, p.Failed, p.Lacking = e.Requests, e.Failed, e.Lacking
	}
	if o := s.Outcome; o != nil {
		p.Reason, p.Peak, p.Ended, p.Took = o.Reason, o.Peak, o.Ended, o.Took
		if o.Ended >= 0 {
			p.Result = o.Result
		}
	}
	return p
}
