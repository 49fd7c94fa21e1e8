package bed

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"os/exec"
	"strings"
)

// Component is a part of the local mesh that runs as a process.
type Component struct {
	// Name is as in `localmesh status`, such as etcd and envoy-gateway.
	Name string `json:"name"`
	// State is running, paused, stopped where it was killed or never started, or failed where it ended by itself.
	State string `json:"state"`
}

// Disturb pauses, resumes, kills or starts a component, in the words of `localmesh fault`.
func Disturb(ctx context.Context, verb, component string) error {
	_, err := fault(ctx, verb, component)
	return err
}

// Components are those of the local mesh. It ends with its supervisor, so that they are known whatever of it is away.
func Components(ctx context.Context) ([]Component, error) {
	cmd := exec.CommandContext(ctx, "localmesh", "status", "--json")
	var problem bytes.Buffer
	cmd.Stderr = &problem
	out, err := cmd.Output() // its status is 1 where the mesh is not ready
	var report struct {
		Components []Component `json:"components"`
	}
	if json.Unmarshal(out, &report) != nil || len(report.Components) == 0 {
		return nil, fmt.Errorf("localmesh status: %w: %s", err, strings.TrimSpace(problem.String()))
	}
	return report.Components, nil
}

// Revive starts the components that have ended by themselves, as whoever keeps them running does, and names them.
func Revive(ctx context.Context) ([]string, error) {
	all, err := Components(ctx)
	if err != nil {
		return nil, err
	}
	var revived []string
	for _, c := range all {
		if c.State != "failed" {
			continue
		}
		if err := Disturb(ctx, "start", c.Name); err != nil {
			return revived, err
		}
		revived = append(revived, c.Name)
	}
	return revived, nil
}
