package look_test

import (
	"bytes"
	"context"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/cli-runtime/pkg/genericiooptions"

	"github.com/stagger-dev/stagger/operator/kubectl"
	"github.com/stagger-dev/stagger/operator/kubectl/cli"
	"github.com/stagger-dev/stagger/operator/kubectl/clitest"
	"github.com/stagger-dev/stagger/pkg/apis/stagger/v1alpha1"
)

func TestAReleaseIsWatchedUntilItEnds(t *testing.T) {
	number := func(n int64) func(*v1alpha1.TrafficShift) {
		return func(s *v1alpha1.TrafficShift) { s.Status.Release.Number = n }
	}
	cases := map[string]struct {
		object *v1alpha1.TrafficShift
		// then is what the operator does while it is watched, one write each.
		then            []func(*v1alpha1.TrafficShift)
		gone, forgotten bool
	}{
		"watch an abort":                 {then: []func(*v1alpha1.TrafficShift){clitest.TakeBack, clitest.Aborted}},
		"watch a promotion":              {then: []func(*v1alpha1.TrafficShift){clitest.Promoted}},
		"watch what does not change":     {then: []func(*v1alpha1.TrafficShift){clitest.Annotated, clitest.Promoted}},
		"watch through forgotten events": {then: []func(*v1alpha1.TrafficShift){clitest.Promoted}, forgotten: true},
		"watch what was aborted before":  {object: clitest.As(clitest.Shift("shop", "checkout"), clitest.Aborted)},
		"watch what was never released":  {object: clitest.As(clitest.Shift("shop", "checkout"), func(s *v1alpha1.TrafficShift) { s.Status.Release = nil })},
		"watch while the object goes":    {gone: true},
		"watch and miss it all":          {then: []func(*v1alpha1.TrafficShift){number(30)}},
		"watch and miss the end of an abort": {then: []func(*v1alpha1.TrafficShift){clitest.TakeBack, func(s *v1alpha1.TrafficShift) {
			s.Status.History = []v1alpha1.PastRelease{{Number: 7, Outcome: v1alpha1.StateAborted, Reason: v1alpha1.ReasonCommanded}}
			number(8)(s)
		}}},
	}
	for name, c := range cases {
		t.Run(name, func(t *testing.T) {
			object := c.object
			if object == nil {
				object = clitest.Shift("shop", "checkout")
			}
			s := clitest.NewServer(t, object)
			s.Forgotten = c.forgotten
			s.OnWatch = func() {
				for _, change := range c.then {
					s.Change(clitest.Key, change)
				}
				if c.gone {
					s.Remove(clitest.Key)
				}
			}
			code, out, talk := clitest.Run(t, s.Kubeconfig(), "watch", "checkout")
			clitest.Golden(t, name, code, out, talk)
		})
	}
}

// seen is an output that tells when a text was written.
type seen struct {
	buffer bytes.Buffer
	text   string
	then   func()
}

func (s *seen) String() string { return s.buffer.String() }

func (s *seen) Write(p []byte) (int, error) {
	n, err := s.buffer.Write(p)
	if strings.Contains(s.String(), s.text) {
		s.then()
	}
	return n, err
}

func TestAllServicesAreWatchedUntilNobodyLooks(t *testing.T) {
	cases := map[string]struct {
		words     []string
		until     string
		forgotten bool
		empty     bool
	}{
		"watch the namespace":              {until: "Aborted", words: []string{"watch"}},
		"watch all namespaces":             {until: "Aborted", words: []string{"watch", "-A", "-o", "wide"}},
		"watch all after forgotten events": {until: "Aborted", words: []string{"watch"}, forgotten: true},
		"watch an empty namespace":         {until: "Aborted", words: []string{"watch"}, empty: true},
	}
	for name, c := range cases {
		t.Run(name, func(t *testing.T) {
			s := clitest.NewServer(t, clitest.Shift("shop", "checkout"), clitest.Shift("books", "orders"))
			if c.empty {
				s = clitest.NewServer(t)
				s.Version = 1
			}
			s.Forgotten = c.forgotten
			s.OnWatch = func() {
				if c.empty {
					s.Put(clitest.As(clitest.Shift("shop", "checkout"), clitest.Aborted))
					return
				}
				s.Remove("books/orders")
				s.Change(clitest.Key, clitest.Aborted)
			}
			ctx, cancel := context.WithTimeout(t.Context(), 30*time.Second)
			defer cancel()
			out, talk := &seen{text: c.until, then: cancel}, &bytes.Buffer{}
			code := kubectl.Main(ctx, append([]string{"--kubeconfig", s.Kubeconfig()}, c.words...), cli.Env{
				Streams: genericiooptions.IOStreams{In: strings.NewReader(""), Out: out, ErrOut: talk},
				Now:     func() time.Time { return clitest.Now }, Token: func() string { return "t0ken" }, Getenv: func(string) string { return "" }, Version: "v0.1.0",
			})
			if want := "Aborted"; code != cli.ExitOK || !strings.Contains(out.String(), want) {
				t.Errorf("exit code %d, output %q, talk %q; want 0 and %s in it", code, out, talk, want)
			}
			if c.empty && !strings.HasPrefix(out.String(), "No Service is managed in namespace shop; manage one with: kubectl annotate service <name> -n shop ") {
				t.Errorf("output %q does not begin with what is not there", out)
			}
			if all := len(c.words) > 1; strings.Contains(out.String(), "orders") != all {
				t.Errorf("output %q, want orders of the other namespace in it: %t", out, all)
			}
		})
	}
}

// The end of an operator is no event: it is the clock that tells it.
func TestAWatchTellsWhenNobodyLooksAnyMore(t *testing.T) {
	for _, words := range [][]string{{"watch", "checkout"}, {"watch"}} {
		s := clitest.NewServer(t, clitest.Shift("shop", "checkout"))
		var later atomic.Bool
		s.OnWatch = func() { later.Store(true) }
		s.Clock = func() time.Time {
			if later.Load() {
				return clitest.Now.Add(3 * time.Minute)
			}
			return clitest.Now
		}
		ctx, cancel := context.WithTimeout(t.Context(), 30*time.Second)
		defer cancel()
		out := &seen{text: "Unattended", then: cancel}
		kubectl.Main(ctx, append([]string{"--kubeconfig", s.Kubeconfig()}, words...), cli.Env{
			Streams: genericiooptions.IOStreams{In: strings.NewReader(""), Out: out, ErrOut: &bytes.Buffer{}},
			Now:     s.Clock,
			Token:   func() string { return "t0ken" }, Getenv: func(string) string { return "" }, Version: "v0.1.0",
		})
		if !strings.Contains(out.String(), "4s ago") || !strings.Contains(out.String(), "Unattended") {
			t.Errorf("%q wrote %q; want what was seen 4s ago, then that nobody looks", words, out)
		}
	}
}

// A watch that gives up says what the release waits for, and that it goes on only where it does.
func TestAWatchThatGivesUpSaysWhatIsWaitedFor(t *testing.T) {
	const running, next = "checkout:1.5.0", "checkout:1.6.0"
	resting := func(reason v1alpha1.Reason) func(*v1alpha1.TrafficShift) {
		return func(s *v1alpha1.TrafficShift) {
			clitest.Promoted(s)
			clitest.Ready(s, metav1.ConditionFalse, reason)
			saw(14, "next", next, true)(s)
		}
	}
	paused := clitest.Controlled(v1alpha1.ControlPaused)
	aborts := func(s *v1alpha1.TrafficShift) {
		s.Annotations = map[string]string{v1alpha1.CommandAnnotation: "abort 7 t1 orders are booked twice"}
	}
	const look = "; look with: kubectl stagger status checkout -n shop"
	cases := map[string]struct {
		changes []func(*v1alpha1.TrafficShift)
		words   []string
		want    string
		code    int
	}{
		"it goes on":                 {nil, nil, running + " has not ended after 1s; it goes on" + look, cli.ExitTimeout},
		"it is paused":               {[]func(*v1alpha1.TrafficShift){paused}, nil, running + " has not ended after 1s; it waits until it is resumed: kubectl stagger resume checkout -n shop" + look, cli.ExitTimeout},
		"an abort waits":             {[]func(*v1alpha1.TrafficShift){aborts}, nil, running + " has not ended after 1s; an abort or undo of it waits to be carried out" + look, cli.ExitTimeout},
		"it is taken back":           {[]func(*v1alpha1.TrafficShift){clitest.TakeBack}, nil, running + " has not ended after 1s; it is being taken back" + look, cli.ExitTimeout},
		"nobody looks":               {[]func(*v1alpha1.TrafficShift){clitest.Unattended}, nil, running + " has not ended after 1s; nobody looks after it, find out why with: kubectl stagger check -n shop" + look, cli.ExitUnattended},
		"it waits for a resume":      {[]func(*v1alpha1.TrafficShift){resting(v1alpha1.ReasonPaused), paused}, nil, next + " has not begun after 1s; it waits until it is resumed: kubectl stagger resume checkout -n shop" + look, cli.ExitTimeout},
		"it waits for the last one":  {[]func(*v1alpha1.TrafficShift){resting(v1alpha1.ReasonWaiting)}, nil, next + " has not begun after 1s; it is Waiting, see: kubectl stagger why checkout -n shop" + look, cli.ExitTimeout},
		"it was not seen yet":        {[]func(*v1alpha1.TrafficShift){clitest.Promoted, saw(13, "59d8f6b7c4", running, false)}, nil, next + " has not begun after 1s; it begins when an operator has seen it" + look, cli.ExitTimeout},
		"another one runs":           {[]func(*v1alpha1.TrafficShift){saw(13, "59d8f6b7c4", running, true)}, nil, next + " has not begun after 1s; release 7 comes before it" + look, cli.ExitTimeout},
		"its Deployment is not read": {[]func(*v1alpha1.TrafficShift){clitest.Promoted, saw(13, "59d8f6b7c4", running, false)}, nil, "what was shipped has not begun after 1s; its Deployment could not be read" + look, cli.ExitTimeout},
		"nobody asks for it": {[]func(*v1alpha1.TrafficShift){clitest.Promoted, saw(13, "59d8f6b7c4", running, false)}, []string{"--image", "checkout:1.7.0"},
			"checkout:1.7.0 has not begun after 1s; Deployment checkout does not ask for it" + look, cli.ExitTimeout},
	}
	for name, c := range cases {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			asked := asking(14, next)
			switch {
			case strings.HasPrefix(c.want, running):
				asked = asking(14, running)
			case strings.HasPrefix(c.want, "what was shipped"):
				asked = nil
			}
			s := clitest.NewServer(t, clitest.As(clitest.As(clitest.Shift("shop", "checkout"), saw(14, "59d8f6b7c4", running, true)), c.changes...))
			s.Deployments[clitest.Key] = asked
			code, _, talk := clitest.Run(t, s.Kubeconfig(), append([]string{"watch", "checkout", "--timeout", "1s"}, c.words...)...)
			if code != c.code || !strings.HasSuffix(talk, "error: the release of "+c.want+"\n") {
				t.Errorf("exit code %d, talk %q; want %d, %q", code, talk, c.code, c.want)
			}
		})
	}
}
