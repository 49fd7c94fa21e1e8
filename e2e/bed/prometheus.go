package bed

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
)

// Series is one series of an instant answer.
type Series struct {
	Metric map[string]string `json:"metric"`
	Value  [2]any            `json:"value"` // The time in seconds, and the number as text.
}

// Ask has the Prometheus at address answer an expression as of now.
func Ask(ctx context.Context, address, expr string) ([]Series, error) {
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, address+"/api/v1/query?query="+url.QueryEscape(expr), nil)
	if err != nil {
		return nil, fmt.Errorf("asking Prometheus: %w", err)
	}
	response, err := http.DefaultClient.Do(request)
	if err != nil {
		return nil, fmt.Errorf("asking Prometheus: %w", err)
	}
	body, err := io.ReadAll(response.Body)
	if err := errors.Join(err, response.Body.Close()); err != nil {
		return nil, fmt.Errorf("reading the answer of Prometheus: %w", err)
	}
	var answer struct {
		Error string `json:"error"`
		Data  struct {
			Result []Series `json:"result"`
		} `json:"data"`
	}
	if err := json.Unmarshal(body, &answer); err != nil {
		return nil, fmt.Errorf("asking Prometheus: %s: %w", response.Status, err)
	}
	if response.StatusCode != http.StatusOK {
		return nil, fmt.Errorf("asking Prometheus: %s: %s", response.Status, answer.Error)
	}
	return answer.Data.Result, nil
}
