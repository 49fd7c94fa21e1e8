package evidence

import (
	"context"
	"fmt"
	"testing"
	"time"

	"k8s.io/apimachinery/pkg/types"
	testclock "k8s.io/utils/clock/testing"

	"github.com/stagger-dev/stagger/pkg/counting"
)

// BenchmarkSlice is one slice of all running releases, from the questions to the events; the ledger answers at once.
func BenchmarkSlice(b *testing.B) {
	for _, releases := range []int{10, 500, 5000} {
		b.Run(fmt.Sprint(releases), func(b *testing.B) {
			p, clock := newLedger(), testclock.NewFakeClock(noon)
			l, err := New(Settings{Sources: []Source{ledgerOf(p)}, Clock: clock})
			if err != nil {
				b.Fatal(err)
			}
			keys := make([]types.NamespacedName, releases)
			for i := range releases {
				key, one := named(i)
				keys[i] = key
				arm := one.Stable
				for _, s := range []counting.Service{arm, arm.Canary()} {
					p.observe(s, noon.Add(-time.Hour), "200", 1)
				}
				l.Follow(key, following(one, step(1, 0.05, noon)))
			}
			ctx, stop := context.WithCancel(b.Context())
			defer stop()
			go func() {
				for {
					select {
					case <-l.Events():
					case <-ctx.Done():
						return
					}
				}
			}()
			s := l.sources[DefaultSource]
			clock.SetTime(s.tick(ctx))
			b.ReportAllocs()
			for b.Loop() {
				clock.SetTime(s.tick(ctx))
			}
			b.StopTimer()
			if r, _ := l.Reading(keys[0], 7, next); !r.Fresh {
				b.Fatalf("%s: %s", r.Reason, r.Message)
			}
			b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(b.N*releases), "ns/release")
		})
	}
}

// BenchmarkReading is what every pass of a shift asks for.
func BenchmarkReading(b *testing.B) {
	p := newLedger()
	l, err := New(Settings{Sources: []Source{ledgerOf(p)}})
	if err != nil {
		b.Fatal(err)
	}
	l.Follow(shop, following(target(), Weight{}))
	b.ReportAllocs()
	for b.Loop() {
		if _, ok := l.Reading(shop, 7, next); !ok {
			b.Fatal("not tracked")
		}
	}
}
