package urgent

import (
	"fmt"
	"testing"
)

// BenchmarkNext takes a second: a quiet one, one with a few bad requests, and one of an episode. The last two may cost some times the
// first.
func BenchmarkNext(b *testing.B) {
	for _, groups := range []int{1, 4, 16} {
		for _, kind := range []struct {
			name string
			bad  float64
		}{{"quiet", 0}, {"some", 1}, {"episode", 100}} {
			b.Run(fmt.Sprintf("%s/%d", kind.name, groups), func(b *testing.B) {
				var counts []float64
				for range groups {
					counts = append(counts, 100, kind.bad)
				}
				s := of(append(counts, 1000, 0)...)
				l := New(Config{})
				b.ReportAllocs()
				for b.Loop() {
					l.Next(s)
				}
			})
		}
	}
}
