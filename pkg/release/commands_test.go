package release

import (
	"strings"
	"testing"
	"time"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/stagger-dev/stagger/pkg/apis/stagger/v1alpha1"
)

// waiting is a TrafficShift at release 7 with a command.
func waiting(command, answered string) *v1alpha1.TrafficShift {
	s := &v1alpha1.TrafficShift{}
	s.Annotations = map[string]string{v1alpha1.CommandAnnotation: command, v1alpha1.CommandedByAnnotation: "t1 ops@example.com"}
	s.Status.Release, s.Status.LastHandledCommand = &v1alpha1.Release{Number: 7}, answered
	return s
}

func TestWhatTakesARunningReleaseBack(t *testing.T) {
	t.Parallel()
	ended, aborting := waiting("abort 7 t1", ""), waiting("", "")
	ended.Status.Release.State = v1alpha1.StatePromoted
	aborting.Status.Release.Outcome = &v1alpha1.Outcome{Result: v1alpha1.StateAborted}
	for name, c := range map[string]struct {
		s    *v1alpha1.TrafficShift
		want bool
	}{
		"no release":             {&v1alpha1.TrafficShift{}, false},
		"no command":             {waiting("", ""), false},
		"an abort":               {waiting("abort 7 t1 why", ""), true},
		"an undo":                {waiting("undo 7 t1", ""), true},
		"an abort that was done": {waiting("abort 7 t1", "t1"), false},
		"of another release":     {waiting("abort 6 t1", ""), false},
		"that cannot be read":    {waiting("abort 7", ""), false},
		"a promotion":            {waiting("promote 7 t1 why", ""), false},
		"of one that is over":    {ended, false},
		"one that is aborted":    {aborting, true},
	} {
		if got := TakenBack(c.s); got != c.want {
			t.Errorf("%s: %t, want %t", name, got, c.want)
		}
	}
}

func TestEveryPairOfCommands(t *testing.T) {
	t.Parallel()
	verbs := []verb{abortNow, undo, retry, replan, promote, promoteFull}
	for _, first := range verbs {
		for _, second := range verbs {
			replaces := (second == "abort" || second == "undo") && first != "abort" && first != "undo"
			way := InTheWay(waiting(string(first)+" 7 t1 why", ""), string(second))
			if (way == nil) != replaces {
				t.Errorf("%s while %s waits: in the way is %v, want one %t", second, first, way, !replaces)
			}
			if way != nil && (way.Name() != string(first) || way.By != "ops@example.com") {
				t.Errorf("%s while %s waits: in the way is the %s of %s", second, first, way.Name(), way.By)
			}
			if way := InTheWay(waiting(string(first)+" 7 t1 why", "t1"), string(second)); way != nil {
				t.Errorf("%s after the answer to %s: in the way is %v", second, first, way)
			}
		}
	}
}

func TestWhatIsNeverCarriedOutIsInNobodysWay(t *testing.T) {
	t.Parallel()
	for _, text := range []string{"", "abort", "abort 7", "abort 6 t1", "abort seven t1", "explode 7 t1", "abort 7/-1 t1"} {
		if way := InTheWay(waiting(text, ""), "promote"); way != nil {
			t.Errorf("%q is in the way: %v", text, way)
		}
	}
	unreleased := waiting("abort 7 t1", "")
	unreleased.Status.Release = nil
	if way := InTheWay(unreleased, "promote"); way != nil {
		t.Errorf("without a release %v is in the way", way)
	}
}

func TestTheCommandThatWasReplacedIsKept(t *testing.T) {
	t.Parallel()
	s := waiting("promote 7/3 t1 it\nis fine", "")
	s.Annotations[v1alpha1.ReplacedAnnotation] = Replacing(s, "t2")
	s.Annotations[v1alpha1.CommandAnnotation], s.Annotations[v1alpha1.CommandedByAnnotation] = "abort 7 t2", "t2 dev@example.com"
	was := CommandOn(s).Replaced
	if was == nil || was.Name() != "promote" || was.By != "ops@example.com" || was.Why != "it is fine" || was.Token != "t1" {
		t.Errorf("replaced is %+v", was)
	}
	s.Annotations[v1alpha1.CommandAnnotation] = "abort 7 t3"
	if was := CommandOn(s).Replaced; was != nil {
		t.Errorf("another command replaced %+v", was)
	}
}

// What was answered while the other was written was not replaced; what cannot be read was, by whoever wrote it.
func TestWhatCountsAsReplaced(t *testing.T) {
	t.Parallel()
	cases := map[string]struct{ was, by, now, key, name string }{
		"an answered one":      {"promote 7 t0", "t0 ops@example.com", "abort 7 t2", "t2", ""},
		"one without answer":   {"promote 7 t1", "t1 ops@example.com", "abort 7 t2", "t2", "promote"},
		"what nobody can read": {"please", "- ops@example.com", "abort 7 t2", "t2", "unreadable"},
		"by what nobody reads": {"promote 6 t1", "t1 ops@example.com", "please", "-", "promote"},
		"by a long token":      {"promote 7 t1", "t1 ops@example.com", "abort 7 " + strings.Repeat("x", 70), strings.Repeat("x", 70), "promote"},
	}
	for name, c := range cases {
		s := waiting(c.was, "t0")
		s.Annotations[v1alpha1.CommandedByAnnotation] = c.by
		s.Annotations[v1alpha1.ReplacedAnnotation] = Replacing(s, c.key)
		s.Annotations[v1alpha1.CommandAnnotation] = c.now
		if was := CommandOn(s).Replaced; was.Name() != c.name || was != nil && was.By != "ops@example.com" {
			t.Errorf("%s: replaced is %+v, want %q", name, was, c.name)
		}
	}
}

func TestWhenACommandWasGivenIsRecorded(t *testing.T) {
	t.Parallel()
	given, now := time.Date(2026, 3, 4, 11, 50, 0, 0, time.UTC), time.Date(2026, 3, 4, 12, 0, 0, 0, time.UTC)
	by := func(at time.Time, field string) metav1.ManagedFieldsEntry {
		return metav1.ManagedFieldsEntry{Manager: "kubectl-stagger", Time: &metav1.Time{Time: at}, FieldsV1: metav1.NewFieldsV1(`{"f:metadata":{"f:annotations":{"f:` + field + `":{},"f:other":{}}}}`)}
	}
	cases := map[string]struct {
		fields []metav1.ManagedFieldsEntry
		seen   *v1alpha1.PendingCommand
		want   time.Time
	}{
		"as written":         {[]metav1.ManagedFieldsEntry{by(now, "other"), by(given, v1alpha1.CommandAnnotation)}, nil, given},
		"seen before":        {[]metav1.ManagedFieldsEntry{by(now, v1alpha1.CommandAnnotation)}, &v1alpha1.PendingCommand{Token: "t1", Since: metav1.NewTime(given)}, given},
		"another was seen":   {[]metav1.ManagedFieldsEntry{by(given, v1alpha1.CommandAnnotation)}, &v1alpha1.PendingCommand{Token: "t0"}, given},
		"by a clock ahead":   {[]metav1.ManagedFieldsEntry{by(now.Add(time.Hour), v1alpha1.CommandAnnotation)}, nil, now},
		"when nobody tells":  {nil, nil, time.Time{}},
		"where it is unseen": {[]metav1.ManagedFieldsEntry{by(given, "other")}, nil, time.Time{}},
	}
	for name, c := range cases {
		s := waiting("promote 6 t1 why", "")
		s.ManagedFields, s.Status.Release.Pending = CommandWriter(c.fields), c.seen
		o := Observation{Release: s.Status.Release}
		o.Wanted.Command = CommandOn(s)
		record := answered(o, Decision{}, now).Release.Commands[0]
		if got := record.GivenAt; (got == nil) != c.want.IsZero() || got != nil && !got.Time.Equal(c.want) || !record.At.Time.Equal(now) {
			t.Errorf("%s: given at %v, answered at %s", name, got, record.At)
		}
	}
}
