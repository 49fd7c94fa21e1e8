package inmemory

import (
	"encoding/json"
	"fmt"
	"reflect"
	"time"

	jsonpatch "github.com/evanphx/json-patch/v5"
	"k8s.io/apimachinery/pkg/api/equality"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/runtime/schema"

	"github.com/stagger-dev/stagger/pkg/apis/stagger/v1alpha1"
	"github.com/stagger-dev/stagger/pkg/cluster"
	"github.com/stagger-dev/stagger/pkg/patch"
)

// unprocessable is the status code of a JSON patch that does not fit the object.
const unprocessable = 422

// Patch applies a JSON patch whole or not at all. It errors with NotFound; with Conflict for a version or UID that is not the object's; with
// 422 where an operation does not fit, as a failing test; or with what admission says. Status and generation are not the writer's.
func (s *Store) Patch(o cluster.Object, p patch.Patch, manager string) error {
	old, found := s.objects[refOf(o)]
	if !found {
		return apierrors.NewNotFound(resource(o), o.GetName())
	}
	patched, err := apply(old, p)
	if err != nil {
		return err
	}
	if patched.GetResourceVersion() != old.GetResourceVersion() {
		return apierrors.NewConflict(resource(o), o.GetName(), fmt.Errorf("the object has been modified; please apply your changes to the latest version and try again"))
	}
	if err := s.admit(&Request{Old: old, Object: patched, Manager: manager}); err != nil {
		return err
	}
	keepStatus(old, patched)
	switch {
	case equality.Semantic.DeepEqual(old, patched):
		return nil
	case patched.GetDeletionTimestamp() != nil && len(patched.GetFinalizers()) == 0:
		s.Remove(old)
		return nil
	}
	if !equality.Semantic.DeepEqual(spec(old), spec(patched)) {
		patched.SetGeneration(old.GetGeneration() + 1)
	}
	s.note(old, patched, manager)
	s.Put(patched)
	return nil
}

// PatchStatus writes the status of a TrafficShift that was read, and returns it as it is stored. It errors with Conflict when the
// TrafficShift is another by now.
func (s *Store) PatchStatus(read *v1alpha1.TrafficShift, status v1alpha1.TrafficShiftStatus) (*v1alpha1.TrafficShift, error) {
	stored := Find[*v1alpha1.TrafficShift](s, read.Namespace, read.Name)
	switch {
	case stored == nil:
		return nil, apierrors.NewNotFound(resource(read), read.Name)
	case stored.ResourceVersion != read.ResourceVersion:
		return nil, apierrors.NewConflict(resource(read), read.Name, fmt.Errorf("the object has been modified"))
	}
	body, err := json.Marshal(status) // as it goes over the wire: times are whole seconds
	if err != nil {
		return nil, fmt.Errorf("encoding the status of %s: %w", read.Name, err)
	}
	after := stored.DeepCopy()
	after.Status = v1alpha1.TrafficShiftStatus{}
	if err := json.Unmarshal(body, &after.Status); err != nil {
		return nil, fmt.Errorf("decoding the status of %s: %w", read.Name, err)
	}
	if equality.Semantic.DeepEqual(stored.Status, after.Status) {
		return stored, nil
	}
	s.Put(after)
	return after, nil
}

// apply returns the object with the patch applied.
func apply(old cluster.Object, p patch.Patch) (cluster.Object, error) {
	before, err := json.Marshal(old)
	if err != nil {
		return nil, fmt.Errorf("encoding %s: %w", old.GetName(), err)
	}
	operations, err := json.Marshal(p)
	if err != nil {
		return nil, fmt.Errorf("encoding a patch of %s: %w", old.GetName(), err)
	}
	decoded, err := jsonpatch.DecodePatch(operations)
	if err != nil {
		return nil, apierrors.NewBadRequest(err.Error())
	}
	after, err := decoded.Apply(before)
	if err != nil {
		return nil, apierrors.NewGenericServerResponse(unprocessable, "", schema.GroupResource{}, "", err.Error(), 0, false)
	}
	patched, ok := reflect.New(reflect.TypeOf(old).Elem()).Interface().(cluster.Object)
	if !ok {
		return nil, fmt.Errorf("decoding %s: %T is no object", old.GetName(), old)
	}
	if err := json.Unmarshal(after, patched); err != nil {
		return nil, apierrors.NewBadRequest(err.Error())
	}
	return patched, nil
}

// field is a field of an object; nil when it has none of the name.
func field(o cluster.Object, name, key string) any {
	if u, ok := o.(*unstructured.Unstructured); ok {
		return u.Object[key]
	}
	f := reflect.ValueOf(o).Elem().FieldByName(name)
	if !f.IsValid() {
		return nil
	}
	return f.Interface()
}

func spec(o cluster.Object) any { return field(o, "Spec", "spec") }

// keepStatus leaves the status as it was: it is written by itself.
func keepStatus(old, patched cluster.Object) {
	if _, ok := old.(*unstructured.Unstructured); ok {
		return
	}
	if f := reflect.ValueOf(patched).Elem().FieldByName("Status"); f.IsValid() {
		f.Set(reflect.ValueOf(old).Elem().FieldByName("Status"))
	}
}

// note keeps the field managers of routes, as far as anybody looks at them: who has written which kind of route, and when.
func (s *Store) note(old, patched cluster.Object, manager string) {
	u, ok := patched.(*unstructured.Unstructured)
	if !ok || manager == "" {
		return
	}
	fields := map[string]any{}
	after, _ := u.Object["spec"].(map[string]any)
	var before map[string]any
	if was, ok := old.(*unstructured.Unstructured); ok && was != nil {
		before, _ = was.Object["spec"].(map[string]any)
	}
	for key, value := range after {
		if !equality.Semantic.DeepEqual(before[key], value) {
			fields["f:"+key] = map[string]any{}
		}
	}
	if len(fields) == 0 {
		return
	}
	raw, err := json.Marshal(map[string]any{"f:spec": fields})
	if err != nil {
		return // maps of maps can always be encoded
	}
	now := metav1.NewTime(s.Now.Truncate(time.Second))
	entry := metav1.ManagedFieldsEntry{Manager: manager, Operation: metav1.ManagedFieldsOperationUpdate, Time: &now, FieldsV1: &metav1.FieldsV1{}}
	entry.FieldsV1.SetRawBytes(raw)
	kept := []metav1.ManagedFieldsEntry{entry}
	for _, m := range u.GetManagedFields() {
		if m.Manager != manager {
			kept = append(kept, m)
		}
	}
	u.SetManagedFields(kept)
}

// Send carries out a Write as the operator does, and fills in what was answered.
func (s *Store) Send(w *cluster.Write, manager string) error {
	if w.Err != nil {
		return w.Err
	}
	for _, o := range w.Fresh {
		if err := s.Get(o); err != nil {
			return err
		}
	}
	if w.Finish != nil {
		if err := w.Finish(w); err != nil {
			return err
		}
	}
	switch w.Kind {
	case cluster.Create:
		return s.Create(w.Object, manager)
	case cluster.Delete:
		err := s.Delete(w.Object, w.ExactVersion, manager)
		if apierrors.IsNotFound(err) {
			return nil
		}
		return err
	case cluster.Patch:
		if len(w.Patch) == 0 {
			return nil
		}
		return s.Patch(w.Object, w.Patch, manager)
	}
	return fmt.Errorf("%s is not sent by itself", w)
}
