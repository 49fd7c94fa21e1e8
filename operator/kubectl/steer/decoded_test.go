package steer_test

import (
	"encoding/json"
	"testing"
)

func decodedAll(t *testing.T, texts []string) []any {
	t.Helper()
	var all []any
	for _, text := range texts {
		all = append(all, decoded(t, text))
	}
	return all
}

func decoded(t *testing.T, text string) (v any) {
	t.Helper()
	if err := json.Unmarshal([]byte(text), &v); err != nil {
		t.Fatalf("%s is no JSON: %v", text, err)
	}
	return v
}
