package agent

import (
	"encoding/json"
	"fmt"
	"net"
	"os"
	"slices"
	"strconv"
	"strings"

	corev1 "k8s.io/api/core/v1"

	"github.com/stagger-dev/stagger/hack/localmesh/stats"
)

// targets is the file by which Prometheus finds the pods' metrics.
type targets struct {
	path string // Empty: no file is kept.
	pods map[string]target
}

// target is one entry of Prometheus's discovery by files.
type target struct {
	Targets []string          `json:"targets"`
	Labels  map[string]string `json:"labels"`
}

// add and remove write the file anew.
func (t *targets) add(object *corev1.Pod, ip string) error {
	if t.path == "" || object.Annotations[serveAnnotation] == "false" {
		return nil
	}
	t.pods[string(object.UID)] = target{
		Targets: []string{net.JoinHostPort(ip, strconv.Itoa(stats.Port))},
		Labels:  map[string]string{"namespace": object.Namespace, "pod": object.Name},
	}
	return t.write()
}

func (t *targets) remove(uid string) error {
	if _, ok := t.pods[uid]; !ok {
		return nil
	}
	delete(t.pods, uid)
	return t.write()
}

// write replaces the file at once, so that nobody reads half of it.
func (t *targets) write() error {
	all := []target{}
	for _, one := range t.pods {
		all = append(all, one)
	}
	slices.SortFunc(all, func(a, b target) int { return strings.Compare(a.Targets[0], b.Targets[0]) })
	data, err := json.Marshal(all)
	if err != nil {
		return fmt.Errorf("writing the targets: %w", err)
	}
	part := t.path + ".part"
	if err := os.WriteFile(part, data, 0o644); err != nil {
		return fmt.Errorf("writing the targets: %w", err)
	}
	if err := os.Rename(part, t.path); err != nil {
		return fmt.Errorf("writing the targets: %w", err)
	}
	return nil
}
