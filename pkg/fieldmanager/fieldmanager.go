// Package fieldmanager reads in an object's managed fields who wrote a field of it.
package fieldmanager

import (
	"encoding/json"
	"time"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
)

// LastWriter returns the entry of the field manager that wrote a field last, but for one manager whose writes do not count; nil where the API
// server tells of none. The path are the names that lead to the field, such as spec, selector. Of entries without a time, and of those of the
// same second, the first is taken. The entry is one of all and must not be changed.
func LastWriter(all []metav1.ManagedFieldsEntry, except string, path ...string) *metav1.ManagedFieldsEntry {
	var last *metav1.ManagedFieldsEntry
	for i := range all {
		e := &all[i]
		if e.Subresource != "" || except != "" && e.Manager == except || !owns(e, path) {
			continue
		}
		if last == nil || Written(last).Before(Written(e)) {
			last = e
		}
	}
	return last
}

// Written is when an entry was written; the zero time where it does not say, and where there is none.
func Written(e *metav1.ManagedFieldsEntry) time.Time {
	if e == nil || e.Time == nil {
		return time.Time{}
	}
	return e.Time.Time
}

// owns says whether a field is among those of an entry, which the API server keeps as {"f:spec":{"f:selector":{}}}.
func owns(e *metav1.ManagedFieldsEntry, path []string) bool {
	var fields map[string]json.RawMessage
	if e.FieldsV1 == nil || json.Unmarshal(e.FieldsV1.GetRawBytes(), &fields) != nil {
		return false
	}
	for i, name := range path {
		below, there := fields["f:"+name]
		if !there {
			return false
		}
		fields = nil
		if i+1 < len(path) && json.Unmarshal(below, &fields) != nil {
			return false
		}
	}
	return true
}
