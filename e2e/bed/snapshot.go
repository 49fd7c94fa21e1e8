package bed

import (
	"context"
	"encoding/json"
	"fmt"
	"maps"
	"os/exec"

	"github.com/google/go-cmp/cmp"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"

	"github.com/stagger-dev/stagger/pkg/apis/stagger/v1alpha1"
)

// revision is an annotation that the Deployment controller writes. Neither it nor the label of what is held is a trace of a release.
const revision = "deployment.kubernetes.io/revision"

// Snapshot is what users wrote: spec, labels and annotations of objects, by kind and name.
type Snapshot map[string]map[string]any

// TakeSnapshot takes the VirtualServices, DestinationRules, Services and Deployments of a namespace, all but the mark of
// management that a Deployment keeps.
func TakeSnapshot(ctx context.Context, namespace string) (Snapshot, error) {
	text, err := exec.CommandContext(ctx, "kubectl", "--namespace", namespace, "get",
		"virtualservices.networking.istio.io,destinationrules.networking.istio.io,services,deployments", "--output=json").Output()
	if err != nil {
		return nil, fmt.Errorf("reading what is there: %w", err)
	}
	var list unstructured.UnstructuredList
	if err := json.Unmarshal(text, &list); err != nil {
		return nil, fmt.Errorf("reading what is there: %w", err)
	}
	s := Snapshot{}
	for _, o := range list.Items {
		labels, annotations := maps.Clone(o.GetLabels()), maps.Clone(o.GetAnnotations())
		delete(annotations, revision)
		delete(labels, v1alpha1.HeldLabel)
		s[o.GetKind()+"/"+o.GetName()] = map[string]any{"spec": o.Object["spec"], "labels": trimmed(labels), "annotations": trimmed(annotations)}
	}
	return s, nil
}

func trimmed(m map[string]string) map[string]string {
	if len(m) == 0 {
		return nil
	}
	return m
}

// Diff is what differs between two snapshots; empty when nothing does.
func (s Snapshot) Diff(other Snapshot) string { return cmp.Diff(s, other) }
