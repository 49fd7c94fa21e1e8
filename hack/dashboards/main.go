// Dashboards writes the Grafana dashboards into a folder, each into a file of JSON that is named after its uid. The metrics and labels in them
// are those of pkg/metrics.
package main

import (
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
)

func main() {
	if len(os.Args) != 2 {
		fmt.Fprintln(os.Stderr, "usage: dashboards <folder>")
		os.Exit(2)
	}
	if err := write(os.Args[1]); err != nil {
		fmt.Fprintln(os.Stderr, "dashboards:", err)
		os.Exit(1)
	}
}

// boards are all dashboards, in the order in which they link to each other.
func boards() []board { return []board{fleet(), release(), evidence(), operator()} }

func write(folder string) error {
	for _, b := range boards() {
		d, err := b.build()
		if err != nil {
			return fmt.Errorf("building %s: %w", b.uid, err)
		}
		text, err := json.MarshalIndent(d, "", " ")
		if err != nil {
			return fmt.Errorf("rendering %s: %w", b.uid, err)
		}
		if err := os.WriteFile(filepath.Join(folder, b.uid+".json"), append(text, '\n'), 0o644); err != nil {
			return fmt.Errorf("writing %s: %w", b.uid, err)
		}
	}
	return nil
}
