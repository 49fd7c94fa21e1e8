package cluster

import (
	"encoding/json"
	"math"
	"slices"

	"k8s.io/apimachinery/pkg/api/equality"

	"github.com/stagger-dev/stagger/pkg/apis/stagger/v1alpha1"
	"github.com/stagger-dev/stagger/pkg/text"
)

const (
	// historyLength is how many past releases the status keeps.
	historyLength = 10
	// mostPast is how many bytes of JSON the history keeps of a release. Ten of them, and the record of the running one, stay far below the
	// 1.5 MiB that etcd takes for an object. A usual release has less than a quarter of it.
	mostPast = 24 << 10
	// longestText is where the shortening of a record that is too long begins.
	longestText = 512
)

// PastOf is what the history keeps of a release that is over: the whole record but for what only a running release needs. One that is longer
// than the history may hold loses the ends of its texts, the evidence at its first weights and the last of many images and changes, as little as will do.
func PastOf(r *v1alpha1.Release) v1alpha1.PastRelease {
	p := r.Past()
	for most := longestText; most > 0 && size(p) > mostPast; most /= 2 {
		shorten(&p, most)
	}
	return p
}

// size is the length of a record as the API server gets it.
func size(p v1alpha1.PastRelease) int {
	out, err := json.Marshal(p)
	if err != nil {
		return math.MaxInt
	}
	return len(out)
}

// shorten cuts the texts of a record to so many bytes, and its lists in proportion.
func shorten(p *v1alpha1.PastRelease, most int) {
	p.Shortened = true
	cut := func(texts ...*string) {
		for _, t := range texts {
			*t = text.CutBytes(*t, most)
		}
	}
	cut(&p.Message, &p.Workload.ChangeCause)
	for i := range p.Commands {
		c := &p.Commands[i]
		cut(&c.By, &c.Reason, &c.Message)
	}
	for i := range p.Pauses {
		cut(&p.Pauses[i].By, &p.Pauses[i].Reason)
	}
	for i := range p.Overridden {
		cut(&p.Overridden[i].Message)
	}
	for i := range p.Weights {
		w := &p.Weights[i]
		if cut(&w.By, &w.Message); i < len(p.Weights)-most/16 {
			w.Objectives = nil
		}
	}
	for i := range p.Plan.Objectives {
		if c := p.Plan.Objectives[i].Custom; c != nil {
			cut(&c.Total, &c.Bad)
		}
	}
	for _, images := range []*[]string{&p.Images, &p.ImageIDs, &p.StableImages, &p.StableImageIDs, &p.Changes} {
		*images = (*images)[:min(len(*images), most/16)]
	}
}

// SlimHistory leaves of each past release what a pass looks at, so that ten whole records of each Service need not be kept in memory.
func SlimHistory(s *v1alpha1.TrafficShift) {
	for i, p := range s.Status.History {
		s.Status.History[i] = slim(p)
	}
}

func slim(p v1alpha1.PastRelease) v1alpha1.PastRelease {
	return v1alpha1.PastRelease{Number: p.Number, Revision: p.Revision, Outcome: p.Outcome, Reason: p.Reason}
}

// WholeHistory gives the past releases of a status that are slim the whole records that are stored of them, by their numbers.
func WholeHistory(status *v1alpha1.TrafficShiftStatus, stored []v1alpha1.PastRelease) {
	for i, p := range status.History {
		at := slices.IndexFunc(stored, func(s v1alpha1.PastRelease) bool { return s.Number == p.Number })
		if at >= 0 && equality.Semantic.DeepEqual(p, slim(p)) {
			status.History[i] = *stored[at].DeepCopy()
		}
	}
}
