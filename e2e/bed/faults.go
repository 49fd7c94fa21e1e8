package bed

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"strconv"
	"strings"

	"k8s.io/client-go/rest"
	"k8s.io/client-go/tools/clientcmd"
)

// Faulty is the way to the local mesh's API server on which requests meet the faults that were ordered. Only tokens pass on it, no
// client certificates.
func Faulty() (*rest.Config, error) {
	file := os.Getenv("KUBECONFIG_FAULTY")
	if file == "" {
		return nil, errors.New("KUBECONFIG_FAULTY names no cluster; faults of the API can be ordered on the local mesh alone")
	}
	config, err := clientcmd.BuildConfigFromFlags("", file)
	if err != nil {
		return nil, fmt.Errorf("reading %s: %w", file, err)
	}
	return config, nil
}

// Fault is a rule for requests to the API server that come by way of Faulty.
type Fault struct{ id int }

// OrderFault puts a rule into force. It is written as for `localmesh fault api`, such as --verb=patch, --resource=virtualservices,
// --status=409, --count=2.
func OrderFault(ctx context.Context, rule ...string) (*Fault, error) {
	out, err := fault(ctx, append([]string{"api"}, rule...)...)
	if err != nil {
		return nil, err
	}
	id, err := strconv.Atoi(strings.TrimSpace(string(out)))
	if err != nil {
		return nil, fmt.Errorf("reading the rule's number: %w", err)
	}
	return &Fault{id: id}, nil
}

// Struck is how many requests have met the rule.
func (f *Fault) Struck(ctx context.Context) (int, error) {
	out, err := fault(ctx, "list", "--json")
	if err != nil {
		return 0, err
	}
	var all []struct {
		ID     int `json:"id"`
		Struck int `json:"struck"`
	}
	if err := json.Unmarshal(out, &all); err != nil {
		return 0, fmt.Errorf("reading the rules: %w", err)
	}
	for _, k := range all {
		if k.ID == f.id {
			return k.Struck, nil
		}
	}
	return 0, fmt.Errorf("rule %d was cleared", f.id)
}

// Clear takes the rule away. Requests that it delays go on, and those that hang because of it are cut.
func (f *Fault) Clear(ctx context.Context) error {
	_, err := fault(ctx, "clear", strconv.Itoa(f.id))
	return err
}

// FaultyPrometheus is the address of the local mesh's Prometheus whose answers to one name can be spoiled.
func FaultyPrometheus(name string) (string, error) {
	address := os.Getenv("PROMETHEUS_URL_FAULTY")
	if address == "" {
		return "", errors.New("PROMETHEUS_URL_FAULTY is not set; faults of Prometheus can be ordered on the local mesh alone")
	}
	return address + "/" + name, nil
}

// SpoilPrometheus has the FaultyPrometheus of a name answer as told, in place of what was ordered for the name before. It is written as for
// `localmesh fault prometheus`, such as --partial, --delay=5s; --clear: as it is.
func SpoilPrometheus(ctx context.Context, name, what string) error {
	_, err := fault(ctx, "prometheus", name, what)
	return err
}

func fault(ctx context.Context, args ...string) ([]byte, error) {
	cmd := exec.CommandContext(ctx, "localmesh", append([]string{"fault"}, args...)...)
	var problem bytes.Buffer
	cmd.Stderr = &problem
	out, err := cmd.Output()
	if err != nil {
		return nil, fmt.Errorf("localmesh fault %s: %w: %s", strings.Join(args, " "), err, strings.TrimSpace(problem.String()))
	}
	return out, nil
}
