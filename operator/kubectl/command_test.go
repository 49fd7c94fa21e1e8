package kubectl_test

import (
	"encoding/json"
	"net/http"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/stagger-dev/stagger/operator/kubectl"
	"github.com/stagger-dev/stagger/pkg/apis/stagger/v1alpha1"
)

const key = "shop/checkout"

func TestCommandsWriteOneAnnotation(t *testing.T) {
	cases := map[string]struct {
		object *v1alpha1.TrafficShift
		words  []string
		want   map[string]string
		patch  string
		out    string
	}{
		"an abort of an object without annotations": {
			object: shift("shop", "checkout"), words: []string{"abort", "checkout"},
			want: map[string]string{"stagger.dev/command": "abort 7 t0ken"},
			patch: `[{"op":"test","path":"/status/release/number","value":7},{"op":"test","path":"/status/release/state","value":"Shifting"},` +
				`{"op":"replace","path":"/metadata/resourceVersion","value":"1"},` +
				`{"op":"test","path":"/metadata/annotations","value":null},` +
				`{"op":"add","path":"/metadata/annotations","value":{"stagger.dev/command":"abort 7 t0ken"}}]`,
			out: "checkout: abort of release 7 commanded\n",
		},
		"an abort with a reason keeps other annotations": {
			object: as(shift("shop", "checkout"), annotated), words: []string{"abort", "checkout", "--reason", " orders\nare  booked twice "},
			want: map[string]string{"team": "payments", "stagger.dev/command": "abort 7 t0ken orders are booked twice"},
			patch: `[{"op":"test","path":"/status/release/number","value":7},{"op":"test","path":"/status/release/state","value":"Shifting"},` +
				`{"op":"test","path":"/metadata/annotations/stagger.dev~1command","value":null},` +
				`{"op":"add","path":"/metadata/annotations/stagger.dev~1command","value":"abort 7 t0ken orders are booked twice"}]`,
			out: "checkout: abort of release 7 commanded\n",
		},
		"a promotion is for the weight that was seen": {
			object: as(shift("shop", "checkout"), annotated, moved(3)), words: []string{"promote", "checkout", "--reason", "checked by hand"},
			want: map[string]string{"team": "payments", "stagger.dev/command": "promote 7/3 t0ken checked by hand"},
			patch: `[{"op":"test","path":"/status/release/number","value":7},{"op":"test","path":"/status/release/state","value":"Shifting"},` +
				`{"op":"test","path":"/metadata/annotations/stagger.dev~1command","value":null},` +
				`{"op":"add","path":"/metadata/annotations/stagger.dev~1command","value":"promote 7/3 t0ken checked by hand"}]`,
			out: "checkout: release 7 told to leave 5%\n",
		},
		"a pause": {
			object: as(shift("shop", "checkout"), controlled(v1alpha1.ControlAuto)), words: []string{"pause", "checkout"},
			patch: `[{"op":"test","path":"/spec/control","value":"Auto"},{"op":"replace","path":"/spec/control","value":"Paused"}]`,
			out:   "checkout: paused; no weight is raised until it is resumed, aborts still work\n",
		},
		"a resumption": {
			object: as(shift("shop", "checkout"), controlled(v1alpha1.ControlPaused)), words: []string{"resume", "checkout"},
			patch: `[{"op":"test","path":"/spec/control","value":"Paused"},{"op":"replace","path":"/spec/control","value":"Auto"}]`,
			out:   "checkout: resumed; weights are raised by evidence again\n",
		},
		"a full promotion": {
			object: as(shift("shop", "checkout"), annotated, moved(3)), words: []string{"promote", "checkout", "--full", "--reason", "the old one is down"},
			want: map[string]string{"team": "payments", "stagger.dev/command": "promote-full 7 t0ken the old one is down"},
			patch: `[{"op":"test","path":"/status/release/number","value":7},{"op":"test","path":"/status/release/state","value":"Shifting"},` +
				`{"op":"test","path":"/metadata/annotations/stagger.dev~1command","value":null},` +
				`{"op":"add","path":"/metadata/annotations/stagger.dev~1command","value":"promote-full 7 t0ken the old one is down"}]`,
			out: "checkout: release 7 told to leave 5% and all steps after it\n",
		},
		"an undo of what runs": {
			object: as(shift("shop", "checkout"), annotated), words: []string{"undo", "checkout"},
			want: map[string]string{"team": "payments", "stagger.dev/command": "undo 7 t0ken"},
			patch: `[{"op":"test","path":"/status/release/number","value":7},{"op":"test","path":"/status/release/state","value":"Shifting"},` +
				`{"op":"test","path":"/metadata/annotations/stagger.dev~1command","value":null},` +
				`{"op":"add","path":"/metadata/annotations/stagger.dev~1command","value":"undo 7 t0ken"}]`,
			out: "checkout: told to take release 7 back, and to put the version before it back into the Deployment\n",
		},
		"an undo of what was taken back": {
			object: as(shift("shop", "checkout"), annotated, aborted), words: []string{"undo", "checkout"},
			want: map[string]string{"team": "payments", "stagger.dev/command": "undo 7 t0ken"},
			patch: `[{"op":"test","path":"/status/release/number","value":7},{"op":"test","path":"/status/release/state","value":"Aborted"},` +
				`{"op":"test","path":"/metadata/annotations/stagger.dev~1command","value":null},` +
				`{"op":"add","path":"/metadata/annotations/stagger.dev~1command","value":"undo 7 t0ken"}]`,
			out: "checkout: told to put the version that serves back into the Deployment\n",
		},
		"a new plan": {
			object: as(shift("shop", "checkout"), annotated), words: []string{"replan", "checkout"},
			want: map[string]string{"team": "payments", "stagger.dev/command": "replan 7 t0ken"},
			patch: `[{"op":"test","path":"/status/release/number","value":7},{"op":"test","path":"/status/release/state","value":"Shifting"},` +
				`{"op":"test","path":"/metadata/annotations/stagger.dev~1command","value":null},` +
				`{"op":"add","path":"/metadata/annotations/stagger.dev~1command","value":"replan 7 t0ken"}]`,
			out: "checkout: release 7 told to go on by its policy as it is now\n",
		},
		"a pause with a reason": {
			object: as(shift("shop", "checkout"), controlled(v1alpha1.ControlAuto)), words: []string{"pause", "checkout", "--reason", "sale"},
			want: map[string]string{"stagger.dev/paused": "sale"},
			patch: `[{"op":"test","path":"/spec/control","value":"Auto"},{"op":"replace","path":"/spec/control","value":"Paused"},` +
				`{"op":"replace","path":"/metadata/resourceVersion","value":"1"},{"op":"test","path":"/metadata/annotations","value":null},` +
				`{"op":"add","path":"/metadata/annotations","value":{"stagger.dev/paused":"sale"}}]`,
			out: "checkout: paused; no weight is raised until it is resumed, aborts still work\n",
		},
		"a resumption of what was paused for a reason": {
			object: as(shift("shop", "checkout"), controlled(v1alpha1.ControlPaused), annotated, func(s *v1alpha1.TrafficShift) { s.Annotations["stagger.dev/paused"] = "sale" }),
			words:  []string{"resume", "checkout"}, want: map[string]string{"team": "payments"},
			patch: `[{"op":"test","path":"/spec/control","value":"Paused"},{"op":"replace","path":"/spec/control","value":"Auto"},` +
				`{"op":"test","path":"/metadata/annotations/stagger.dev~1paused","value":"sale"},{"op":"remove","path":"/metadata/annotations/stagger.dev~1paused"}]`,
			out: "checkout: resumed; weights are raised by evidence again\n",
		},
		"a dry run": {
			object: as(shift("shop", "checkout"), annotated), words: []string{"abort", "checkout", "--dry-run"},
			want: map[string]string{"team": "payments"},
			patch: `[{"op":"test","path":"/status/release/number","value":7},{"op":"test","path":"/status/release/state","value":"Shifting"},` +
				`{"op":"test","path":"/metadata/annotations/stagger.dev~1command","value":null},` +
				`{"op":"add","path":"/metadata/annotations/stagger.dev~1command","value":"abort 7 t0ken"}]`,
			out: "checkout: abort of release 7 commanded (dry run: nothing was written)\n",
		},
		"an order whose object is asked for": {
			object: as(shift("shop", "checkout"), controlled(v1alpha1.ControlAuto)), words: []string{"pause", "checkout", "-o", "name"},
			patch: `[{"op":"test","path":"/spec/control","value":"Auto"},{"op":"replace","path":"/spec/control","value":"Paused"}]`,
			out:   "trafficshift.stagger.dev/checkout\n",
		},
		"a retry in place of the abort before": {
			object: as(shift("shop", "checkout"), aborted, func(s *v1alpha1.TrafficShift) {
				s.Annotations = map[string]string{v1alpha1.CommandAnnotation: "abort 7 old"}
			}),
			words: []string{"retry", "checkout"},
			want:  map[string]string{"stagger.dev/command": "retry 7 t0ken"},
			patch: `[{"op":"test","path":"/status/release/number","value":7},{"op":"test","path":"/status/release/state","value":"Aborted"},` +
				`{"op":"test","path":"/metadata/annotations/stagger.dev~1command","value":"abort 7 old"},` +
				`{"op":"replace","path":"/metadata/annotations/stagger.dev~1command","value":"retry 7 t0ken"}]`,
			out: "checkout: retry of the version of release 7 commanded\n",
		},
		"a retry of a version that stayed refused while another was promoted": {
			object: as(shift("shop", "checkout"), promoted, annotated, func(s *v1alpha1.TrafficShift) {
				s.Status.Refused = "refused"
				ready(s, metav1.ConditionFalse, v1alpha1.ReasonAborted)
			}),
			words: []string{"retry", "checkout"},
			want:  map[string]string{"team": "payments", "stagger.dev/command": "retry 7 t0ken"},
			patch: `[{"op":"test","path":"/status/release/number","value":7},{"op":"test","path":"/status/release/state","value":"Promoted"},` +
				`{"op":"test","path":"/metadata/annotations/stagger.dev~1command","value":null},` +
				`{"op":"add","path":"/metadata/annotations/stagger.dev~1command","value":"retry 7 t0ken"}]`,
			out: "checkout: retry of the version of release 7 commanded\n",
		},
	}
	for name, c := range cases {
		t.Run(name, func(t *testing.T) {
			s := newServer(t, c.object)
			code, out, talk := typed(t, s.kubeconfig(), c.words...)
			if code != kubectl.ExitOK {
				t.Fatalf("exit code %d, talk %q", code, talk)
			}
			if diff := cmp.Diff(c.want, s.shifts[key].Annotations); diff != "" {
				t.Errorf("annotations (-want +got):\n%s", diff)
			}
			if diff := cmp.Diff([]any{decoded(t, c.patch)}, decodedAll(t, s.patches)); diff != "" {
				t.Errorf("patches (-want +got):\n%s", diff)
			}
			if diff := cmp.Diff(c.out, out); diff != "" {
				t.Errorf("output (-want +got):\n%s", diff)
			}
		})
	}
}

func TestCommandsThatMakeNoSenseWriteNothing(t *testing.T) {
	cases := map[string]struct {
		object *v1alpha1.TrafficShift
		verb   string
		want   string
	}{
		"abort without any release": {
			object: as(shift("shop", "checkout"), func(s *v1alpha1.TrafficShift) { s.Status.Release = nil }), verb: "abort",
			want: "checkout has had no release yet, so there is nothing to abort; see: kubectl stagger status checkout -n shop",
		},
		"abort after the release": {
			object: as(shift("shop", "checkout"), promoted), verb: "abort",
			want: "no release of checkout is running, so there is nothing to abort: release 7 ended Promoted; see: kubectl stagger status checkout -n shop",
		},
		"abort after the handover": {
			object: as(shift("shop", "checkout"), promoted, func(s *v1alpha1.TrafficShift) { s.Status.Release.State = v1alpha1.StateRestoring }), verb: "abort",
			want: "release 7 of checkout is promoted already and only puts routes and Service back; to go back, release the version before it",
		},
		"promote after the release": {
			object: as(shift("shop", "checkout"), promoted), verb: "promote",
			want: "no release of checkout is running, so there is no step to leave: release 7 ended Promoted; see: kubectl stagger status checkout -n shop",
		},
		"promote while it is taken back": {
			object: as(shift("shop", "checkout"), takeBack), verb: "promote",
			want: "release 7 of checkout is past its steps (it is Aborting), so there is none to leave; see: kubectl stagger status checkout -n shop",
		},
		"promote before the first step": {
			object: as(shift("shop", "checkout"), func(s *v1alpha1.TrafficShift) { s.Status.Release.Step = 0 }), verb: "promote",
			want: "release 7 of checkout has no traffic yet, so there is no step to leave; see: kubectl stagger status checkout -n shop",
		},
		"promote at the last step": {
			object: as(shift("shop", "checkout"), func(s *v1alpha1.TrafficShift) {
				s.Status.Release.Step, s.Status.Release.Weight = int32(len(s.Status.Release.Plan.Steps)), "100%"
			}), verb: "promote",
			want: "release 7 of checkout is at its last step, which only evidence ends, or --full with a reason; see: kubectl stagger status checkout -n shop",
		},
		"promote of what is not cleared": {
			object: as(shift("shop", "checkout"), unproven), verb: "promote",
			want: "the evidence does not clear the next step; say why it is to be left all the same, with --reason",
		},
		"a full promotion without a reason": {
			object: shift("shop", "checkout"), verb: "promote --full", want: "this overrides the evidence; say why with --reason",
		},
		"a full promotion while paused": {
			object: as(shift("shop", "checkout"), controlled(v1alpha1.ControlPaused)), verb: "promote --full --reason so",
			want: "checkout is paused, and no weight is raised until then: kubectl stagger resume checkout -n shop",
		},
		"waiting for a dry run": {
			object: shift("shop", "checkout"), verb: "undo --wait --dry-run", want: "--dry-run writes nothing that --wait could wait for; give one of them",
		},
		"undo of what serves": {
			object: as(shift("shop", "checkout"), promoted, func(s *v1alpha1.TrafficShift) { s.Status.Release.Workload.Deployment = "web" }), verb: "undo",
			want: "release 7 of checkout is promoted, so its version is the one that serves; to go back, release the version before it: kubectl rollout undo deployment/web -n shop",
		},
		"undo of what was put back": {
			object: as(shift("shop", "checkout"), aborted, func(s *v1alpha1.TrafficShift) { ready(s, metav1.ConditionTrue, v1alpha1.ReasonUpToDate) }), verb: "undo",
			want: "the Deployment of checkout asks for the version that serves, so there is nothing to undo; see: kubectl stagger status checkout -n shop",
		},
		"undo between destinations": {
			object: as(shift("shop", "checkout"), func(s *v1alpha1.TrafficShift) { s.Spec.Destinations = &v1alpha1.Destinations{} }), verb: "undo",
			want: "checkout moves traffic between destinations that Stagger does not run; to go back, set spec.destinations.revision to the one before",
		},
		"replan after the release": {
			object: as(shift("shop", "checkout"), promoted), verb: "replan",
			want: "no release of checkout is running, and the next one takes its policy as it is then: release 7 ended Promoted; see: kubectl stagger status checkout -n shop",
		},
		"replan while it is taken back": {
			object: as(shift("shop", "checkout"), takeBack), verb: "replan",
			want: "release 7 of checkout is past its steps (it is Aborting), so there is nothing to plan; see: kubectl stagger status checkout -n shop",
		},
		"retry without any release": {
			object: as(shift("shop", "checkout"), func(s *v1alpha1.TrafficShift) { s.Status.Release = nil }), verb: "retry",
			want: "checkout has had no release yet, so there is nothing to retry; see: kubectl stagger status checkout -n shop",
		},
		"retry in a release": {
			object: shift("shop", "checkout"), verb: "retry",
			want: "release 7 of checkout is still running, and retry is for a version that was taken back; see: kubectl stagger status checkout -n shop",
		},
		"retry of what is not refused": {
			object: as(shift("shop", "checkout"), aborted, func(s *v1alpha1.TrafficShift) { s.Status.Refused = "" }), verb: "retry",
			want: "no version of checkout is refused, so there is nothing to retry: release 7 ended Aborted; change the pod template to release again",
		},
		"retry after the template was put back": {
			object: as(shift("shop", "checkout"), aborted, func(s *v1alpha1.TrafficShift) { ready(s, metav1.ConditionTrue, v1alpha1.ReasonUpToDate) }), verb: "retry",
			want: "the refused version of checkout is no longer what its Deployment asks for, so there is nothing to retry; apply it again first",
		},
	}
	for name, c := range cases {
		t.Run(name, func(t *testing.T) {
			s := newServer(t, c.object)
			code, out, talk := typed(t, s.kubeconfig(), append(strings.Fields(c.verb), "checkout")...)
			if code != kubectl.ExitError || out != "" {
				t.Errorf("exit code %d and output %q, want %d and none", code, out, kubectl.ExitError)
			}
			if diff := cmp.Diff("error: "+c.want+"\n", talk); diff != "" {
				t.Errorf("talk (-want +got):\n%s", diff)
			}
			if len(s.patches) > 0 {
				t.Errorf("patches %q, want none", s.patches)
			}
		})
	}
}

func TestAnAbortIsWrittenAgainWhenTheObjectHasChanged(t *testing.T) {
	cases := map[string]struct {
		object *v1alpha1.TrafficShift
		change func(*v1alpha1.TrafficShift)
	}{
		"the state":                    {object: as(shift("shop", "checkout"), annotated), change: func(s *v1alpha1.TrafficShift) { s.Status.Release.State = v1alpha1.StateHandover }},
		"the annotations, first":       {object: shift("shop", "checkout"), change: annotated},
		"nothing but its own progress": {object: shift("shop", "checkout"), change: func(s *v1alpha1.TrafficShift) { s.Status.Release.Exposed++ }},
	}
	for name, c := range cases {
		t.Run(name, func(t *testing.T) {
			s := newServer(t, c.object)
			s.beforePatch = func() {
				s.beforePatch = nil
				s.change(key, c.change)
			}
			code, _, talk := typed(t, s.kubeconfig(), "abort", "checkout")
			if code != kubectl.ExitOK || len(s.patches) != 2 {
				t.Errorf("exit code %d after %d patches, want 0 after 2; talk %q", code, len(s.patches), talk)
			}
			want := c.object.DeepCopy()
			c.change(want)
			metav1.SetMetaDataAnnotation(&want.ObjectMeta, v1alpha1.CommandAnnotation, "abort 7 t0ken")
			if diff := cmp.Diff(want.Annotations, s.shifts[key].Annotations); diff != "" {
				t.Errorf("annotations (-want +got):\n%s", diff)
			}
		})
	}
}

func TestAnAbortNeverHitsALaterRelease(t *testing.T) {
	s := newServer(t, as(shift("shop", "checkout"), annotated))
	s.beforePatch = func() { s.change(key, func(s *v1alpha1.TrafficShift) { s.Status.Release.Number = 8 }) }
	code, _, talk := typed(t, s.kubeconfig(), "abort", "checkout")
	want := "error: release 8 of checkout has begun while the command for release 7 was written, so nothing was commanded; look first: kubectl stagger status checkout -n shop\n"
	if diff := cmp.Diff(want, talk); diff != "" || code != kubectl.ExitError {
		t.Errorf("exit code %d, talk (-want +got):\n%s", code, diff)
	}
	if got := s.shifts[key].Annotations[v1alpha1.CommandAnnotation]; got != "" {
		t.Errorf("command %q was written, want none", got)
	}
}

func TestAPromotionNeverLeavesAWeightThatNobodySaw(t *testing.T) {
	s := newServer(t, as(shift("shop", "checkout"), annotated, moved(3)))
	s.beforePatch = func() {
		s.change(key, func(s *v1alpha1.TrafficShift) {
			moved(4)(s)
			s.Status.Release.Weight = "25%"
			s.Annotations[v1alpha1.CommandAnnotation] = "promote 7/3 another"
		})
	}
	code, _, talk := typed(t, s.kubeconfig(), "promote", "checkout")
	want := "error: release 7 of checkout went to 25% while the command was written, so nothing was commanded; look first: kubectl stagger status checkout -n shop\n"
	if diff := cmp.Diff(want, talk); diff != "" || code != kubectl.ExitError {
		t.Errorf("exit code %d, talk (-want +got):\n%s", code, diff)
	}
	if got := s.shifts[key].Annotations[v1alpha1.CommandAnnotation]; got != "promote 7/3 another" {
		t.Errorf("the command is %q, want the other person's", got)
	}
}

func TestAPauseOfWhatIsPausedWritesNothing(t *testing.T) {
	s := newServer(t, as(shift("shop", "checkout"), controlled(v1alpha1.ControlPaused)))
	code, out, talk := typed(t, s.kubeconfig(), "pause", "checkout")
	if code != kubectl.ExitOK || out != "" || talk != "checkout is paused already\n" || len(s.patches) > 0 {
		t.Errorf("exit code %d, output %q, talk %q, patches %q", code, out, talk, s.patches)
	}
}

func TestAnAbortGivesUpWhenOthersKeepWriting(t *testing.T) {
	s := newServer(t, shift("shop", "checkout"))
	s.beforePatch = func() { s.change(key, func(s *v1alpha1.TrafficShift) { s.Status.Release.Exposed++ }) }
	code, out, talk := typed(t, s.kubeconfig(), "abort", "checkout")
	if code != kubectl.ExitError || out != "" || len(s.patches) != 5 || !strings.HasPrefix(talk, "error: commanding abort of release 7: ") {
		t.Errorf("exit code %d, output %q, %d patches, talk %q; want 1, none, 5 and the cause", code, out, len(s.patches), talk)
	}
}

func TestAnAbortOfWhatIsBeingTakenBackOnlyWaits(t *testing.T) {
	s := newServer(t, as(shift("shop", "checkout"), takeBack))
	config := s.kubeconfig()
	code, out, talk := typed(t, config, "abort", "checkout")
	golden(t, "already taken back", code, out, talk)
	if len(s.patches) > 0 {
		t.Errorf("patches %q, want none", s.patches)
	}
}

func TestAnAbortSaysThatItIsNotAllowed(t *testing.T) {
	s := newServer(t, shift("shop", "checkout"))
	s.denyPatch = failure(http.StatusForbidden, metav1.StatusReasonForbidden, "cannot patch")
	code, out, talk := typed(t, s.kubeconfig(), "abort", "checkout")
	want := "error: you may not do this (commanding abort of release 7: cannot patch); ask for the role view to look, or edit to command\n"
	if diff := cmp.Diff(want, talk); diff != "" || code != kubectl.ExitError || out != "" {
		t.Errorf("exit code %d, output %q, talk (-want +got):\n%s", code, out, diff)
	}
}

// moved sets how many weights were written.
func moved(n int32) func(*v1alpha1.TrafficShift) {
	return func(s *v1alpha1.TrafficShift) { s.Status.Release.Moves = n }
}

func controlled(c v1alpha1.Control) func(*v1alpha1.TrafficShift) {
	return func(s *v1alpha1.TrafficShift) { s.Spec.Control = c }
}

func decodedAll(t *testing.T, texts []string) []any {
	t.Helper()
	var all []any
	for _, text := range texts {
		all = append(all, decoded(t, text))
	}
	return all
}

func decoded(t *testing.T, text string) (v any) {
	t.Helper()
	if err := json.Unmarshal([]byte(text), &v); err != nil {
		t.Fatalf("%s is no JSON: %v", text, err)
	}
	return v
}
