package main

import (
	"context"
	"errors"
	"os"
	"time"
)

// whileParentLives returns a context that ends with ctx or when the process that started this one has died.
func whileParentLives(ctx context.Context) context.Context {
	ctx, cancel := context.WithCancelCause(ctx)
	parent := os.Getppid()
	go func() {
		tick := time.NewTicker(250 * time.Millisecond)
		defer tick.Stop()
		for {
			select {
			case <-ctx.Done():
				return
			case <-tick.C:
				if os.Getppid() != parent {
					cancel(errors.New("the parent process has died"))
					return
				}
			}
		}
	}()
	return ctx
}
