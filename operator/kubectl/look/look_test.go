package look_test

import (
	"regexp"
	"testing"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/stagger-dev/stagger/operator/kubectl/clitest"
	"github.com/stagger-dev/stagger/pkg/apis/stagger/v1alpha1"
)

func TestWhatIsShown(t *testing.T) {
	clitest.Shown(t, map[string]clitest.ShownCase{
		"one service":                      {Words: []string{"status", "checkout"}},
		"one service as kubectl names it":  {Words: []string{"status", "svc/checkout", "-o", "wide"}},
		"one service as yaml":              {Words: []string{"status", "checkout", "-o", "yaml"}},
		"one service by name":              {Words: []string{"status", "checkout", "-o", "name"}},
		"one service of an older operator": {Words: []string{"status", "old", "-n", "books"}},
		"why of an older operator":         {Words: []string{"why", "old", "-n", "books"}},
		"why":                              {Words: []string{"why", "checkout"}},
		"one service unattended":           {Words: []string{"status", "alone"}},
		"why unattended":                   {Words: []string{"why", "alone"}},
		"why unattended as json":           {Words: []string{"why", "alone", "-o", "json"}},
		"the namespace":                    {Words: []string{"status"}},
		"the namespace by name":            {Words: []string{"status", "-n", "books", "-o", "name"}},
		"another namespace":                {Words: []string{"status", "-n", "books"}},
		"all namespaces":                   {Words: []string{"status", "-A", "-o", "wide"}},
		"nothing in the namespace":         {Words: []string{"status"}, Empty: true},
		"nothing anywhere":                 {Words: []string{"status", "-A"}, Empty: true},
		"exit code of a shift":             {Words: []string{"status", "checkout", "--exit-code"}},
		"exit code of an abort":            {Words: []string{"status", "emails", "--exit-code", "-o", "name"}},
		"exit code of a pause":             {Words: []string{"status", "basket", "--exit-code", "-o", "name"}},
		"aborted without the exit code":    {Words: []string{"status", "emails"}},
		"why as json":                      {Words: []string{"why", "checkout", "-o", "json"}},
		"a service under another's name":   {Words: []string{"status", "pay", "-o", "name"}},
	})
}

func TestWhatIsKnownOfPastReleases(t *testing.T) {
	cases := map[string]struct {
		words []string
		first bool
	}{
		"history":                    {words: []string{"history", "checkout"}},
		"history, json":              {words: []string{"history", "checkout", "-o", "json"}},
		"history after an undo":      {words: []string{"history", "undone"}},
		"history of none":            {words: []string{"history", "checkout"}, first: true},
		"report of the newest":       {words: []string{"report", "checkout"}},
		"report of the newest, json": {words: []string{"report", "checkout", "-o", "json"}},
		"report of a running one":    {words: []string{"report", "running"}},
		"report of one before":       {words: []string{"report", "checkout", "5"}},
		"report of one before, yaml": {words: []string{"report", "checkout", "5", "-o", "yaml"}},
		"report of none":             {words: []string{"report", "checkout"}, first: true},
		"report of one forgotten":    {words: []string{"report", "checkout", "4"}},
		"report of no number":        {words: []string{"report", "checkout", "last"}},
		"report as xml":              {words: []string{"report", "checkout", "-o", "xml"}},
	}
	for name, c := range cases {
		t.Run(name, func(t *testing.T) {
			s := clitest.NewServer(t, clitest.As(clitest.Shift("shop", "checkout"), clitest.Aborted, clitest.Remembered, func(s *v1alpha1.TrafficShift) {
				s.Status.Release.Objectives = []v1alpha1.ObjectiveStatus{{Name: "availability", Verdict: "Breach", Against: "162.8", For: "0",
					Stable: v1alpha1.ArmCounts{Requests: 20988, Bad: 23}, Canary: v1alpha1.ArmCounts{Requests: 212, Bad: 31}}}
			}))
			s.Put(clitest.As(clitest.Shift("shop", "undone"), clitest.Aborted, clitest.Remembered, func(s *v1alpha1.TrafficShift) { clitest.Ready(s, metav1.ConditionTrue, v1alpha1.ReasonUpToDate) }))
			s.Put(clitest.Shift("shop", "running"))
			if c.first {
				s = clitest.NewServer(t, clitest.As(clitest.Shift("shop", "checkout"), func(s *v1alpha1.TrafficShift) { s.Status.Release = nil }))
			}
			code, out, talk := clitest.Run(t, s.Kubeconfig(), c.words...)
			out = regexp.MustCompile(`http://127\.0\.0\.1:\d+`).ReplaceAllString(out, "https://cluster.example:6443")
			clitest.Golden(t, name, code, out, talk)
		})
	}
}

func TestErrorsAreOneSentenceWithTheNextStep(t *testing.T) {
	clitest.Errors(t, map[string]clitest.ErrorCase{
		"an unknown output":     {Words: []string{"status", "-o", "xml"}, Want: "-o xml is not known; use one of json, yaml, wide, name"},
		"two names":             {Words: []string{"status", "a", "b"}, Want: "status shows one Service or all; name one, or none"},
		"a name and all":        {Words: []string{"status", "a", "-A"}, Want: "-A lists all Services; leave out the name, or choose the namespace with -n"},
		"exit code of many":     {Words: []string{"status", "--exit-code"}, Want: "--exit-code tells the state of one Service; name it"},
		"a name with a slip":    {Words: []string{"status", "chekout"}, Want: "no Service named chekout is managed in namespace shop; did you mean checkout?"},
		"in another namespace":  {Words: []string{"status", "orders"}, Want: "no Service named orders is managed in namespace shop; it is in namespace books: add -n books"},
		"a name of nothing":     {Words: []string{"status", "warehouse"}, Want: "no Service named warehouse is managed in namespace shop; list what is managed with: kubectl stagger status -A"},
		"a service not managed": {Words: []string{"status", "plain"}, Want: "Service plain in namespace shop is not managed; manage it with: kubectl annotate service plain -n shop stagger.dev/policy=standard"},
		"a watch of two":        {Words: []string{"watch", "a", "b"}, Want: "watch follows one Service or all; name one, or none"},
	})
}

func TestAnAnnotatedServiceThatNobodyHasSeenIsPending(t *testing.T) {
	s := clitest.NewServer(t)
	s.Services["shop/young"] = clitest.Young()
	code, out, talk := clitest.Run(t, s.Kubeconfig(), "status", "young")
	clitest.Golden(t, "pending", code, out, talk)
}
