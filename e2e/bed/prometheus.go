package bed

import (
	"context"
	"fmt"
	"time"

	"github.com/prometheus/client_golang/api"
	v1 "github.com/prometheus/client_golang/api/prometheus/v1"
	"github.com/prometheus/common/model"
)

// Ask has the Prometheus at address answer an expression that gives a vector, as of its own present.
func Ask(ctx context.Context, address, expr string) (model.Vector, error) {
	client, err := api.NewClient(api.Config{Address: address})
	if err != nil {
		return nil, fmt.Errorf("making a client for %s: %w", address, err)
	}
	answer, _, _, err := v1.NewAPI(client).Query(ctx, expr, time.Time{})
	if err != nil {
		return nil, fmt.Errorf("asking Prometheus: %w", err)
	}
	vector, ok := answer.(model.Vector)
	if !ok {
		return nil, fmt.Errorf("asking Prometheus: the answer is a %s, not a vector", answer.Type())
	}
	return vector, nil
}
