package steer_test

import (
	"net/http"
	"strings"
	"testing"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/stagger-dev/stagger/operator/kubectl/cli"
	"github.com/stagger-dev/stagger/operator/kubectl/clitest"
	"github.com/stagger-dev/stagger/pkg/apis/stagger/v1alpha1"
)

func TestEverythingThatRunsIsTakenBack(t *testing.T) {
	by := func(policy string) func(*v1alpha1.TrafficShift) {
		return func(s *v1alpha1.TrafficShift) { s.Status.Release.Policy = policy }
	}
	cases := map[string]struct{ words, want, out, talk string }{
		"everywhere": {"abort --all --reason down", "books/orders shop/basket shop/checkout",
			"books: orders: abort of release 7 commanded\nshop: basket: abort of release 7 commanded\nshop: checkout: abort of release 7 commanded\n",
			"shop: release 7 of cart is being taken back already: aborted by command (ops@example.com)\n"},
		"everywhere by its flag": {"abort --all -A -n books", "books/orders shop/basket shop/checkout",
			"books: orders: abort of release 7 commanded\nshop: basket: abort of release 7 commanded\nshop: checkout: abort of release 7 commanded\n",
			"shop: release 7 of cart is being taken back already: aborted by command (ops@example.com)\n"},
		"everywhere of one":       {"abort checkout -A", "", "", "error: -A is for the releases of --all; add --all, or leave it out\n"},
		"by their names":          {"abort --all -n books -o name", "books/orders", "trafficshift.stagger.dev/orders\n", "books: orders: abort of release 7 commanded\n"},
		"as JSON":                 {"abort --all -o json", "", "", "error: -o json is not known; use one of name\n"},
		"in a namespace":          {"abort --all -n books", "books/orders", "books: orders: abort of release 7 commanded\n", ""},
		"of a policy":             {"abort --all --policy fast", "shop/basket", "shop: basket: abort of release 7 commanded\n", ""},
		"of a policy of nobody's": {"abort --all --policy slow", "", "", "no release of policy slow runs in any namespace\n"},
		"with a name":             {"abort checkout --all", "", "", "error: --all takes back every release; leave out the name, or --all\n"},
		"a policy and a name":     {"abort checkout --policy fast", "", "", "error: --policy chooses among the releases of --all; add --all, or leave it out\n"},
	}
	for name, c := range cases {
		t.Run(name, func(t *testing.T) {
			s := clitest.NewServer(t, clitest.As(clitest.Shift("shop", "checkout"), by("standard")), clitest.As(clitest.Shift("shop", "basket"), by("fast")),
				clitest.As(clitest.Shift("books", "orders"), by("standard")), clitest.As(clitest.Shift("shop", "cart"), by("standard"), clitest.TakeBack),
				clitest.As(clitest.Shift("shop", "pay"), by("fast"), clitest.Promoted))
			_, out, talk := clitest.Run(t, s.Kubeconfig(), strings.Fields(c.words)...)
			if out != c.out || talk != c.talk {
				t.Errorf("output %q, talk %q; want %q, %q", out, talk, c.out, c.talk)
			}
			var told []string
			for _, key := range []string{"books/orders", "shop/basket", "shop/cart", "shop/checkout", "shop/pay"} {
				if s.Shifts[key].Annotations[v1alpha1.CommandAnnotation] != "" {
					told = append(told, key)
				}
			}
			if got := strings.Join(told, " "); got != c.want {
				t.Errorf("commanded %q, want %q", got, c.want)
			}
		})
	}
}

// One abort that cannot be written keeps none of the others from it.
func TestAnAbortThatFailsStopsNoOther(t *testing.T) {
	s := clitest.NewServer(t, clitest.Shift("shop", "basket"), clitest.Shift("shop", "checkout"))
	s.BeforePatch = func() {
		s.BeforePatch = nil
		s.Remove("shop/basket")
		s.Put(clitest.As(clitest.Shift("shop", "basket"), func(s *v1alpha1.TrafficShift) { s.Status.Release.Number = 8 }))
	}
	code, out, talk := clitest.Run(t, s.Kubeconfig(), "abort", "--all")
	if code != cli.ExitError || out != "shop: checkout: abort of release 7 commanded\n" || !strings.Contains(talk, "1 of 2 releases were not commanded: shop/basket: release 8 of basket has begun") {
		t.Errorf("exit code %d, output %q, talk %q", code, out, talk)
	}
}

// What runs still and cannot be taken back is named, with why.
func TestWhatIsNotTakenBackIsNamed(t *testing.T) {
	restoring := func(s *v1alpha1.TrafficShift) { clitest.Promoted(s); s.Status.Release.State = v1alpha1.StateRestoring }
	s := clitest.NewServer(t, clitest.As(clitest.Shift("shop", "basket"), restoring), clitest.Shift("shop", "checkout"))
	code, out, talk := clitest.Run(t, s.Kubeconfig(), "abort", "--all")
	const want = "error: 1 of 2 releases were not commanded: shop/basket: release 7 of basket is promoted already and only puts routes and Service back; " +
		"to go back, release the version before it\n"
	if code != cli.ExitError || out != "shop: checkout: abort of release 7 commanded\n" || talk != want {
		t.Errorf("exit code %d, output %q, talk %q; want talk %q", code, out, talk, want)
	}
}

// All are waited for at once, until one deadline.
func TestAllThatAreTakenBackAreWaitedFor(t *testing.T) {
	const late = " has not ended after 50ms (it is Shifting); the command stands, look with: kubectl stagger status "
	cases := map[string]struct {
		ends []string
		code int
		talk string
	}{
		"that end": {[]string{"basket", "checkout"}, cli.ExitAborted, ""},
		"one of which does not end": {[]string{"checkout"}, cli.ExitTimeout,
			"error: 1 of 2 releases were not taken back: release 7 of basket" + late + "basket -n shop\n"},
		"that do not end": {nil, cli.ExitTimeout,
			"error: 2 of 2 releases were not taken back: release 7 of basket" + late + "basket -n shop; release 7 of checkout" + late + "checkout -n shop\n"},
	}
	for name, c := range cases {
		t.Run(name, func(t *testing.T) {
			s := clitest.NewServer(t, clitest.Shift("shop", "basket"), clitest.Shift("shop", "checkout"))
			s.AfterPatch = func() {
				if len(s.Patches) == 2 {
					for _, name := range c.ends {
						s.Change("shop/"+name, clitest.Aborted)
					}
				}
			}
			words := []string{"abort", "--all", "--wait"}
			if c.code == cli.ExitTimeout {
				words = append(words, "--timeout", "50ms")
			}
			code, out, talk := clitest.Run(t, s.Kubeconfig(), words...)
			for _, name := range c.ends {
				if !strings.Contains(out, "shop: "+name+": release 7 ended Aborted") {
					t.Errorf("the end of %s is not said: %q", name, out)
				}
			}
			if code != c.code || talk != c.talk || strings.Count(out, " ended ") != len(c.ends) {
				t.Errorf("exit code %d, output %q, talk %q; want %d, %d that ended, %q", code, out, talk, c.code, len(c.ends), c.talk)
			}
		})
	}
}

// Who may list one namespace only takes back what runs there, and is told so; who asks for all of them is refused.
func TestWhoHasOneNamespaceTakesBackWhatRunsThere(t *testing.T) {
	cases := map[string]struct{ words, want, talk string }{
		"without a word": {"abort --all", "shop/checkout",
			"warning: you may not list the releases of all namespaces, so only those of namespace shop are taken back; name another with -n\n"},
		"named":          {"abort --all -n shop", "shop/checkout", ""},
		"all namespaces": {"abort --all -A", "", "error: you may not do this (not in all namespaces); ask for the role view to look, or edit to command\n"},
	}
	for name, c := range cases {
		t.Run(name, func(t *testing.T) {
			s := clitest.NewServer(t, clitest.Shift("books", "orders"), clitest.Shift("shop", "checkout"))
			s.DenyAll = clitest.Failure(http.StatusForbidden, metav1.StatusReasonForbidden, "not in all namespaces")
			_, _, talk := clitest.Run(t, s.Kubeconfig(), strings.Fields(c.words)...)
			told := ""
			for key, shift := range s.Shifts {
				if shift.Annotations[v1alpha1.CommandAnnotation] != "" {
					told += key
				}
			}
			if talk != c.talk || told != c.want {
				t.Errorf("commanded %q, talk %q; want %q, %q", told, talk, c.want, c.talk)
			}
		})
	}
}

// A version whose release is about to begin is named, with what keeps it from that; one that is refused, paused or of another policy is not.
func TestWhatBeginsAfterAnAbortOfAllIsNamed(t *testing.T) {
	asks := func(revision string) func(*v1alpha1.TrafficShift) {
		return func(s *v1alpha1.TrafficShift) {
			s.Status.Deployment = v1alpha1.ObservedDeployment{Name: s.Name, Revision: revision, Images: []string{"registry.example/" + s.Name + ":1.6.0"}, Waits: true}
		}
	}
	waits := func(s *v1alpha1.TrafficShift) {
		clitest.Aborted(s)
		clitest.Ready(s, metav1.ConditionFalse, v1alpha1.ReasonWaiting)
	}
	first := func(s *v1alpha1.TrafficShift) { waits(s); s.Status.Release = nil }
	justEnded := func(s *v1alpha1.TrafficShift) {
		clitest.Aborted(s)
		clitest.Ready(s, metav1.ConditionFalse, v1alpha1.ReasonReleasing)
	}
	other := func(s *v1alpha1.TrafficShift) { s.Spec.PolicyRef.Name = "fast" }
	const next = ":1.6.0 waits to be released, and no abort reaches it before; keep its release from beginning with: kubectl stagger pause "
	warns := func(name string) string { return "warning: shop/" + name + ": " + name + next + name + " -n shop\n" }
	none := "no release runs in any namespace\n"
	cases := map[string]struct {
		shift       *v1alpha1.TrafficShift
		words, want string
	}{
		"a version waits":               {clitest.As(clitest.Shift("shop", "cart"), waits, asks("next")), "", warns("cart") + none},
		"the first version waits":       {clitest.As(clitest.Shift("shop", "cart"), first, asks("next")), "", warns("cart") + none},
		"a release has just ended":      {clitest.As(clitest.Shift("shop", "cart"), justEnded, asks("next")), "", warns("cart") + none},
		"a version takes its place":     {clitest.As(clitest.Shift("shop", "cart"), asks("next")), "", warns("cart")},
		"the version that runs":         {clitest.As(clitest.Shift("shop", "cart"), asks("59d8f6b7c4")), "", ""},
		"a version that was taken back": {clitest.As(clitest.Shift("shop", "cart"), clitest.Aborted, asks("59d8f6b7c4")), "", none},
		"a version during a pause":      {clitest.As(clitest.Shift("shop", "cart"), waits, asks("next"), clitest.Controlled(v1alpha1.ControlPaused)), "", none},
		"a version at 0 replicas":       {clitest.As(clitest.Shift("shop", "cart"), clitest.Promoted, asks("next")), "", none},
		"of another policy":             {clitest.As(clitest.Shift("shop", "cart"), waits, asks("next"), other), "--policy standard", "no release of policy standard runs in any namespace\n"},
	}
	for name, c := range cases {
		t.Run(name, func(t *testing.T) {
			s := clitest.NewServer(t, c.shift)
			if _, _, talk := clitest.Run(t, s.Kubeconfig(), append([]string{"abort", "--all"}, strings.Fields(c.words)...)...); talk != c.want {
				t.Errorf("talk %q, want %q", talk, c.want)
			}
		})
	}
	s := clitest.NewServer(t, clitest.As(clitest.Shift("shop", "cart"), waits, asks("next")))
	if _, _, talk := clitest.Run(t, s.Kubeconfig(), "abort", "cart"); !strings.HasSuffix(talk, "; cart"+next+"cart -n shop\n") {
		t.Errorf("talk %q does not tell what begins", talk)
	}
}
