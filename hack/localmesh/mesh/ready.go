package mesh

import (
	"context"
	"crypto/tls"
	"encoding/json"
	"fmt"
	"net/http"
	"net/url"
	"strings"
	"time"
)

const pollInterval = 25 * time.Millisecond

// prober asks components whether they are ready. The API server's certificate is not checked: it is on the loopback device.
var prober = &http.Client{
	Timeout:   2 * time.Second,
	Transport: &http.Transport{TLSClientConfig: &tls.Config{InsecureSkipVerify: true}, DisableKeepAlives: true},
}

// until polls fact until it is true, the component has failed, or ctx ends.
func until(ctx context.Context, what string, p *process, fact func(context.Context) bool) error {
	for {
		if fact(ctx) {
			return nil
		}
		if p != nil {
			if err := p.failure(); err != nil {
				return err
			}
		}
		select {
		case <-ctx.Done():
			return fmt.Errorf("waiting for %s: %w", what, context.Cause(ctx))
		case <-time.After(pollInterval):
		}
	}
}

// answers reports whether a GET of address is answered with 200, or with any status where wanted is 0.
func answers(address, host string, wanted int) func(context.Context) bool {
	return func(ctx context.Context) bool {
		req, err := http.NewRequestWithContext(ctx, http.MethodGet, address, nil)
		if err != nil {
			return false
		}
		req.Host = host
		resp, err := prober.Do(req)
		if err != nil {
			return false
		}
		_ = resp.Body.Close()
		return wanted == 0 || resp.StatusCode == wanted
	}
}

// scraped reports whether the Prometheus at address has scraped both proxies.
func scraped(address string) func(context.Context) bool {
	return func(ctx context.Context) bool { return bothUp(ctx, address) }
}

func bothUp(ctx context.Context, address string) bool {
	question := address + "/api/v1/query?query=" + url.QueryEscape(`count(up{job="envoy-stats"}==1)`)
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, question, nil)
	if err != nil {
		return false
	}
	resp, err := prober.Do(req)
	if err != nil {
		return false
	}
	defer resp.Body.Close()
	var answer struct {
		Data struct {
			Result []struct {
				Value [2]any `json:"value"`
			} `json:"result"`
		} `json:"data"`
	}
	if json.NewDecoder(resp.Body).Decode(&answer) != nil || len(answer.Data.Result) != 1 {
		return false
	}
	count, ok := answer.Data.Result[0].Value[1].(string)
	return ok && strings.TrimSpace(count) == "2"
}
