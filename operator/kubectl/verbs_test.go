package kubectl_test

import (
	"bytes"
	"flag"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/cli-runtime/pkg/genericiooptions"

	"github.com/stagger-dev/stagger/operator/kubectl"
	"github.com/stagger-dev/stagger/pkg/apis/stagger/v1alpha1"
)

var update = flag.Bool("update", false, "write the golden files anew")

var now = time.Date(2026, 3, 4, 12, 0, 0, 0, time.UTC)

func ago(d time.Duration) *metav1.Time { return &metav1.Time{Time: now.Add(-d)} }

// shift is a Service whose release 7 shifts traffic.
func shift(namespace, name string) *v1alpha1.TrafficShift {
	s := &v1alpha1.TrafficShift{ObjectMeta: metav1.ObjectMeta{Namespace: namespace, Name: name, CreationTimestamp: *ago(time.Hour)}}
	s.Spec.PolicyRef.Name, s.Spec.Service.Name, s.Spec.Control = "standard", name, v1alpha1.ControlAuto
	s.Status.Stable = v1alpha1.Version{Revision: "6c4f678748", Images: []string{"checkout:1.4.2"}}
	s.Status.Release = &v1alpha1.Release{
		Number: 7, Revision: "59d8f6b7c4", Images: []string{"checkout:1.5.0"}, Stable: "6c4f678748", State: v1alpha1.StateShifting,
		Plan: v1alpha1.ShiftPolicySpec{Steps: []v1alpha1.Step{{Weight: "5%", Hold: "2m"}, {Weight: "100%", Hold: "5m"}}},
		Step: 1, Weight: "5%", LiveWeight: "4.93%", PeakWeight: "5%", Exposed: 9571, Failed: 12,
		StartedAt: *ago(2 * time.Minute), StepStartedAt: ago(80 * time.Second), SettledAt: ago(72 * time.Second),
		Weights: []v1alpha1.WrittenWeight{{Weight: "1%", Step: 1, At: *ago(100 * time.Second)}, {Weight: "5%", Step: 1, At: *ago(80 * time.Second)}},
		Objectives: []v1alpha1.ObjectiveStatus{{Name: "availability", Verdict: "Healthy", Against: "0.2", For: "41",
			Stable: v1alpha1.ArmCounts{Requests: 182204, Bad: 200}, Canary: v1alpha1.ArmCounts{Requests: 9571, Bad: 12}}},
	}
	ready(s, metav1.ConditionFalse, v1alpha1.ReasonReleasing)
	return s
}

func ready(s *v1alpha1.TrafficShift, status metav1.ConditionStatus, reason v1alpha1.Reason) {
	s.Status.Conditions = []metav1.Condition{{Type: v1alpha1.ConditionReady, Status: status, Reason: string(reason), LastTransitionTime: *ago(time.Minute)}}
}

// takeBack begins what an abort does.
func takeBack(s *v1alpha1.TrafficShift) {
	s.Status.Release.State = v1alpha1.StateAborting
	s.Status.Release.Outcome = &v1alpha1.Outcome{Result: v1alpha1.StateAborted, Reason: v1alpha1.ReasonCommanded, Message: "aborted by command (ops@example.com)",
		Refuse: v1alpha1.RefuseTemplate}
}

// aborted ends it.
func aborted(s *v1alpha1.TrafficShift) {
	takeBack(s)
	s.Status.Release.Commands = []v1alpha1.RecordedCommand{{Verb: "abort", By: "ops@example.com", Reason: "carts are empty | shown twice", At: *ago(70 * time.Second)}}
	s.Status.Release.State, s.Status.Release.FinishedAt, s.Status.Refused = v1alpha1.StateAborted, ago(time.Minute), s.Status.Release.Revision
	ready(s, metav1.ConditionFalse, v1alpha1.ReasonAborted)
}

func promoted(s *v1alpha1.TrafficShift) {
	s.Status.Release.State, s.Status.Release.FinishedAt = v1alpha1.StatePromoted, ago(time.Minute)
	s.Status.Release.Outcome = &v1alpha1.Outcome{Result: v1alpha1.StatePromoted, Reason: v1alpha1.ReasonPromoted}
	ready(s, metav1.ConditionTrue, v1alpha1.ReasonPromoted)
}

func as(s *v1alpha1.TrafficShift, changes ...func(*v1alpha1.TrafficShift)) *v1alpha1.TrafficShift {
	for _, change := range changes {
		change(s)
	}
	return s
}

// measured knows the traffic before its release.
func measured(s *v1alpha1.TrafficShift) {
	s.Status.Release.Baseline = &v1alpha1.Baseline{RequestsPerSecond: "48.2", History: "1h", Objectives: []v1alpha1.BaselineObjective{
		{Name: "availability", Phi: "1.3", Counts: v1alpha1.ArmCounts{Requests: 171204, Bad: 190}},
		{Name: "latency", Phi: "2.1", Counts: v1alpha1.ArmCounts{Requests: 171204, Bad: 411}}}}
}

func annotated(s *v1alpha1.TrafficShift) { s.Annotations = map[string]string{"team": "payments"} }

// typed runs the plugin as if the words had been typed.
func typed(t *testing.T, config string, words ...string) (code int, out, talk string) {
	t.Helper()
	var stdout, stderr bytes.Buffer
	code = kubectl.Main(t.Context(), append([]string{"--kubeconfig", config}, words...), kubectl.World{
		Streams: genericiooptions.IOStreams{In: strings.NewReader(""), Out: &stdout, ErrOut: &stderr},
		Now:     func() time.Time { return now },
		Token:   func() string { return "t0ken" },
		Getenv:  func(string) string { return "" },
		Version: "v0.1.0",
	})
	return code, stdout.String(), stderr.String()
}

func golden(t *testing.T, name string, code int, out, talk string) {
	t.Helper()
	got := out + "--- standard error\n" + talk + "--- exit code " + string(rune('0'+code)) + "\n"
	path := filepath.Join("testdata", strings.NewReplacer(", ", "-", " ", "-").Replace(name)+".txt")
	if *update {
		if err := os.WriteFile(path, []byte(got), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile(path)
	if err != nil {
		t.Fatalf("reading the golden answer (write it with -update): %v", err)
	}
	if diff := cmp.Diff(string(want), got); diff != "" {
		t.Errorf("answer (-want +got):\n%s", diff)
	}
}

func TestWhatIsShown(t *testing.T) {
	cases := map[string]struct {
		words []string
		empty bool
	}{
		"help":                             {words: []string{"--help"}},
		"help of promote":                  {words: []string{"promote", "--help"}},
		"help of pause":                    {words: []string{"pause", "--help"}},
		"help of abort":                    {words: []string{"abort", "--help"}},
		"one service":                      {words: []string{"status", "checkout"}},
		"one service as kubectl names it":  {words: []string{"status", "svc/checkout", "-o", "wide"}},
		"one service as yaml":              {words: []string{"status", "checkout", "-o", "yaml"}},
		"one service by name":              {words: []string{"status", "checkout", "-o", "name"}},
		"one service of an older operator": {words: []string{"status", "old", "-n", "books"}},
		"why of an older operator":         {words: []string{"why", "old", "-n", "books"}},
		"why":                              {words: []string{"why", "checkout"}},
		"the namespace":                    {words: []string{"status"}},
		"the namespace by name":            {words: []string{"status", "-n", "books", "-o", "name"}},
		"another namespace":                {words: []string{"status", "-n", "books"}},
		"all namespaces":                   {words: []string{"status", "-A", "-o", "wide"}},
		"nothing in the namespace":         {words: []string{"status"}, empty: true},
		"nothing anywhere":                 {words: []string{"status", "-A"}, empty: true},
		"exit code of a shift":             {words: []string{"status", "checkout", "--exit-code"}},
		"exit code of an abort":            {words: []string{"status", "emails", "--exit-code", "-o", "name"}},
		"exit code of a pause":             {words: []string{"status", "basket", "--exit-code", "-o", "name"}},
		"aborted without the exit code":    {words: []string{"status", "emails"}},
		"why as json":                      {words: []string{"why", "checkout", "-o", "json"}},
		"the plan as yaml":                 {words: []string{"plan", "checkout", "-o", "yaml"}},
		"a simulation as json":             {words: []string{"simulate", "checkout", "--runs", "10", "--fault", "50%", "-o", "json"}},
		"version":                          {words: []string{"version"}},
		"version as json":                  {words: []string{"version", "-o", "json"}},
		"version of the plugin as yaml":    {words: []string{"version", "--client", "-o", "yaml"}},
		"the plan of a service":            {words: []string{"plan", "checkout"}},
		"the plan of another traffic":      {words: []string{"plan", "checkout", "--policy", "fast", "--rate", "2", "--bad", "0.05%"}},
		"a simulation":                     {words: []string{"simulate", "-f", "../../manifests/policies/fast.yaml", "--rate", "200", "--bad", "0.1%", "--runs", "20"}},
		"a simulation of a service":        {words: []string{"simulate", "checkout", "--runs", "10", "--fault", "50%"}},
		"a service under another's name":   {words: []string{"status", "pay", "-o", "name"}},
	}
	for name, c := range cases {
		t.Run(name, func(t *testing.T) {
			s := newServer(t)
			if !c.empty {
				s = newServer(t, as(shift("shop", "checkout"), measured), as(shift("shop", "emails"), aborted), shift("books", "orders"),
					as(shift("books", "old"), func(s *v1alpha1.TrafficShift) {
						s.Status.Release.Objectives, s.Status.Release.LiveWeight, s.Status.Release.PeakWeight = nil, "", ""
					}),
					as(shift("shop", "basket"), func(s *v1alpha1.TrafficShift) { s.Spec.Control = v1alpha1.ControlPaused }),
					as(shift("shop", "payments"), promoted, func(s *v1alpha1.TrafficShift) { s.Spec.Service.Name = "pay" }))
			}
			code, out, talk := typed(t, s.kubeconfig(), c.words...)
			golden(t, name, code, out, talk)
		})
	}
}

// remembered has two releases before the present one.
func remembered(s *v1alpha1.TrafficShift) {
	s.Status.History = []v1alpha1.PastRelease{
		{Number: 6, Revision: "6c4f678748", Images: []string{"checkout:1.4.2"}, Outcome: v1alpha1.StatePromoted, Reason: v1alpha1.ReasonPromoted,
			PeakWeight: "100%", Exposed: 1204511, Failed: 1318, StartedAt: *ago(50 * time.Hour), Duration: "1500s"},
		{Number: 5, Revision: "84d9c8d6f5", Images: []string{"checkout:1.4.1"}, Outcome: v1alpha1.StateAborted, Reason: v1alpha1.ReasonCanaryWorseThanStable,
			Message: "availability: 9 of 211 | canary requests failed", PeakWeight: "1%", Exposed: 211, Failed: 9, StartedAt: *ago(75 * time.Hour), Duration: "72s"},
	}
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
		"report of one before":       {words: []string{"report", "checkout", "5"}},
		"report of one before, yaml": {words: []string{"report", "checkout", "5", "-o", "yaml"}},
		"report of none":             {words: []string{"report", "checkout"}, first: true},
		"report of one forgotten":    {words: []string{"report", "checkout", "4"}},
		"report of no number":        {words: []string{"report", "checkout", "last"}},
		"report as xml":              {words: []string{"report", "checkout", "-o", "xml"}},
	}
	for name, c := range cases {
		t.Run(name, func(t *testing.T) {
			s := newServer(t, as(shift("shop", "checkout"), aborted, remembered, func(s *v1alpha1.TrafficShift) {
				s.Status.Release.Objectives = []v1alpha1.ObjectiveStatus{{Name: "availability", Verdict: "Breach", Against: "162.8", For: "0",
					Stable: v1alpha1.ArmCounts{Requests: 20988, Bad: 23}, Canary: v1alpha1.ArmCounts{Requests: 212, Bad: 31}}}
			}))
			s.put(as(shift("shop", "undone"), aborted, remembered, func(s *v1alpha1.TrafficShift) { ready(s, metav1.ConditionTrue, v1alpha1.ReasonUpToDate) }))
			if c.first {
				s = newServer(t, as(shift("shop", "checkout"), func(s *v1alpha1.TrafficShift) { s.Status.Release = nil }))
			}
			code, out, talk := typed(t, s.kubeconfig(), c.words...)
			golden(t, name, code, out, talk)
		})
	}
}

func TestErrorsAreOneSentenceWithTheNextStep(t *testing.T) {
	cases := map[string]struct {
		words []string
		with  func(*server)
		want  string
	}{
		"a verb with a slip":        {words: []string{"statsu"}, want: `"statsu" is no verb; did you mean status?`},
		"no verb at all":            {words: []string{"zzzzzz"}, want: `"zzzzzz" is no verb; see kubectl stagger --help`},
		"an unknown flag":           {words: []string{"status", "--wide"}, want: "unknown flag: --wide; see kubectl stagger status --help"},
		"an unknown output":         {words: []string{"status", "-o", "xml"}, want: "-o xml is not known; use one of json, yaml, wide, name"},
		"two names":                 {words: []string{"status", "a", "b"}, want: "status shows one Service or all; name one, or none"},
		"a name and all":            {words: []string{"status", "a", "-A"}, want: "-A lists all Services; leave out the name, or choose the namespace with -n"},
		"exit code of many":         {words: []string{"status", "--exit-code"}, want: "--exit-code tells the state of one Service; name it"},
		"abort of nothing":          {words: []string{"abort"}, want: "abort needs the name of one Service: kubectl stagger abort checkout"},
		"an endless reason":         {words: []string{"abort", "checkout", "--reason", strings.Repeat("x", 513)}, want: "--reason has 513 bytes; say it in at most 512"},
		"no time to wait":           {words: []string{"abort", "checkout", "--wait", "--timeout", "0s"}, want: "--timeout must be above 0, not 0s"},
		"a version of a name":       {words: []string{"version", "checkout"}, want: "version takes no name; leave it out"},
		"a name with a slip":        {words: []string{"status", "chekout"}, want: "no Service named chekout is managed in namespace shop; did you mean checkout?"},
		"an abort with a slip":      {words: []string{"abort", "chekout"}, want: "no Service named chekout is managed in namespace shop; did you mean checkout?"},
		"in another namespace":      {words: []string{"status", "orders"}, want: "no Service named orders is managed in namespace shop; it is in namespace books: add -n books"},
		"a name of nothing":         {words: []string{"status", "warehouse"}, want: "no Service named warehouse is managed in namespace shop; list what is managed with: kubectl stagger status -A"},
		"a service not managed":     {words: []string{"status", "plain"}, want: "Service plain in namespace shop is not managed; manage it with: kubectl annotate service plain -n shop stagger.dev/policy=standard"},
		"abort of one not seen":     {words: []string{"abort", "young"}, want: "Service young is annotated with policy fast, but Stagger has not looked at it yet; check that the operator runs: kubectl get pods -A -l app.kubernetes.io/name=stagger"},
		"a plan of nothing":         {words: []string{"plan"}, want: "plan needs the name of one Service: kubectl stagger plan checkout"},
		"a plan without traffic":    {words: []string{"plan", "checkout"}, want: "no traffic of checkout is known yet, for it was never released; give --rate in requests per second, or --prometheus with the address of the mesh's Prometheus"},
		"a plan by a slip":          {words: []string{"plan", "checkout", "--policy", "standrad"}, want: `no ShiftPolicy is named standrad; did you mean standard?`},
		"a plan by what is not":     {words: []string{"plan", "checkout", "--policy", "careless"}, want: `no ShiftPolicy is named careless; list those there are with: kubectl get shiftpolicies`},
		"a watch of two":            {words: []string{"watch", "a", "b"}, want: "watch follows one Service or all; name one, or none"},
		"a share that is none":      {words: []string{"plan", "checkout", "--rate", "5", "--bad", "much"}, want: "--rate must not be below 0, and --bad must be a percentage such as 0.2%"},
		"a time that is none":       {words: []string{"plan", "checkout", "--from", "yesterday"}, want: `--from must be a time such as 2026-03-01T12:00:00Z, or how long ago, such as 6h; not "yesterday"`},
		"too short a time":          {words: []string{"plan", "checkout", "--from", "5m"}, want: "--from must lie ten minutes before --to at least"},
		"too long a time":           {words: []string{"plan", "checkout", "--from", "100h"}, want: "--from may lie 33h19m0s before --to at most"},
		"a Prometheus that is away": {words: []string{"plan", "checkout", "--prometheus", "http://127.0.0.1:1"}, want: "asking Prometheus: http://127.0.0.1:1: connect: connection refused"},
		"a simulation of nothing":   {words: []string{"simulate"}, want: "simulate needs a Service, or a policy: --policy standard, or -f policy.yaml"},
		"one without traffic":       {words: []string{"simulate", "--policy", "fast"}, want: "without a Service there is no traffic; give it with --rate, in requests per second"},
		"a fault that is none":      {words: []string{"simulate", "checkout", "--fault", "some"}, want: "--fault must be a share such as 30%, or a factor such as 3x; not \"some\""},
		"too many releases":         {words: []string{"simulate", "checkout", "--runs", "100000"}, want: "--runs must be from 1 to 10000"},
		"two policies":              {words: []string{"simulate", "checkout", "--policy", "fast", "-f", "x.yaml"}, want: "give the policy by --policy or by -f, not both"},
		"a file that is not there":  {words: []string{"simulate", "checkout", "-f", "x.yaml"}, want: "open x.yaml: no such file or directory"},
		"no Stagger":                {words: []string{"status"}, with: func(s *server) { s.absent = true }, want: "this cluster does not serve stagger.dev/v1alpha1, so Stagger is not installed in it; install it, or choose another cluster with --context"},
		"no Stagger for one":        {words: []string{"abort", "checkout"}, with: func(s *server) { s.absent = true }, want: "this cluster does not serve stagger.dev/v1alpha1, so Stagger is not installed in it; install it, or choose another cluster with --context"},
		"not allowed":               {words: []string{"status"}, with: func(s *server) { s.deny = failure(http.StatusForbidden, metav1.StatusReasonForbidden, "cannot list") }, want: "you may not do this (cannot list); ask for the role view to look, or edit to command"},
		"not known to the cluster":  {words: []string{"status"}, with: func(s *server) { s.deny = failure(http.StatusUnauthorized, metav1.StatusReasonUnauthorized, "who") }, want: "the cluster does not know you; log in again, or choose other credentials with --context or --user"},
		"an unknown context":        {words: []string{"status", "--context", "moon"}, want: "the kubeconfig has no such context; list those it has with: kubectl config get-contexts"},
	}
	for name, c := range cases {
		t.Run(name, func(t *testing.T) {
			s := newServer(t, shift("shop", "checkout"), shift("books", "orders"))
			s.services["shop/plain"] = &corev1.Service{TypeMeta: metav1.TypeMeta{APIVersion: "v1", Kind: "Service"}, ObjectMeta: metav1.ObjectMeta{Name: "plain"}}
			s.services["shop/young"] = &corev1.Service{TypeMeta: metav1.TypeMeta{APIVersion: "v1", Kind: "Service"},
				ObjectMeta: metav1.ObjectMeta{Name: "young", Annotations: map[string]string{v1alpha1.PolicyAnnotation: "fast"}}}
			if c.with != nil {
				c.with(s)
			}
			code, out, talk := typed(t, s.kubeconfig(), c.words...)
			if code != kubectl.ExitError || out != "" {
				t.Errorf("exit code %d and output %q, want %d and none", code, out, kubectl.ExitError)
			}
			if diff := cmp.Diff("error: "+c.want+"\n", talk); diff != "" {
				t.Errorf("talk (-want +got):\n%s", diff)
			}
		})
	}
}

func TestAnAnnotatedServiceThatNobodyHasSeenIsPending(t *testing.T) {
	s := newServer(t)
	s.services["shop/young"] = &corev1.Service{TypeMeta: metav1.TypeMeta{APIVersion: "v1", Kind: "Service"},
		ObjectMeta: metav1.ObjectMeta{Name: "young", Annotations: map[string]string{v1alpha1.PolicyAnnotation: "fast"}}}
	code, out, talk := typed(t, s.kubeconfig(), "status", "young")
	golden(t, "pending", code, out, talk)
}

func TestAClusterThatDoesNotAnswerIsNamed(t *testing.T) {
	code, out, talk := typed(t, kubeconfig(t, "http://127.0.0.1:1"), "version")
	if code != kubectl.ExitError || !strings.HasPrefix(out, "plugin    v0.1.0") {
		t.Errorf("exit code %d and output %q, want %d and the plugin's version", code, out, kubectl.ExitError)
	}
	if want := "; check --context and --kubeconfig\n"; !strings.HasSuffix(talk, want) || strings.Count(talk, "\n") != 1 {
		t.Errorf("talk %q, want one line ending in %q", talk, want)
	}
}
