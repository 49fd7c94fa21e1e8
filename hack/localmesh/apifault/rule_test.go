package apifault

import (
	"slices"
	"testing"
	"testing/synctest"
	"time"
)

func TestRulesMatchByWhatTheyName(t *testing.T) {
	q := request{verb: "patch", group: "networking.istio.io", resource: "virtualservices", namespace: "shop", name: "checkout", userAgent: "stagger/v1 (linux)"}
	status := q
	status.subresource = "status"
	for name, c := range map[string]struct {
		rule             Rule
		itself, ofStatus bool
	}{
		"everything":             {Rule{}, true, true},
		"its verb":               {Rule{Verbs: []string{"get", "patch"}}, true, true},
		"another verb":           {Rule{Verbs: []string{"update"}}, false, false},
		"its resource":           {Rule{Resources: []string{"pods", "virtualservices"}}, true, false},
		"its resource and group": {Rule{Resources: []string{"virtualservices.networking.istio.io"}}, true, false},
		"another group":          {Rule{Resources: []string{"virtualservices.example.com"}}, false, false},
		"its subresource":        {Rule{Resources: []string{"virtualservices/status"}}, false, true},
		"all subresources":       {Rule{Resources: []string{"virtualservices.networking.istio.io/*"}}, true, true},
		"its namespace":          {Rule{Namespaces: []string{"shop"}}, true, true},
		"another namespace":      {Rule{Namespaces: []string{"other"}}, false, false},
		"its name":               {Rule{Names: []string{"checkout"}}, true, true},
		"another name":           {Rule{Names: []string{"check"}}, false, false},
		"its client":             {Rule{UserAgent: "stagger"}, true, true},
		"another client":         {Rule{UserAgent: "kubectl"}, false, false},
		"all but the verb":       {Rule{Verbs: []string{"get"}, Resources: []string{"virtualservices"}, Namespaces: []string{"shop"}}, false, false},
	} {
		if got := c.rule.matches(q); got != c.itself {
			t.Errorf("%s: %v, want %v", name, got, c.itself)
		}
		if got := c.rule.matches(status); got != c.ofStatus {
			t.Errorf("%s, of the status: %v, want %v", name, got, c.ofStatus)
		}
	}
}

func TestARuleThatCannotBeMeantIsRefused(t *testing.T) {
	for name, r := range map[string]Rule{
		"no fault":               {Verbs: []string{"get"}},
		"an unknown verb":        {Verbs: []string{"PATCH"}, Hang: true},
		"two ends":               {Status: 409, Break: true},
		"a good status":          {Status: 200},
		"a message of nothing":   {Message: "no", Delay: time.Second},
		"a negative time":        {Hang: true, For: -1},
		"a part of a second":     {Status: 429, RetryAfter: time.Millisecond},
		"an order without a sum": {Status: 409, Count: -1},
		"a stall of so many":     {Stall: true, Count: 1},
		"a stall that is late":   {Stall: true, Delay: time.Second},
		"a stall that refuses":   {Stall: true, Status: 409},
		"a negative skip":        {Status: 409, Skip: -1},
	} {
		if _, err := (&Rules{}).Add(r); err == nil {
			t.Errorf("%s is taken", name)
		}
	}
}

func TestARuleIsOverAfterItsCountAndStaysInTheList(t *testing.T) {
	var s Rules
	for _, r := range []Rule{{Verbs: []string{"patch"}, Status: 409, Count: 2}, {Status: 500}} {
		if _, err := s.Add(r); err != nil {
			t.Fatal(err)
		}
	}
	var met []int
	for range 3 {
		met = append(met, s.strike(request{verb: "patch"}).Status)
	}
	if met[0] != 409 || met[1] != 409 || met[2] != 500 {
		t.Errorf("three requests met %v, want 409, 409, 500", met)
	}
	all := s.List()
	if len(all) != 2 || all[0].Struck != 2 || !all[0].Over || all[1].Struck != 1 || all[1].Over {
		t.Errorf("the rules are %+v", all)
	}
	if err := s.Clear(7); err == nil {
		t.Error("a rule that is not there was cleared")
	}
	if err := s.Clear(2); err != nil || s.strike(request{verb: "patch"}) != nil {
		t.Errorf("a cleared rule strikes on (%v)", err)
	}
}

func TestARuleIsOverAfterItsTime(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var s Rules
		if _, err := s.Add(Rule{Status: 409, For: 30 * time.Second}); err != nil {
			t.Fatal(err)
		}
		time.Sleep(29 * time.Second)
		if s.strike(request{}) == nil {
			t.Error("it was over before its time")
		}
		time.Sleep(2 * time.Second)
		if s.strike(request{}) != nil {
			t.Error("it strikes after its time")
		}
		if all := s.List(); len(all) != 1 || !all[0].Over || all[0].Struck != 1 {
			t.Errorf("the rules are %+v", all)
		}
	})
}

func TestARuleLetsTheFirstRequestsPass(t *testing.T) {
	var s Rules
	for _, r := range []Rule{{Verbs: []string{"patch"}, Status: 409, Skip: 2, Count: 1}, {Status: 500}} {
		if _, err := s.Add(r); err != nil {
			t.Fatal(err)
		}
	}
	var met []int
	for _, verb := range []string{"patch", "get", "patch", "patch", "patch"} {
		met = append(met, s.strike(request{verb: verb}).Status)
	}
	if want := []int{500, 500, 500, 409, 500}; !slices.Equal(met, want) {
		t.Errorf("the requests met %v, want %v", met, want)
	}
}
