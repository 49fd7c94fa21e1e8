package steer_test

import (
	"net/http"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/stagger-dev/stagger/operator/kubectl/cli"
	"github.com/stagger-dev/stagger/operator/kubectl/clitest"
	"github.com/stagger-dev/stagger/pkg/apis/stagger/v1alpha1"
)

func TestCommandsWriteOneAnnotation(t *testing.T) {
	cases := map[string]struct {
		object *v1alpha1.TrafficShift
		words  []string
		want   map[string]string
		patch  string
		out    string
	}{
		"an abort of an object without annotations": {
			object: clitest.Shift("shop", "checkout"), words: []string{"abort", "checkout"},
			want: map[string]string{"stagger.dev/command": "abort 7 t0ken"},
			patch: `[{"op":"test","path":"/status/release/number","value":7},{"op":"test","path":"/status/release/state","value":"Shifting"},` +
				`{"op":"replace","path":"/metadata/resourceVersion","value":"1"},` +
				`{"op":"test","path":"/metadata/annotations","value":null},` +
				`{"op":"add","path":"/metadata/annotations","value":{"stagger.dev/command":"abort 7 t0ken"}}]`,
			out: "checkout: abort of release 7 commanded\n",
		},
		"an abort with a reason keeps other annotations": {
			object: clitest.As(clitest.Shift("shop", "checkout"), clitest.Annotated), words: []string{"abort", "checkout", "--reason", " orders\nare  booked twice "},
			want: map[string]string{"team": "payments", "stagger.dev/command": "abort 7 t0ken orders are booked twice"},
			patch: `[{"op":"test","path":"/status/release/number","value":7},{"op":"test","path":"/status/release/state","value":"Shifting"},` +
				`{"op":"test","path":"/metadata/annotations/stagger.dev~1command","value":null},` +
				`{"op":"add","path":"/metadata/annotations/stagger.dev~1command","value":"abort 7 t0ken orders are booked twice"}]`,
			out: "checkout: abort of release 7 commanded\n",
		},
		"a promotion is for the weight that was seen": {
			object: clitest.As(clitest.Shift("shop", "checkout"), clitest.Annotated, clitest.Moved(3)), words: []string{"promote", "checkout", "--reason", "checked by hand"},
			want: map[string]string{"team": "payments", "stagger.dev/command": "promote 7/3 t0ken checked by hand"},
			patch: `[{"op":"test","path":"/status/release/number","value":7},{"op":"test","path":"/status/release/state","value":"Shifting"},` +
				`{"op":"test","path":"/metadata/annotations/stagger.dev~1command","value":null},` +
				`{"op":"add","path":"/metadata/annotations/stagger.dev~1command","value":"promote 7/3 t0ken checked by hand"}]`,
			out: "checkout: release 7 told to leave 5%\n",
		},
		"a pause": {
			object: clitest.As(clitest.Shift("shop", "checkout"), clitest.Controlled(v1alpha1.ControlAuto)), words: []string{"pause", "checkout"},
			patch: `[{"op":"test","path":"/spec/control","value":"Auto"},{"op":"replace","path":"/spec/control","value":"Paused"}]`,
			out:   "checkout: paused; no weight is raised until it is resumed, aborts still work\n",
		},
		"a resumption": {
			object: clitest.As(clitest.Shift("shop", "checkout"), clitest.Controlled(v1alpha1.ControlPaused)), words: []string{"resume", "checkout"},
			patch: `[{"op":"test","path":"/spec/control","value":"Paused"},{"op":"replace","path":"/spec/control","value":"Auto"}]`,
			out:   "checkout: resumed; weights are raised by evidence again\n",
		},
		"a full promotion": {
			object: clitest.As(clitest.Shift("shop", "checkout"), clitest.Annotated, clitest.Moved(3)), words: []string{"promote", "checkout", "--full", "--reason", "the old one is down"},
			want: map[string]string{"team": "payments", "stagger.dev/command": "promote-full 7 t0ken the old one is down"},
			patch: `[{"op":"test","path":"/status/release/number","value":7},{"op":"test","path":"/status/release/state","value":"Shifting"},` +
				`{"op":"test","path":"/metadata/annotations/stagger.dev~1command","value":null},` +
				`{"op":"add","path":"/metadata/annotations/stagger.dev~1command","value":"promote-full 7 t0ken the old one is down"}]`,
			out: "checkout: release 7 told to leave 5% and all steps after it\n",
		},
		"a full promotion of the cure of a stable that is not ready": {
			object: clitest.As(clitest.Shift("shop", "checkout"), clitest.Annotated, clitest.StableNotReady), words: []string{"promote", "checkout", "--full", "--reason", "it is the fix"},
			want: map[string]string{"team": "payments", "stagger.dev/command": "promote-full 7 t0ken it is the fix"},
			patch: `[{"op":"test","path":"/status/release/number","value":7},{"op":"test","path":"/status/release/state","value":"Preparing"},` +
				`{"op":"test","path":"/metadata/annotations/stagger.dev~1command","value":null},` +
				`{"op":"add","path":"/metadata/annotations/stagger.dev~1command","value":"promote-full 7 t0ken it is the fix"}]`,
			out: "checkout: release 7 told to leave 0% and all steps after it\n",
		},
		"a full promotion of what has no traffic yet": {
			object: clitest.As(clitest.Shift("shop", "checkout"), clitest.Annotated, func(s *v1alpha1.TrafficShift) {
				s.Status.Release.State, s.Status.Release.Step, s.Status.Release.Weight = v1alpha1.StatePreparing, 0, "0%"
			}), words: []string{"promote", "checkout", "--full", "--reason", "the old one is down"},
			want: map[string]string{"team": "payments", "stagger.dev/command": "promote-full 7 t0ken the old one is down"},
			patch: `[{"op":"test","path":"/status/release/number","value":7},{"op":"test","path":"/status/release/state","value":"Preparing"},` +
				`{"op":"test","path":"/metadata/annotations/stagger.dev~1command","value":null},` +
				`{"op":"add","path":"/metadata/annotations/stagger.dev~1command","value":"promote-full 7 t0ken the old one is down"}]`,
			out: "checkout: release 7 told to leave 0% and all steps after it\n",
		},
		"an abort in place of a promotion that waits": {
			object: clitest.As(clitest.Shift("shop", "checkout"), commanded("promote 7/3 t1 it is fine", "t1 dev@example.com")), words: []string{"abort", "checkout"},
			want: map[string]string{"stagger.dev/command": "abort 7 t0ken", "stagger.dev/commanded-by": "t1 dev@example.com",
				"stagger.dev/replaced": "t0ken\nt1 dev@example.com\npromote 7/3 t1 it is fine"},
			patch: `[{"op":"test","path":"/status/release/number","value":7},{"op":"test","path":"/status/release/state","value":"Shifting"},` +
				`{"op":"test","path":"/metadata/annotations/stagger.dev~1command","value":"promote 7/3 t1 it is fine"},` +
				`{"op":"replace","path":"/metadata/annotations/stagger.dev~1command","value":"abort 7 t0ken"},` +
				`{"op":"test","path":"/metadata/annotations/stagger.dev~1replaced","value":null},` +
				`{"op":"add","path":"/metadata/annotations/stagger.dev~1replaced","value":"t0ken\nt1 dev@example.com\npromote 7/3 t1 it is fine"}]`,
			out: "checkout: abort of release 7 commanded\n",
		},
		"an undo of what runs": {
			object: clitest.As(clitest.Shift("shop", "checkout"), clitest.Annotated), words: []string{"undo", "checkout"},
			want: map[string]string{"team": "payments", "stagger.dev/command": "undo 7 t0ken"},
			patch: `[{"op":"test","path":"/status/release/number","value":7},{"op":"test","path":"/status/release/state","value":"Shifting"},` +
				`{"op":"test","path":"/metadata/annotations/stagger.dev~1command","value":null},` +
				`{"op":"add","path":"/metadata/annotations/stagger.dev~1command","value":"undo 7 t0ken"}]`,
			out: "checkout: told to take release 7 back, and to put the version before it back into the Deployment\n",
		},
		"an undo of what was taken back": {
			object: clitest.As(clitest.Shift("shop", "checkout"), clitest.Annotated, clitest.Aborted), words: []string{"undo", "checkout"},
			want: map[string]string{"team": "payments", "stagger.dev/command": "undo 7 t0ken"},
			patch: `[{"op":"test","path":"/status/release/number","value":7},{"op":"test","path":"/status/release/state","value":"Aborted"},` +
				`{"op":"test","path":"/metadata/annotations/stagger.dev~1command","value":null},` +
				`{"op":"add","path":"/metadata/annotations/stagger.dev~1command","value":"undo 7 t0ken"}]`,
			out: "checkout: told to put the version that serves back into the Deployment\n",
		},
		"a new plan": {
			object: clitest.As(clitest.Shift("shop", "checkout"), clitest.Annotated), words: []string{"replan", "checkout"},
			want: map[string]string{"team": "payments", "stagger.dev/command": "replan 7 t0ken"},
			patch: `[{"op":"test","path":"/status/release/number","value":7},{"op":"test","path":"/status/release/state","value":"Shifting"},` +
				`{"op":"test","path":"/metadata/annotations/stagger.dev~1command","value":null},` +
				`{"op":"add","path":"/metadata/annotations/stagger.dev~1command","value":"replan 7 t0ken"}]`,
			out: "checkout: release 7 told to go on by its policy as it is now\n",
		},
		"a pause with a reason": {
			object: clitest.As(clitest.Shift("shop", "checkout"), clitest.Controlled(v1alpha1.ControlAuto)), words: []string{"pause", "checkout", "--reason", "sale"},
			want: map[string]string{"stagger.dev/paused": "sale"},
			patch: `[{"op":"test","path":"/spec/control","value":"Auto"},{"op":"replace","path":"/spec/control","value":"Paused"},` +
				`{"op":"replace","path":"/metadata/resourceVersion","value":"1"},{"op":"test","path":"/metadata/annotations","value":null},` +
				`{"op":"add","path":"/metadata/annotations","value":{"stagger.dev/paused":"sale"}}]`,
			out: "checkout: paused; no weight is raised until it is resumed, aborts still work\n",
		},
		"a resumption of what was paused for a reason": {
			object: clitest.As(clitest.Shift("shop", "checkout"), clitest.Controlled(v1alpha1.ControlPaused), clitest.Annotated, func(s *v1alpha1.TrafficShift) { s.Annotations["stagger.dev/paused"] = "sale" }),
			words:  []string{"resume", "checkout"}, want: map[string]string{"team": "payments"},
			patch: `[{"op":"test","path":"/spec/control","value":"Paused"},{"op":"replace","path":"/spec/control","value":"Auto"},` +
				`{"op":"test","path":"/metadata/annotations/stagger.dev~1paused","value":"sale"},{"op":"remove","path":"/metadata/annotations/stagger.dev~1paused"}]`,
			out: "checkout: resumed; weights are raised by evidence again\n",
		},
		"a dry run": {
			object: clitest.As(clitest.Shift("shop", "checkout"), clitest.Annotated), words: []string{"abort", "checkout", "--dry-run"},
			want: map[string]string{"team": "payments"},
			patch: `[{"op":"test","path":"/status/release/number","value":7},{"op":"test","path":"/status/release/state","value":"Shifting"},` +
				`{"op":"test","path":"/metadata/annotations/stagger.dev~1command","value":null},` +
				`{"op":"add","path":"/metadata/annotations/stagger.dev~1command","value":"abort 7 t0ken"}]`,
			out: "checkout: abort of release 7 commanded (dry run: nothing was written)\n",
		},
		"an order whose object is asked for": {
			object: clitest.As(clitest.Shift("shop", "checkout"), clitest.Controlled(v1alpha1.ControlAuto)), words: []string{"pause", "checkout", "-o", "name"},
			patch: `[{"op":"test","path":"/spec/control","value":"Auto"},{"op":"replace","path":"/spec/control","value":"Paused"}]`,
			out:   "trafficshift.stagger.dev/checkout\n",
		},
		"a retry in place of the abort before": {
			object: clitest.As(clitest.Shift("shop", "checkout"), clitest.Aborted, func(s *v1alpha1.TrafficShift) {
				s.Annotations = map[string]string{v1alpha1.CommandAnnotation: "abort 7 old"}
				s.Status.LastHandledCommand = "old"
			}),
			words: []string{"retry", "checkout"},
			want:  map[string]string{"stagger.dev/command": "retry 7 t0ken"},
			patch: `[{"op":"test","path":"/status/release/number","value":7},{"op":"test","path":"/status/release/state","value":"Aborted"},` +
				`{"op":"test","path":"/metadata/annotations/stagger.dev~1command","value":"abort 7 old"},` +
				`{"op":"replace","path":"/metadata/annotations/stagger.dev~1command","value":"retry 7 t0ken"}]`,
			out: "checkout: retry of the version of release 7 commanded\n",
		},
		"a retry of a version that stayed refused while another was promoted": {
			object: clitest.As(clitest.Shift("shop", "checkout"), clitest.Promoted, clitest.Annotated, func(s *v1alpha1.TrafficShift) {
				s.Status.Refused = "refused"
				clitest.Ready(s, metav1.ConditionFalse, v1alpha1.ReasonAborted)
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
			s := clitest.NewServer(t, c.object)
			code, out, talk := clitest.Run(t, s.Kubeconfig(), c.words...)
			if code != cli.ExitOK {
				t.Fatalf("exit code %d, talk %q", code, talk)
			}
			if diff := cmp.Diff(c.want, s.Shifts[clitest.Key].Annotations); diff != "" {
				t.Errorf("annotations (-want +got):\n%s", diff)
			}
			if diff := cmp.Diff([]any{decoded(t, c.patch)}, decodedAll(t, s.Patches)); diff != "" {
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
			object: clitest.As(clitest.Shift("shop", "checkout"), func(s *v1alpha1.TrafficShift) { s.Status.Release = nil }), verb: "abort",
			want: "checkout has had no release yet, so there is nothing to abort; see: kubectl stagger status checkout -n shop",
		},
		"abort after the release": {
			object: clitest.As(clitest.Shift("shop", "checkout"), clitest.Promoted), verb: "abort",
			want: "no release of checkout is running, so there is nothing to abort: release 7 ended Promoted; see: kubectl stagger status checkout -n shop",
		},
		"abort after the handover": {
			object: clitest.As(clitest.Shift("shop", "checkout"), clitest.Promoted, func(s *v1alpha1.TrafficShift) { s.Status.Release.State = v1alpha1.StateRestoring }), verb: "abort",
			want: "release 7 of checkout is promoted already and only puts routes and Service back; to go back, release the version before it",
		},
		"promote after the release": {
			object: clitest.As(clitest.Shift("shop", "checkout"), clitest.Promoted), verb: "promote",
			want: "no release of checkout is running, so there is no step to leave: release 7 ended Promoted; see: kubectl stagger status checkout -n shop",
		},
		"promote while it is taken back": {
			object: clitest.As(clitest.Shift("shop", "checkout"), clitest.TakeBack), verb: "promote",
			want: "release 7 of checkout is past its steps (it is Aborting), so there is none to leave; see: kubectl stagger status checkout -n shop",
		},
		"promote before the first step": {
			object: clitest.As(clitest.Shift("shop", "checkout"), func(s *v1alpha1.TrafficShift) { s.Status.Release.Step = 0 }), verb: "promote",
			want: "release 7 of checkout has no traffic yet, so there is no step to leave; see: kubectl stagger status checkout -n shop",
		},
		"promote at the last step": {
			object: clitest.As(clitest.Shift("shop", "checkout"), func(s *v1alpha1.TrafficShift) {
				s.Status.Release.Step, s.Status.Release.Weight = int32(len(s.Status.Release.Plan.Steps)), "100%"
			}), verb: "promote",
			want: "release 7 of checkout is at its last step, which only evidence ends, or --full with a reason; see: kubectl stagger status checkout -n shop",
		},
		"promote of what is not cleared": {
			object: clitest.As(clitest.Shift("shop", "checkout"), clitest.Unproven), verb: "promote",
			want: "the evidence does not clear the next step; say why it is to be left all the same, with --reason",
		},
		"a full promotion without a reason": {
			object: clitest.Shift("shop", "checkout"), verb: "promote --full", want: "this overrides the evidence; say why with --reason",
		},
		"a full promotion while paused": {
			object: clitest.As(clitest.Shift("shop", "checkout"), clitest.Controlled(v1alpha1.ControlPaused)), verb: "promote --full --reason so",
			want: "checkout is paused, and no weight is raised until then: kubectl stagger resume checkout -n shop",
		},
		"waiting for a dry run": {
			object: clitest.Shift("shop", "checkout"), verb: "undo --wait --dry-run", want: "--dry-run writes nothing that --wait could wait for; give one of them",
		},
		"undo of what serves": {
			object: clitest.As(clitest.Shift("shop", "checkout"), clitest.Promoted, func(s *v1alpha1.TrafficShift) { s.Status.Release.Workload.Deployment = "web" }), verb: "undo",
			want: "release 7 of checkout is promoted, so its version is the one that serves; to go back, release the version before it: kubectl rollout undo deployment/web -n shop",
		},
		"undo of what was put back": {
			object: clitest.As(clitest.Shift("shop", "checkout"), clitest.Aborted, func(s *v1alpha1.TrafficShift) { clitest.Ready(s, metav1.ConditionTrue, v1alpha1.ReasonUpToDate) }), verb: "undo",
			want: "the Deployment of checkout asks for the version that serves, so there is nothing to undo; see: kubectl stagger status checkout -n shop",
		},
		"undo between destinations": {
			object: clitest.As(clitest.Shift("shop", "checkout"), func(s *v1alpha1.TrafficShift) { s.Spec.Destinations = &v1alpha1.Destinations{} }), verb: "undo",
			want: "checkout moves traffic between destinations that Stagger does not run; to go back, set spec.destinations.revision to the one before",
		},
		"replan after the release": {
			object: clitest.As(clitest.Shift("shop", "checkout"), clitest.Promoted), verb: "replan",
			want: "no release of checkout is running, and the next one takes its policy as it is then: release 7 ended Promoted; see: kubectl stagger status checkout -n shop",
		},
		"replan while it is taken back": {
			object: clitest.As(clitest.Shift("shop", "checkout"), clitest.TakeBack), verb: "replan",
			want: "release 7 of checkout is past its steps (it is Aborting), so there is nothing to plan; see: kubectl stagger status checkout -n shop",
		},
		"retry without any release": {
			object: clitest.As(clitest.Shift("shop", "checkout"), func(s *v1alpha1.TrafficShift) { s.Status.Release = nil }), verb: "retry",
			want: "checkout has had no release yet, so there is nothing to retry; see: kubectl stagger status checkout -n shop",
		},
		"retry in a release": {
			object: clitest.Shift("shop", "checkout"), verb: "retry",
			want: "release 7 of checkout is still running, and retry is for a version that was taken back; see: kubectl stagger status checkout -n shop",
		},
		"retry of what is not refused": {
			object: clitest.As(clitest.Shift("shop", "checkout"), clitest.Aborted, func(s *v1alpha1.TrafficShift) { s.Status.Refused = "" }), verb: "retry",
			want: "no version of checkout is refused, so there is nothing to retry: release 7 ended Aborted; change the pod template to release again",
		},
		"retry after the template was put back": {
			object: clitest.As(clitest.Shift("shop", "checkout"), clitest.Aborted, func(s *v1alpha1.TrafficShift) { clitest.Ready(s, metav1.ConditionTrue, v1alpha1.ReasonUpToDate) }), verb: "retry",
			want: "the refused version of checkout is no longer what its Deployment asks for, so there is nothing to retry; apply it again first",
		},
	}
	for name, c := range cases {
		t.Run(name, func(t *testing.T) {
			s := clitest.NewServer(t, c.object)
			code, out, talk := clitest.Run(t, s.Kubeconfig(), append(strings.Fields(c.verb), "checkout")...)
			if code != cli.ExitError || out != "" {
				t.Errorf("exit code %d and output %q, want %d and none", code, out, cli.ExitError)
			}
			if diff := cmp.Diff("error: "+c.want+"\n", talk); diff != "" {
				t.Errorf("talk (-want +got):\n%s", diff)
			}
			if len(s.Patches) > 0 {
				t.Errorf("patches %q, want none", s.Patches)
			}
		})
	}
}

func TestAnAbortIsWrittenAgainWhenTheObjectHasChanged(t *testing.T) {
	cases := map[string]struct {
		object *v1alpha1.TrafficShift
		change func(*v1alpha1.TrafficShift)
	}{
		"the state":                    {object: clitest.As(clitest.Shift("shop", "checkout"), clitest.Annotated), change: func(s *v1alpha1.TrafficShift) { s.Status.Release.State = v1alpha1.StateHandover }},
		"the annotations, first":       {object: clitest.Shift("shop", "checkout"), change: clitest.Annotated},
		"nothing but its own progress": {object: clitest.Shift("shop", "checkout"), change: func(s *v1alpha1.TrafficShift) { s.Status.Release.Exposed++ }},
	}
	for name, c := range cases {
		t.Run(name, func(t *testing.T) {
			s := clitest.NewServer(t, c.object)
			s.BeforePatch = func() {
				s.BeforePatch = nil
				s.Change(clitest.Key, c.change)
			}
			code, _, talk := clitest.Run(t, s.Kubeconfig(), "abort", "checkout")
			if code != cli.ExitOK || len(s.Patches) != 2 {
				t.Errorf("exit code %d after %d patches, want 0 after 2; talk %q", code, len(s.Patches), talk)
			}
			want := c.object.DeepCopy()
			c.change(want)
			metav1.SetMetaDataAnnotation(&want.ObjectMeta, v1alpha1.CommandAnnotation, "abort 7 t0ken")
			if diff := cmp.Diff(want.Annotations, s.Shifts[clitest.Key].Annotations); diff != "" {
				t.Errorf("annotations (-want +got):\n%s", diff)
			}
		})
	}
}

func TestAnAbortNeverHitsALaterRelease(t *testing.T) {
	s := clitest.NewServer(t, clitest.As(clitest.Shift("shop", "checkout"), clitest.Annotated))
	s.BeforePatch = func() { s.Change(clitest.Key, func(s *v1alpha1.TrafficShift) { s.Status.Release.Number = 8 }) }
	code, _, talk := clitest.Run(t, s.Kubeconfig(), "abort", "checkout")
	want := "error: release 8 of checkout has begun while the command for release 7 was written, so nothing was commanded; look first: kubectl stagger status checkout -n shop\n"
	if diff := cmp.Diff(want, talk); diff != "" || code != cli.ExitError {
		t.Errorf("exit code %d, talk (-want +got):\n%s", code, diff)
	}
	if got := s.Shifts[clitest.Key].Annotations[v1alpha1.CommandAnnotation]; got != "" {
		t.Errorf("command %q was written, want none", got)
	}
}

func TestAPromotionNeverLeavesAWeightThatNobodySaw(t *testing.T) {
	s := clitest.NewServer(t, clitest.As(clitest.Shift("shop", "checkout"), clitest.Annotated, clitest.Moved(3)))
	s.BeforePatch = func() {
		s.Change(clitest.Key, func(s *v1alpha1.TrafficShift) {
			clitest.Moved(4)(s)
			s.Status.Release.Weight = "25%"
			s.Annotations[v1alpha1.CommandAnnotation] = "promote 7/3 another"
		})
	}
	code, _, talk := clitest.Run(t, s.Kubeconfig(), "promote", "checkout")
	want := "error: release 7 of checkout went to 25% while the command was written, so nothing was commanded; look first: kubectl stagger status checkout -n shop\n"
	if diff := cmp.Diff(want, talk); diff != "" || code != cli.ExitError {
		t.Errorf("exit code %d, talk (-want +got):\n%s", code, diff)
	}
	if got := s.Shifts[clitest.Key].Annotations[v1alpha1.CommandAnnotation]; got != "promote 7/3 another" {
		t.Errorf("the command is %q, want the other person's", got)
	}
}

func TestAPauseOfWhatIsPausedWritesNothing(t *testing.T) {
	s := clitest.NewServer(t, clitest.As(clitest.Shift("shop", "checkout"), clitest.Controlled(v1alpha1.ControlPaused)))
	code, out, talk := clitest.Run(t, s.Kubeconfig(), "pause", "checkout")
	if code != cli.ExitOK || out != "" || talk != "checkout is paused already\n" || len(s.Patches) > 0 {
		t.Errorf("exit code %d, output %q, talk %q, patches %q", code, out, talk, s.Patches)
	}
}

func TestAnAbortGivesUpWhenOthersKeepWriting(t *testing.T) {
	s := clitest.NewServer(t, clitest.Shift("shop", "checkout"))
	s.BeforePatch = func() { s.Change(clitest.Key, func(s *v1alpha1.TrafficShift) { s.Status.Release.Exposed++ }) }
	code, out, talk := clitest.Run(t, s.Kubeconfig(), "abort", "checkout")
	if code != cli.ExitError || out != "" || len(s.Patches) != 5 || !strings.HasPrefix(talk, "error: commanding abort of release 7: ") {
		t.Errorf("exit code %d, output %q, %d patches, talk %q; want 1, none, 5 and the cause", code, out, len(s.Patches), talk)
	}
}

func TestAnAbortOfWhatIsBeingTakenBackOnlyWaits(t *testing.T) {
	s := clitest.NewServer(t, clitest.As(clitest.Shift("shop", "checkout"), clitest.TakeBack))
	config := s.Kubeconfig()
	code, out, talk := clitest.Run(t, config, "abort", "checkout")
	clitest.Golden(t, "already taken back", code, out, talk)
	if len(s.Patches) > 0 {
		t.Errorf("patches %q, want none", s.Patches)
	}
}

func TestAnAbortSaysThatItIsNotAllowed(t *testing.T) {
	s := clitest.NewServer(t, clitest.Shift("shop", "checkout"))
	s.DenyPatch = clitest.Failure(http.StatusForbidden, metav1.StatusReasonForbidden, "cannot patch")
	code, out, talk := clitest.Run(t, s.Kubeconfig(), "abort", "checkout")
	want := "error: you may not do this (commanding abort of release 7: cannot patch); ask for the role view to look, or edit to command\n"
	if diff := cmp.Diff(want, talk); diff != "" || code != cli.ExitError || out != "" {
		t.Errorf("exit code %d, output %q, talk (-want +got):\n%s", code, out, diff)
	}
}
