package main

import (
	"encoding/json"
	"os"
	"path/filepath"
	"slices"
	"testing"
)

func readJSON(t *testing.T, file string, into any) {
	t.Helper()
	text, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	if err := json.Unmarshal(text, into); err != nil {
		t.Fatalf("reading %s: %v", file, err)
	}
}

// A panel that is drawn otherwise than the rest is chosen by its title, and a unit by its name: what is called otherwise on the board would
// be missed in the picture, and nobody told.
func TestWhatIsDrawnOtherwiseIsOnTheBoards(t *testing.T) {
	var chosen struct {
		WhatHappened, LegendOnTheRight []string
		Units                          map[string]any
	}
	readJSON(t, "panels.json", &chosen)
	files, err := filepath.Glob("../../manifests/monitoring/dashboards/*.json")
	if err != nil || len(files) != len(boards) {
		t.Fatalf("%d boards in manifests/monitoring/dashboards, want %d: %v", len(files), len(boards), err)
	}
	var titles []string
	for _, file := range files {
		var board struct {
			Panels []struct {
				Title, Type string
				FieldConfig struct{ Defaults struct{ Unit string } }
			}
		}
		readJSON(t, file, &board)
		for _, p := range board.Panels {
			titles = append(titles, p.Title)
			if unit := p.FieldConfig.Defaults.Unit; p.Type != "row" && chosen.Units[unit] == nil {
				t.Errorf("%s: %q has the unit %q, which panels.json has not: say there what it is in Perses", filepath.Base(file), p.Title, unit)
			}
		}
	}
	for _, title := range slices.Concat(chosen.WhatHappened, chosen.LegendOnTheRight) {
		if !slices.Contains(titles, title) {
			t.Errorf("panels.json names %q, and no board has a panel of that title: name it as the board does, or take it out", title)
		}
	}
	if len(chosen.WhatHappened) == 0 || len(chosen.LegendOnTheRight) == 0 {
		t.Error("panels.json chooses no panel")
	}
}
