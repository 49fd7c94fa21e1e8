package workload

import (
	"cmp"
	"maps"
	"slices"
	"strings"
)

// most is how many pairs of a selector are in its key: two nearly always tell Services apart, and labels have few pairs of pairs.
const most = 2

// untelling is the key of a selector that has incidental labels only.
const untelling = "*"

// incidental reports whether a label is put on pods by a controller or a proxy injector: hardly anyone selects by it, so keys leave it out.
func incidental(label string) bool {
	switch label {
	case HashLabel, "controller-revision-hash", "security.istio.io/tlsMode", "service.istio.io/canonical-name", "service.istio.io/canonical-revision":
		return true
	}
	return false
}

// Pairs are the labels as "key=value", sorted.
func Pairs(labels map[string]string) []string {
	out := make([]string, 0, len(labels))
	for k, v := range labels {
		out = append(out, k+"="+v)
	}
	slices.Sort(out)
	return out
}

// Telling are the pairs of a selector by which objects are best looked up, the most telling first: long values are shared by few.
func Telling(selector map[string]string) []string {
	pairs := telling(selector)
	slices.SortFunc(pairs, func(a, b string) int {
		return cmp.Or(cmp.Compare(valueLength(b), valueLength(a)), strings.Compare(a, b))
	})
	return pairs
}

// SelectorKey is one string by which a selector can be looked up: it is among the LookupKeys of all labels that the selector matches.
// False for a selector that selects nothing.
func SelectorKey(selector map[string]string) (string, bool) {
	if !selects(selector) {
		return "", false
	}
	pairs := Telling(selector)
	if len(pairs) == 0 {
		return untelling, true
	}
	pairs = pairs[:min(most, len(pairs))]
	slices.Sort(pairs)
	return strings.Join(pairs, ","), true
}

// LookupKeys are the SelectorKeys of every selector that may match the labels. Not every selector with such a key does.
func LookupKeys(labels map[string]string) []string {
	pairs := telling(labels)
	out := make([]string, 0, 1+len(pairs)*(len(pairs)+1)/2)
	out = append(out, untelling)
	for i, p := range pairs {
		out = append(out, p)
		for _, q := range pairs[i+1:] {
			out = append(out, p+","+q)
		}
	}
	return out
}

func telling(labels map[string]string) []string {
	kept := maps.Clone(labels)
	maps.DeleteFunc(kept, func(k, _ string) bool { return incidental(k) })
	return Pairs(kept)
}

func valueLength(pair string) int {
	_, value, _ := strings.Cut(pair, "=")
	return len(value)
}

// Matches reports whether a selector selects pods with these labels, the pod-template-hash left aside: a Service whose selector a release
// has narrowed still selects them in the sense of its user.
func Matches(selector, labels map[string]string) bool {
	for k, v := range selector {
		if got, found := labels[k]; k != HashLabel && (!found || got != v) {
			return false
		}
	}
	return selects(selector)
}

// selects reports whether a selector selects anything, the pod-template-hash left aside.
func selects(selector map[string]string) bool {
	_, narrow := selector[HashLabel]
	return len(selector) > 1 || len(selector) == 1 && !narrow
}
