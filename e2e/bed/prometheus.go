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

// AskOver has the Prometheus at address answer an expression for every second between two times, as boards do.
func AskOver(ctx context.Context, address, expr string, from, to time.Time) (model.Matrix, error) {
	client, err := api.NewClient(api.Config{Address: address})
	if err != nil {
		return nil, fmt.Errorf("making a client for %s: %w", address, err)
	}
	answer, _, _, err := v1.NewAPI(client).QueryRange(ctx, expr, v1.Range{Start: from, End: to, Step: time.Second})
	if err != nil {
		return nil, fmt.Errorf("asking Prometheus over a time: %w", err)
	}
	matrix, ok := answer.(model.Matrix)
	if !ok {
		return nil, fmt.Errorf("asking Prometheus over a time: the answer is a %s", answer.Type())
	}
	return matrix, nil
}
