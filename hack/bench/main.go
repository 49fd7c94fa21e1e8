// Command bench makes the tables of BENCHMARKS.md: what Stagger's decisions are worth, beside the rules that others use, on the
// same simulated traffic. The same number of runs gives the same tables, byte for byte.
package main

import (
	"flag"
	"fmt"
	"io"
	"os"
	"runtime"
	"strings"
	"sync"

	"github.com/stagger-dev/stagger/pkg/simulate"
)

func main() {
	runs := flag.Int("runs", 2000, "how many releases are run for a cell; for some tables fewer are, and they say so")
	only := flag.String("only", "", "one table: false-aborts, delays, releases, engine or seconds")
	flag.Parse()
	tables := []struct {
		name string
		make func(io.Writer, int) error
	}{{"false-aborts", falseAborts}, {"delays", delays}, {"releases", releases}, {"engine", engineFalseAborts}, {"seconds", seconds}}
	for _, t := range tables {
		if *only != "" && *only != t.name {
			continue
		}
		if err := t.make(os.Stdout, *runs); err != nil {
			fmt.Fprintln(os.Stderr, "bench:", err)
			os.Exit(1)
		}
	}
}

// side runs n things side by side, each with its own seed.
func side(n int, do func(seed uint64)) {
	var wg sync.WaitGroup
	next := make(chan uint64)
	for range runtime.GOMAXPROCS(0) {
		wg.Go(func() {
			for seed := range next {
				do(seed)
			}
		})
	}
	for i := range n {
		next <- uint64(i + 1)
	}
	close(next)
	wg.Wait()
}

// table writes a table row by row, and says on stderr how far it is.
type table struct {
	out    io.Writer
	title  string
	row, n int
}

func newTable(out io.Writer, n int, title, note string, columns ...string) *table {
	fmt.Fprintf(out, "\n## %s\n\n%s\n\n", title, note)
	fmt.Fprintln(out, "| "+strings.Join(columns, " | ")+" |")
	fmt.Fprintln(out, "|"+strings.Repeat("---|", len(columns)))
	return &table{out: out, title: title, n: n}
}

func (t *table) add(cells ...string) {
	t.row++
	fmt.Fprintln(t.out, "| "+strings.Join(cells, " | ")+" |")
	fmt.Fprintf(os.Stderr, "%s: %d of %d\n", t.title, t.row, t.n)
}

// named says what traffic is.
func named(t simulate.Traffic, weight float64) string {
	text := fmt.Sprintf("%g requests/s, weight %g%%, stable %g%%", t.Rate, weight*100, t.Stable[0]*100)
	if t.Burst > 1 {
		text += fmt.Sprintf(", bursts of %g", t.Burst)
	}
	if t.Outages.Every > 0 {
		text += ", outages"
	}
	return text
}
