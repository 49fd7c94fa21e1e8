package apifault

import (
	"fmt"
	"slices"
	"sync"
	"time"
)

// Known is a rule that was added, and what has come of it.
type Known struct {
	Rule

	ID int `json:"id"`
	// Struck is the number of requests that met the rule.
	Struck int `json:"struck"`
	// Over is whether it strikes no more.
	Over bool `json:"over"`
}

// Rules are the rules of one proxy. Its zero value has none.
type Rules struct {
	mu   sync.Mutex
	last int
	all  []*entry
}

type entry struct {
	Known

	skipped int           // How many requests it has let pass.
	gone    chan struct{} // Closed when it is cleared or its time is over.
	once    sync.Once
}

func (e *entry) end() { e.once.Do(func() { close(e.gone) }) }

// Add puts a rule behind those that are there: the first that matches a request decides.
func (s *Rules) Add(r Rule) (Known, error) {
	if err := r.validate(); err != nil {
		return Known{}, err
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	s.last++
	e := &entry{Known: Known{Rule: r, ID: s.last}, gone: make(chan struct{})}
	if r.For > 0 {
		time.AfterFunc(r.For, func() { s.expire(e) })
	}
	s.all = append(s.all, e)
	return e.Known, nil
}

// expire ends a rule whose time is over. It stays in the list, so that who asks learns how often it has struck.
func (s *Rules) expire(e *entry) {
	s.mu.Lock()
	defer s.mu.Unlock()
	e.Over = true
	e.end()
}

// List returns the rules that were not cleared, those that are over too.
func (s *Rules) List() []Known {
	s.mu.Lock()
	defer s.mu.Unlock()
	out := []Known{}
	for _, e := range s.all {
		out = append(out, e.Known)
	}
	return out
}

// Clear takes rules away, all of them where none is named. Requests that wait because of them go on: a delayed one to the server, a
// hanging one is cut.
func (s *Rules) Clear(ids ...int) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, id := range ids {
		if !slices.ContainsFunc(s.all, func(e *entry) bool { return e.ID == id }) {
			return fmt.Errorf("there is no rule %d", id)
		}
	}
	s.all = slices.DeleteFunc(s.all, func(e *entry) bool {
		named := len(ids) == 0 || slices.Contains(ids, e.ID)
		if named {
			e.end()
		}
		return named
	})
	return nil
}

// strike returns the rule that a request meets, or nil, and counts it.
func (s *Rules) strike(q request) *entry { return s.meet(q, false) }

// stall returns the rule that holds back the events of a watch, or nil, and counts it.
func (s *Rules) stall(q request) *entry { return s.meet(q, true) }

func (s *Rules) meet(q request, stalls bool) *entry {
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, e := range s.all {
		if e.Over || e.Stall != stalls || !e.matches(q) {
			continue
		}
		if e.skipped < e.Skip {
			e.skipped++
			continue
		}
		e.Struck++
		e.Over = e.Count > 0 && e.Struck >= e.Count
		return e
	}
	return nil
}
