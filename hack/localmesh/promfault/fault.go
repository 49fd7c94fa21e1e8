package promfault

import (
	"cmp"
	"errors"
	"reflect"
	"sync"
	"time"
)

// Fault is what becomes of the answers to questions. Its parts can be combined.
type Fault struct {
	// Query is a part of the PromQL of the questions it is about; empty: it is about all.
	Query string `json:"query,omitempty"`

	// Delay holds the answer back, which is as of the time of the question.
	Delay time.Duration `json:"delay,omitempty"`
	// Ago moves what a question asks for into the past: the parameters time, start and end.
	Ago time.Duration `json:"ago,omitempty"`
	// Behind answers what is asked about the last so long as of so long ago, and puts the time that was asked for into the answer, as
	// VictoriaMetrics does.
	Behind time.Duration `json:"behind,omitempty"`
	// Ahead is how much Prometheus's clock is ahead of everybody else's; negative: behind. What is asked about a time is answered as of that time
	// by its clock, with times by its clock, and time() and timestamp() are so too.
	Ahead time.Duration `json:"ahead,omitempty"`
	// Omit leaves every n-th series out of the answer.
	Omit int `json:"omit,omitempty"`
	// Warnings and Infos are added to the answer.
	Warnings []string `json:"warnings,omitempty"`
	Infos    []string `json:"infos,omitempty"`
	// Replicas has a random one of the two Prometheus answer.
	Replicas bool `json:"replicas,omitempty"`

	// For ends the fault after a time; without it, it holds until it is cleared.
	For time.Duration `json:"for,omitempty"`
}

func (f Fault) validate() error {
	if f.Delay < 0 || f.Ago < 0 || f.Behind < 0 || f.For < 0 {
		return errors.New("delay, ago, behind and for must not be negative")
	}
	if f.Ahead != 0 && (f.Ago != 0 || f.Behind != 0) {
		return errors.New("a clock that is ahead, and answers as of another time, cannot be told apart; choose one of ahead, ago and behind")
	}
	if f.Omit < 0 || f.Omit == 1 {
		return errors.New("omit must be 2 or more: every n-th series is left out")
	}
	idle := f
	idle.Query, idle.For = "", 0
	if reflect.DeepEqual(idle, Fault{}) {
		return errors.New("name what becomes of answers: delay, ago, behind, ahead, omit, warning, info, partial or replicas")
	}
	return nil
}

// State is the fault that was set last, and what has come of it.
type State struct {
	Fault

	// Struck is the number of questions that met it.
	Struck int `json:"struck"`
	// Active is whether it is in force.
	Active bool `json:"active"`
}

// Switch holds the fault of one proxy. Its zero value has none.
type Switch struct {
	mu   sync.Mutex
	last *entry
}

type entry struct {
	fault  Fault
	struck int           // Guarded by the switch.
	over   chan struct{} // Closed when it is cleared, replaced or its time is over.
	once   sync.Once
}

func (e *entry) end() { e.once.Do(func() { close(e.over) }) }

func (e *entry) active() bool {
	select {
	case <-e.over:
		return false
	default:
		return true
	}
}

// Set puts a fault into force in place of the one before.
func (s *Switch) Set(f Fault) error {
	if err := f.validate(); err != nil {
		return err
	}
	e := &entry{fault: f, over: make(chan struct{})}
	if f.For > 0 {
		time.AfterFunc(f.For, e.end)
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.last != nil {
		s.last.end()
	}
	s.last = e
	return nil
}

// Clear ends the fault in force. Answers that it holds back are given.
func (s *Switch) Clear() {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.last != nil {
		s.last.end()
	}
}

// State tells of the fault that was set last, whether or not it is still in force.
func (s *Switch) State() State {
	s.mu.Lock()
	defer s.mu.Unlock()
	e := cmp.Or(s.last, &entry{})
	return State{Fault: e.fault, Struck: e.struck, Active: s.last != nil && e.active()}
}

// strike returns the fault that a question meets, or nil.
func (s *Switch) strike(asked func(Fault) bool) *entry {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.last == nil || !s.last.active() || !asked(s.last.fault) {
		return nil
	}
	s.last.struck++
	return s.last
}

// Switches holds the Switch of each name by which Prometheus is asked. Its zero value is ready for use.
type Switches struct {
	mu     sync.Mutex
	byName map[string]*Switch
}

// Of returns the Switch of a name; the empty name is that of questions without one.
func (s *Switches) Of(name string) *Switch {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.byName == nil {
		s.byName = map[string]*Switch{}
	}
	if s.byName[name] == nil {
		s.byName[name] = &Switch{}
	}
	return s.byName[name]
}

// Clear ends the faults of all names.
func (s *Switches) Clear() {
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, one := range s.byName {
		one.Clear()
	}
}
