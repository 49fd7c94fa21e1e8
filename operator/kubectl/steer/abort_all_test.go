package steer_test

import (
	"strings"
	"testing"

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
			"shop: release 7 of cart is being taken back already (Commanded)\n"},
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
