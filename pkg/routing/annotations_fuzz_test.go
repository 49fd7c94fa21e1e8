package routing

import (
	"maps"
	"reflect"
	"strings"
	"testing"

	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"

	"github.com/stagger-dev/stagger/pkg/apis/stagger/v1alpha1"
)

// FuzzMarks writes a mark into annotations that say anything, and takes it out again: marks of others stay as they were.
func FuzzMarks(f *testing.F) {
	for _, s := range []string{"", shift + " 7", shift + " 7, other/x 9", shift + " 999999999999999999999", shift + " -1,,a/b  3", "x", " 3", "a/b 1, a/b 2", "é/é 1,\x00 2"} {
		f.Add(s, shift+" 6", int64(7), false)
		f.Add(shift+" 6", s, int64(7), true)
	}
	f.Fuzz(func(t *testing.T, releases, aborts string, number int64, aborted bool) {
		if number < 1 {
			t.Skip("releases are counted from 1")
		}
		before := map[string]string{v1alpha1.ReleaseAnnotation: releases, v1alpha1.AbortedAnnotation: aborts, "team": "payments"}
		others := func(annotations map[string]string) map[string]map[string]int64 {
			all := map[string]map[string]int64{}
			for _, key := range []string{v1alpha1.ReleaseAnnotation, v1alpha1.AbortedAnnotation} {
				all[key] = parseMarks(annotations[key])
				delete(all[key], shift)
			}
			return all
		}
		after := maps.Clone(before)
		mine := Mark{Shift: shift, Number: number, Aborted: aborted}
		mine.into(after)
		vs := &unstructured.Unstructured{Object: map[string]any{}}
		vs.SetAnnotations(after)
		if got := markOf(vs, shift); got == nil || got.Number < number || aborted && got.Number == number && !got.Aborted {
			t.Errorf("%+v is read back as %+v", mine, got)
		}
		if !reflect.DeepEqual(others(before), others(after)) {
			t.Errorf("marks of others were %v, are %v", others(before), others(after))
		}
		again := maps.Clone(after)
		if mine.into(again); !maps.Equal(after, again) {
			t.Errorf("written twice it is %q, and once %q", again, after)
		}
		unmark(after, shift)
		vs.SetAnnotations(after)
		if got := markOf(vs, shift); got != nil || !reflect.DeepEqual(others(before), others(after)) || after["team"] != "payments" {
			t.Errorf("taken out, %+v is left of ours, and of others %v", got, others(after))
		}
	})
}

// FuzzNotes reads notes that say anything: what is taken is what Split may have written, and is written as it was read.
func FuzzNotes(f *testing.F) {
	for _, s := range []string{"", "{", "null", `{"shop/checkout":{"ad2b5cef":[[100,60],[-1],[-2]]}}`, `{"shop/checkout":{"a":[[0],[],null,[5,-1],[1e300]]},"other/x":{}}`, `{"a":{"b":[[2147483648]]}}`} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, text string) {
		n := readNote(map[string]string{v1alpha1.RoutesAnnotation: text})
		for _, routes := range n {
			for _, memos := range routes {
				for _, m := range memos {
					if !m.valid() {
						t.Errorf("%v is read of %q", m, text)
					}
				}
			}
		}
		annotations := map[string]string{v1alpha1.RoutesAnnotation: text}
		if err := n.into(annotations); err != nil {
			t.Fatal(err)
		}
		if again := readNote(annotations); len(again) != len(n) || len(n) > 0 && !reflect.DeepEqual(again, n) {
			t.Errorf("%q is read as %v, and what is written of it as %v", text, n, again)
		}
		if len(n) == 0 && strings.TrimSpace(annotations[v1alpha1.RoutesAnnotation]) != "" {
			t.Errorf("an empty note is written as %q", annotations[v1alpha1.RoutesAnnotation])
		}
	})
}
