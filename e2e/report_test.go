package e2e

import (
	"encoding/json"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"

	corev1 "k8s.io/api/core/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/stagger-dev/stagger/e2e/bed"
	"github.com/stagger-dev/stagger/pkg/apis/stagger/v1alpha1"
	"github.com/stagger-dev/stagger/pkg/view"
)

// pushed is what a story knows of a release, to compare its report with.
type pushed struct {
	number     int64
	version    string
	at         time.Time
	generation string              // of the Deployment, when it was pushed
	ran        map[string][]string // the images of the pods, with their digests, by revision
	policy     int64               // the generation of the policy
	steps      []view.ReportStep
	weights    []view.ReportWeight // weight, step, hold and reason of each
}

// pushes is push that keeps what a report has to say about it.
func (s *story) pushes(number int64, tag string) *pushed {
	s.t.Helper()
	r := &pushed{number: number, version: tag, at: time.Now()}
	r.generation = kubectl(s.t, "-n", s.ns, "set", "image", "deployment/checkout", "app=shop:"+tag, "-o", "jsonpath={.metadata.generation}")
	return r
}

// imageIDs are the images that the pods run, with their digests, by revision.
func (s *story) imageIDs() map[string][]string {
	s.t.Helper()
	var pods corev1.PodList
	if err := adm.client.List(s.t.Context(), &pods, client.InNamespace(s.ns), client.HasLabels{"pod-template-hash"}); err != nil {
		s.t.Fatal(err)
	}
	out := map[string][]string{}
	for _, p := range pods.Items {
		for _, c := range p.Status.ContainerStatuses {
			if hash := p.Labels["pod-template-hash"]; c.Name == "app" && c.ImageID != "" && !slices.Contains(out[hash], c.ImageID) {
				out[hash] = append(out[hash], c.ImageID)
			}
		}
	}
	return out
}

// report is what the plugin reports of a release, when all of its requests are counted; as text too.
func (s *story) report(number int64) (r view.Report, text string) {
	s.t.Helper()
	s.until("the requests of the release are counted", func(x *v1alpha1.TrafficShift) bool {
		return x.Status.Release.Number > number || x.Status.Release.Counted.Final
	})
	text, err := plugin(s.t, s.ns, "report", "checkout", strconv.FormatInt(number, 10), "-o", "json")
	if err == nil {
		err = json.Unmarshal([]byte(text), &r)
	}
	if err != nil {
		s.t.Fatalf("the report of release %d: %v\n%s", number, err, text)
	}
	return r, text
}

// reports compares the report of a release that ended with what the story did, and returns it.
func (s *story) reports(d *pushed, x *v1alpha1.TrafficShift) (view.Report, string) {
	s.t.Helper()
	r, text := s.report(d.number)
	wrong := func(what string, got, want any) {
		s.t.Errorf("the report of release %d has %s %v, want %v\n%s", d.number, what, got, want, text)
	}
	same := func(what, got, want string) {
		if s.t.Helper(); got != want || want == "" {
			wrong(what, got, want)
		}
	}
	if r.Cluster == nil || r.Deployment == nil || r.Plan == nil || r.Started == nil || r.Ended == nil {
		s.t.Fatalf("the report of release %d is not whole\n%s", d.number, text)
	}
	same("the server", r.Cluster.Server, adm.config.Host)
	same("the cluster", r.Cluster.UID, kubectl(s.t, "get", "namespace", "kube-system", "-o", "jsonpath={.metadata.uid}"))
	same("the Service", r.Namespace+"/"+r.Service, s.ns+"/checkout")
	same("the Deployment", r.Deployment.Name+" of "+r.Deployment.ShippedBy, "checkout of kubectl-set")
	same("its generation", strconv.FormatInt(r.Deployment.Generation, 10), d.generation)
	same("the images", strings.Join(r.Images, " "), "shop:"+d.version)
	for _, arm := range []struct {
		revision string
		ran      []string
	}{{r.Revision, r.ImageIDs}, {r.StableRevision, r.StableImageIDs}} {
		same("images that the pods of "+arm.revision+" ran", strings.Join(arm.ran, " "), strings.Join(d.ran[arm.revision], " "))
		if len(arm.ran) != 1 || !strings.Contains(arm.ran[0], "@sha256:") {
			wrong("digests", arm.ran, "one")
		}
	}
	if r.Policy != s.ns || r.PolicyGeneration != d.policy || !slices.Equal(r.Plan.Steps, d.steps) || r.Plan.AbortAt != 100 || r.Plan.PassAt != 20 || r.Plan.Pace != "Fixed" {
		wrong("the plan", r.Plan, d.steps)
	}
	h := x.Status.History[0]
	same("the outcome", string(r.State)+" "+r.Reason+" "+r.Message, string(h.Outcome)+" "+string(h.Reason)+" "+h.Message)
	if r.Requests == 0 || len(r.Gaps) > 0 || r.Lacking != "" || r.Line || r.Shortened || r.AsOf != nil {
		wrong("requests", r.Requests, "some, and no gaps")
	}
	times := []time.Time{d.at.Add(-time.Second), *r.Started}
	var weights []view.ReportWeight
	for i, w := range r.Weights {
		if w.Until == nil || w.Message == "" || i > 0 && !w.At.Equal(*r.Weights[i-1].Until) {
			s.t.Fatalf("the report of release %d is not whole at %s\n%s", d.number, w.Weight, text)
		}
		times = append(times, w.At, *w.Until)
		weights = append(weights, view.ReportWeight{Weight: w.Weight, Step: w.Step, Hold: w.Hold, Reason: w.Reason, By: w.By})
	}
	if times = append(times, r.Ended.Add(time.Second), time.Now().Add(2*time.Second)); !slices.IsSortedFunc(times, time.Time.Compare) {
		wrong("times", times, "them in their order, each to a second")
	}
	same("weights", fmt.Sprint(weights), fmt.Sprint(d.weights))
	s.rested(d, r)
	return r, text
}

// rested checks that the evidence at each weight is what was counted when it was written: none before the first, more at each other, never
// more than the clients had sent by then, and enough where the evidence cleared it.
func (s *story) rested(d *pushed, r view.Report) {
	s.t.Helper()
	before := int64(-1)
	for _, w := range r.Weights {
		if len(w.Objectives) != 1 {
			if w.Step > 1 || len(w.Objectives) > 0 {
				s.t.Errorf("release %d: %s rests on %+v", d.number, w.Weight, w.Objectives)
			}
			continue
		}
		o := w.Objectives[0]
		seconds := s.seconds(d.at)
		seconds = slices.DeleteFunc(seconds, func(second bed.Second) bool { return second.T > w.At.Unix() })
		if met := int64(bed.Met(seconds)[d.version]); o.Name != "availability" || o.Target != "95%" || o.CanaryRequests <= before || o.CanaryRequests > met {
			s.t.Errorf("release %d: %s rests on %+v, after %d requests and where clients had sent %d", d.number, w.Weight, o, before, met)
		}
		if w.Reason == string(v1alpha1.WeightProven) && o.Verdict != "healthy" {
			s.t.Errorf("release %d: %s is proven by %+v", d.number, w.Weight, o)
		}
		before = o.CanaryRequests
	}
	if last := r.Objectives; len(last) != 1 || last[0].CanaryRequests <= before || last[0].CanaryRequests > r.Requests {
		s.t.Errorf("release %d: in the end it is %+v, after %d requests and of %d", d.number, last, before, r.Requests)
	}
}
