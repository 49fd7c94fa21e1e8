package agent

import (
	"context"
	"fmt"
	"io"
	"net/http"
	"strings"
)

// told is how much of an answer is told, in bytes.
const told = 1 << 10

// request is the whole life of a container that asks once. It succeeds by an answer below 400, and tells how that begins. It waits for
// an answer until ctx ends.
func (a *app) request(ctx context.Context) exit {
	answer, err := a.answer(ctx)
	switch {
	case ctx.Err() != nil:
		return exit{code: terminated, reason: reasonOf(terminated)}
	case err != nil:
		return exit{code: a.b.ExitCode, reason: reasonOf(a.b.ExitCode), text: err.Error()}
	default:
		return exit{code: 0, reason: reasonOf(0), text: answer}
	}
}

// answer is what was answered. An answer of 400 or more is an error.
func (a *app) answer(ctx context.Context) (string, error) {
	r, err := http.NewRequestWithContext(ctx, http.MethodGet, a.b.Request, nil)
	if err != nil {
		return "", fmt.Errorf("asking: %w", err)
	}
	r.Header = a.b.Header.Clone()
	r.Host = a.b.Host
	resp, err := probing.Do(r)
	if err != nil {
		return "", fmt.Errorf("asking: %w", err)
	}
	defer resp.Body.Close()
	begin, err := io.ReadAll(io.LimitReader(resp.Body, told))
	if err != nil {
		return "", fmt.Errorf("reading the answer: %w", err)
	}
	if _, err := io.Copy(io.Discard, resp.Body); err != nil {
		return "", fmt.Errorf("reading the answer: %w", err)
	}
	text := resp.Status + ": " + strings.TrimSpace(string(begin))
	if resp.StatusCode >= http.StatusBadRequest {
		return "", fmt.Errorf("answered %s", text)
	}
	return text, nil
}
