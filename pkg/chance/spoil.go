package chance

import (
	"encoding/json"
	"maps"
	"slices"
)

// Hostile are texts that no program should stumble over: those that steer terminals, that are cut in the middle, and that look like something else.
func Hostile() []string {
	return []string{"", "\x1b[2J\u202e\x00a", "\n", "@", "@sha256:é\x1b]0;x\aéééééééééééééé", "NaN", "-Inf", "1e999", "9%%", "-1%", "100%", "x", "\ufffd", "0001-01-02T00:00:00Z",
		"9999-12-31T23:59:59Z", "9223372036854775807", "-9223372036854775808", "|`*_[]<script>", "u1 0 0", "5m", "-5m", "a/b/c 1, d 2"}
}

// Numbers are whole numbers at the edges of their types.
func Numbers() []json.Number {
	return []json.Number{"0", "-1", "1", "2147483647", "-2147483648", "9223372036854775807", "-9223372036854775808", "1000001"}
}

// place is one of a JSON value: what is there, and how it is put elsewhere.
type place struct {
	value any
	put   func(any)
}

// Spoil changes one to four places of a JSON value, as encoding/json decodes it to any, and returns it: texts become others, numbers too, lists
// and objects are emptied or lists doubled, and what is true becomes false. What it decoded to before it still decodes to, unless a number or
// text has a type of its own.
func (d *Dice) Spoil(value any, texts []string) any {
	root := []any{value}
	for range 1 + d.N(4) {
		all := places(root, nil)
		at := all[(d.N(256)*256+d.N(256))%len(all)]
		switch old := at.value.(type) {
		case string:
			at.put(Pick(d, texts...))
		case float64, json.Number:
			at.put(Pick(d, Numbers()...))
		case bool:
			at.put(!old)
		case []any:
			at.put(Pick(d, []any{}, slices.Concat(old, old)))
		case map[string]any:
			at.put(map[string]any{})
		}
	}
	return root[0]
}

// places are those of a value and of all that is in it, always in the same order.
func places(value any, all []place) []place {
	switch v := value.(type) {
	case []any:
		for i, e := range v {
			all = places(e, append(all, place{e, func(to any) { v[i] = to }}))
		}
	case map[string]any:
		for _, key := range slices.Sorted(maps.Keys(v)) {
			all = places(v[key], append(all, place{v[key], func(to any) { v[key] = to }}))
		}
	}
	return all
}
