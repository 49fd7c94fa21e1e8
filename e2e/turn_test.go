package e2e

import (
	"context"
	"sync"
	"testing"
	"time"

	"k8s.io/apimachinery/pkg/util/wait"
)

const (
	// prompt is how long kubectl takes to read an object at most where there is room for one more story. On two cores without other
	// work it takes about 0.1 s, and seconds where there is none.
	prompt = 250 * time.Millisecond
	// calm is how many times in succession it must be so.
	calm = 4
	// turnLimit is how long a story waits for room. After it the story is told where there is none.
	turnLimit = 10 * time.Minute
)

// setUp is held by the story that is being set up: pods, their proxies and an operator all at once are more than what follows.
var setUp sync.Mutex

// turn waits until no other story is being set up and the machine has room for one more, so that as many are told at once as it can
// bear, whatever else it does. The story calls done when its pods are ready.
func turn(t *testing.T) (done func()) {
	t.Helper()
	setUp.Lock()
	in, began := 0, time.Now()
	err := wait.PollUntilContextTimeout(t.Context(), time.Second, turnLimit, true, func(ctx context.Context) (bool, error) {
		asked := time.Now()
		_, err := try(ctx, "", "get", "namespace", "default")
		if in++; err != nil || time.Since(asked) > prompt {
			in = 0
		}
		return in == calm, nil
	})
	if err != nil {
		t.Logf("told where kubectl takes more than %s: %v", prompt, err)
	}
	if waited := time.Since(began); waited > time.Minute {
		t.Logf("waited for room for %s", waited.Round(time.Second))
	}
	done = sync.OnceFunc(setUp.Unlock)
	t.Cleanup(done)
	return done
}
