package evidence

import (
	"context"
	"fmt"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"
	"sigs.k8s.io/controller-runtime/pkg/event"

	"github.com/stagger-dev/stagger/pkg/apis/stagger/v1alpha1"
	"github.com/stagger-dev/stagger/pkg/counting"
)

// Answers says whether the source that releases are counted at answered the operator's last question, and why not; Unknown before the first
// one. It is asked at least each half minute, also while nothing is released.
func (l *Loop) Answers() (metav1.ConditionStatus, counting.Trouble) {
	s := l.sources[DefaultSource]
	if s == nil {
		return metav1.ConditionFalse, counting.Trouble{
			Reason: v1alpha1.ReasonNoData, Message: "no source is named " + DefaultSource + "; name it in the operator's configuration",
		}
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	switch {
	case s.lastAsked.IsZero():
		return metav1.ConditionUnknown, counting.Trouble{Reason: v1alpha1.ReasonPending, Message: fmt.Sprintf("%s was not asked yet", s)}
	case s.silent, s.state.reason == v1alpha1.ReasonClockSkew:
		return metav1.ConditionFalse, counting.Trouble{Reason: s.state.reason, Message: s.state.message}
	}
	return metav1.ConditionTrue, counting.Trouble{Reason: v1alpha1.ReasonCurrent, Message: fmt.Sprintf("%s answers the operator", s)}
}

// Changes tells that Answers may say something else than before. Changes that nobody has received yet are told once.
func (l *Loop) Changes() <-chan event.GenericEvent { return l.changes }

// setState notes the state of a source, and whether it answers. A change is logged, told, and wakes all shifts that are counted there.
func (l *Loop) setState(ctx context.Context, s *source, c currency, silent bool) {
	l.mu.Lock()
	before, same := s.state, s.state.reason == c.reason && s.silent == silent
	s.state, s.silent, s.lastAsked = c, silent, l.clock.Now()
	l.mu.Unlock()
	if same {
		return
	}
	l.log.Info("Source changed state", "source", s.Name, "state", c.reason, "before", before.reason, "message", c.message)
	select {
	case l.changes <- event.GenericEvent{Object: &v1alpha1.ShiftPolicy{}}:
	default: // one is under way
	}
	var woken []types.NamespacedName
	for _, x := range l.tracked(s).releases {
		woken = append(woken, x.key)
	}
	l.wake(ctx, woken)
}
