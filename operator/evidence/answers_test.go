package evidence

import (
	"strings"
	"testing"
	"time"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/stagger-dev/stagger/pkg/apis/stagger/v1alpha1"
)

// Whether the source answers is known while nothing is released, and told once for each change.
func TestWhetherTheSourceAnswersIsTold(t *testing.T) {
	b := newBench(t)
	at := noon
	for _, step := range []struct {
		name   string
		asks   bool
		fails  error
		status metav1.ConditionStatus
		reason v1alpha1.Reason
		says   string
		told   int
	}{
		{name: "before the first question", status: metav1.ConditionUnknown, reason: v1alpha1.ReasonPending, says: "Ledger (source default) was not asked yet"},
		{name: "it answers", asks: true, status: metav1.ConditionTrue, reason: v1alpha1.ReasonCurrent, says: "Ledger (source default) answers", told: 1},
		{name: "it answers again", asks: true, status: metav1.ConditionTrue, reason: v1alpha1.ReasonCurrent, says: "answers"},
		{name: "it does not", asks: true, fails: closed, status: metav1.ConditionFalse, reason: closed.Reason, says: closed.Message, told: 1},
		{name: "it still does not", asks: true, fails: closed, status: metav1.ConditionFalse, reason: closed.Reason, says: closed.Message},
		{name: "it is back", asks: true, status: metav1.ConditionTrue, reason: v1alpha1.ReasonCurrent, says: "answers", told: 1},
	} {
		if step.asks {
			b.store.fail = func(time.Time) error { return step.fails }
			b.clock.SetTime(at)
			b.tick()
			at = at.Add(probeEvery)
		}
		status, said := b.loop.Answers()
		if status != step.status || said.Reason != step.reason || !strings.Contains(said.Message, step.says) {
			t.Errorf("%s: got %s %+v", step.name, status, said)
		}
		told := len(b.loop.Changes())
		for range told {
			<-b.loop.Changes()
		}
		if told != step.told {
			t.Errorf("%s: told %d times, want %d", step.name, told, step.told)
		}
	}
}

// Nobody needs to listen, and who comes late hears of it once.
func TestChangesThatNobodyReceivesHoldNothingUp(t *testing.T) {
	b := newBench(t)
	for i := range 4 {
		b.store.fail = func(time.Time) error { return map[int]error{0: nil, 1: closed}[i%2] }
		b.clock.SetTime(noon.Add(time.Duration(i) * probeEvery))
		b.tick()
	}
	if n := len(b.loop.Changes()); n != 1 {
		t.Errorf("%d changes wait, want 1", n)
	}
}

func TestWithoutADefaultSourceNothingIsCounted(t *testing.T) {
	l, err := New(Settings{Sources: []Source{{Name: "other", Kind: "Ledger", Counter: newLedger()}}})
	if err != nil {
		t.Fatal(err)
	}
	if status, said := l.Answers(); status != metav1.ConditionFalse || !strings.Contains(said.Message, "named default") {
		t.Errorf("got %s %+v", status, said)
	}
}
