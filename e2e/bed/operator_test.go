package bed

import (
	"testing"

	"github.com/google/go-cmp/cmp"
	"sigs.k8s.io/yaml"
)

func TestSettingsAreLaidOverTheBasics(t *testing.T) {
	text, err := configuration([]string{"evidence.slice=2s", "sources=[{name: default, address: \"http://prometheus\"}]", "new.name=1"})
	if err != nil {
		t.Fatal(err)
	}
	var got map[string]any
	if err := yaml.Unmarshal(text, &got); err != nil {
		t.Fatal(err)
	}
	want := map[string]any{
		"evidence": map[string]any{"slice": "2s", "fastTick": "5s", "slowTick": "20s", "scrapeInterval": "1s"},
		"sources":  []any{map[string]any{"name": "default", "address": "http://prometheus"}},
		"new":      map[string]any{"name": 1.0},
	}
	for name, value := range want {
		if diff := cmp.Diff(value, got[name]); diff != "" {
			t.Errorf("%s (-want +got):\n%s", name, diff)
		}
	}
	if got["pushBound"] != "2s" {
		t.Errorf("the pushBound of the basics is now %v", got["pushBound"])
	}
}

func TestASettingThatCannotBeReadIsNamed(t *testing.T) {
	for _, setting := range []string{"evidence.slice", "evidence.slice=[", "=: {"} {
		if _, err := configuration([]string{setting}); err == nil {
			t.Errorf("setting %q is taken", setting)
		}
	}
}
