package evidence

import (
	"context"
	"time"

	"k8s.io/apimachinery/pkg/types"

	"github.com/stagger-dev/stagger/pkg/counting"
)

// Source is who is asked for counts.
type Source struct {
	// Name is how Targets and messages call it.
	Name string
	// Kind is what people call the kind of source, such as Prometheus.
	Kind string
	// Counter is asked.
	Counter Counter
}

// Counter is a source of counts. All times in questions and answers are its own clock's. It is asked from several goroutines at once. An error is a counting.Unanswered, when it does not
// answer and may do so later, or a counting.Unusable, when it would say the same again; both say why, in the words of the source.
// Any other error counts as no answer.
type Counter interface {
	SliceCounter
	Clock
	PastCounter
}

// SliceCounter answers about one interval, for many releases in one call.
type SliceCounter interface {
	// Check returns an error that names what of a release cannot be counted: the name of an arm, or an indicator.
	Check(of counting.Pair) error
	// Counts gives the answers about an interval that is over to take, each as soon as it is there and from any goroutine: answers[i]
	// is about of[first+i], by each of its Indicators. What is not answered is not taken; the error, a counting.Unanswered, says why.
	Counts(ctx context.Context, over counting.Interval, of []counting.Pair, take func(first int, answers [][]counting.Answer)) error
	// Complete returns up to when the reports about each release can be seen, for each of them; the zero time: that is not known, and
	// Timing has to do. An interval that ends later is not over: reports about it may be on their way.
	Complete(ctx context.Context, of []counting.Pair) ([]time.Time, error)
}

// Clock says how a source keeps up.
type Clock interface {
	// Measure finds out which time it is at the source, and, when it is time to, how it keeps up with the releases that are counted. It is called
	// before each slice.
	Measure(ctx context.Context, of []counting.Pair) error
	// Timing is what is known of it, at any time, for a release; before anything was measured, a guess that is rather too late than too early, and so
	// for the zero Pair. What it says of clocks holds for all.
	Timing(of counting.Pair) counting.Timing
	// Probe asks the smallest question there is. An error says that it was not answered.
	Probe(ctx context.Context) error
}

// PastCounter answers questions that nothing waits for.
type PastCounter interface {
	// History returns what each arm was asked in the steps of a time, oldest first and up to its end. What comes before the first step of
	// which something is known is left out, and so is an arm of which nothing is.
	History(ctx context.Context, of counting.Pair, by counting.Indicator, over counting.Interval, step time.Duration) (map[counting.Service][]counting.Counts, error)
	// Pods returns what each pod of a ReplicaSet was asked in about a time; a pod of which nothing is known is left out.
	Pods(ctx context.Context, of types.NamespacedName, by counting.Indicator, over counting.Interval) (map[string]counting.Counts, error)
}
