package inmemory

import (
	"fmt"
	"maps"
	"reflect"
	"slices"
	"strconv"
	"strings"
	"time"

	appsv1 "k8s.io/api/apps/v1"
	batchv1 "k8s.io/api/batch/v1"
	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/apimachinery/pkg/types"

	"github.com/stagger-dev/stagger/pkg/apis/stagger/v1alpha1"
	"github.com/stagger-dev/stagger/pkg/cluster"
	"github.com/stagger-dev/stagger/pkg/routing"
)

// Store holds objects and writes them by the API server's rules. The zero value is empty and ready.
//
// Objects that it returns are shared and never changed: each write makes a new one.
type Store struct {
	// Now is the time of the next writes.
	Now time.Time
	// Admit is asked about every write by others than the controllers, in order. It may change Request.Object, or refuse by an error.
	Admit []func(*Request) error

	objects map[ref]cluster.Object
	version int64
}

// Request is a write that waits for admission.
type Request struct {
	// Old is the object as it is; nil for one that is created. Object is what it is to be; nil for one that is deleted.
	Old, Object cluster.Object
	// Manager is the field manager: who writes.
	Manager string
}

// ref names an object.
type ref struct{ kind, namespace, name string }

func refOf(o cluster.Object) ref { return ref{kindOf(o), o.GetNamespace(), o.GetName()} }

// kindOf is the kind of an object, which objects of the client libraries' types do not carry.
func kindOf(o cluster.Object) string {
	if u, ok := o.(*unstructured.Unstructured); ok {
		return u.GetKind()
	}
	return reflect.TypeOf(o).Elem().Name()
}

func resource(o cluster.Object) schema.GroupResource {
	return schema.GroupResource{Resource: strings.ToLower(kindOf(o)) + "s"}
}

// Version counts the writes that changed something.
func (s *Store) Version() int64 { return s.version }

// Find is the object of a type and name; its zero value when it is not there.
func Find[T cluster.Object](s *Store, namespace, name string) T {
	var none T
	found, _ := s.objects[ref{reflect.TypeOf(none).Elem().Name(), namespace, name}].(T)
	return found
}

// FindKind is the object of a kind that has no type here; nil when it is not there.
func (s *Store) FindKind(kind, namespace, name string) *unstructured.Unstructured {
	found, _ := s.objects[ref{kind, namespace, name}].(*unstructured.Unstructured)
	return found
}

// List returns the objects of a type, by namespace and name.
func List[T cluster.Object](s *Store) []T {
	var none T
	return listed[T](s, reflect.TypeOf(none).Elem().Name())
}

// ListKind returns the objects of a kind that has no type here, by namespace and name.
func (s *Store) ListKind(kind string) []*unstructured.Unstructured {
	return listed[*unstructured.Unstructured](s, kind)
}

func listed[T cluster.Object](s *Store, kind string) []T {
	var all []T
	for r, o := range s.objects {
		if r.kind != kind {
			continue
		}
		if typed, ok := o.(T); ok {
			all = append(all, typed)
		}
	}
	slices.SortFunc(all, func(a, b T) int {
		return strings.Compare(a.GetNamespace()+"/"+a.GetName(), b.GetNamespace()+"/"+b.GetName())
	})
	return all
}

// Put stores an object as it is, without admission; it is how a controller writes, and how a test sets up what is there.
func (s *Store) Put(o cluster.Object) {
	if s.objects == nil {
		s.objects = map[ref]cluster.Object{}
	}
	s.version++
	o.SetResourceVersion(strconv.FormatInt(s.version, 10))
	if o.GetUID() == "" {
		o.SetUID(types.UID(fmt.Sprintf("uid-%d", s.version)))
	}
	if created := o.GetCreationTimestamp(); created.IsZero() {
		o.SetCreationTimestamp(metav1.NewTime(s.Now.Truncate(time.Second)))
	}
	if o.GetGeneration() == 0 {
		o.SetGeneration(1)
	}
	s.objects[refOf(o)] = o
}

// Remove takes an object away at once, whatever its finalizers say; one that is nil, or not there, is none.
func (s *Store) Remove(o cluster.Object) {
	if reflect.ValueOf(o).IsNil() {
		return
	}
	if _, found := s.objects[refOf(o)]; found {
		s.version++
		delete(s.objects, refOf(o))
	}
}

// Create makes an object, and fills in what the API server adds. It errors with AlreadyExists, or with what admission says.
func (s *Store) Create(o cluster.Object, manager string) error {
	if _, found := s.objects[refOf(o)]; found {
		return apierrors.NewAlreadyExists(resource(o), o.GetName())
	}
	made, err := copied(o)
	if err != nil {
		return err
	}
	setDefaults(made)
	if err := s.admit(&Request{Object: made, Manager: manager}); err != nil {
		return err
	}
	s.note(nil, made, manager)
	s.Put(made)
	return assign(o, made)
}

// Delete deletes the object that was read: the one with that UID and, where exact, that version. One with finalizers stays and is marked.
func (s *Store) Delete(o cluster.Object, exact bool, manager string) error {
	old, found := s.objects[refOf(o)]
	switch {
	case !found:
		return apierrors.NewNotFound(resource(o), o.GetName())
	case o.GetUID() != "" && old.GetUID() != o.GetUID():
		return apierrors.NewConflict(resource(o), o.GetName(), fmt.Errorf("the UID in the precondition (%s) does not match the UID in record (%s)", o.GetUID(), old.GetUID()))
	case exact && old.GetResourceVersion() != o.GetResourceVersion():
		return apierrors.NewConflict(resource(o), o.GetName(), fmt.Errorf("the ResourceVersion in the precondition (%s) does not match that in record (%s)",
			o.GetResourceVersion(), old.GetResourceVersion()))
	}
	if err := s.admit(&Request{Old: old, Manager: manager}); err != nil {
		return err
	}
	if len(old.GetFinalizers()) == 0 {
		s.Remove(old)
		return nil
	}
	if old.GetDeletionTimestamp() == nil {
		going, err := copied(old)
		if err != nil {
			return err
		}
		now := metav1.NewTime(s.Now.Truncate(time.Second))
		going.SetDeletionTimestamp(&now)
		s.Put(going)
	}
	return nil
}

// Get fills the object with what is stored under its kind, namespace and name.
func (s *Store) Get(o cluster.Object) error {
	found, ok := s.objects[refOf(o)]
	if !ok {
		return apierrors.NewNotFound(resource(o), o.GetName())
	}
	return assign(o, found)
}

// assign makes an object the same as another, which may be of another Go type.
func assign(o, from cluster.Object) error {
	u, loose := o.(*unstructured.Unstructured)
	if _, same := from.(*unstructured.Unstructured); loose && !same {
		content, err := runtime.DefaultUnstructuredConverter.ToUnstructured(from)
		if err != nil {
			return fmt.Errorf("converting %s: %w", from.GetName(), err)
		}
		kind := u.GroupVersionKind()
		u.Object = content
		u.SetGroupVersionKind(kind)
		return nil
	}
	c, err := copied(from)
	if err != nil {
		return err
	}
	reflect.ValueOf(o).Elem().Set(reflect.ValueOf(c).Elem())
	return nil
}

func copied(o cluster.Object) (cluster.Object, error) {
	c, ok := o.DeepCopyObject().(cluster.Object)
	if !ok {
		return nil, fmt.Errorf("copying %s: %T is no object", o.GetName(), o)
	}
	return c, nil
}

func (s *Store) admit(r *Request) error {
	for _, ask := range s.Admit {
		if err := ask(r); err != nil {
			return err
		}
	}
	return nil
}

// setDefaults fills in what the API server does where nothing is given, as far as anybody here looks at it.
func setDefaults(o cluster.Object) {
	one := int32(1)
	switch o := o.(type) {
	case *corev1.Service:
		if o.Spec.Type == "" {
			o.Spec.Type = corev1.ServiceTypeClusterIP
		}
	case *appsv1.Deployment:
		if o.Spec.Replicas == nil {
			o.Spec.Replicas = &one
		}
		if o.Spec.Strategy.Type == "" {
			o.Spec.Strategy.Type = appsv1.RollingUpdateDeploymentStrategyType
		}
	case *appsv1.ReplicaSet:
		if o.Spec.Replicas == nil {
			o.Spec.Replicas = &one
		}
	}
}

// Objects are those that a pass over a TrafficShift reads, and all others of the cluster beside them; false when there is no such
// TrafficShift. How the Deployment is held is for the caller to say.
func (s *Store) Objects(namespace, name string) (cluster.Objects, bool) {
	shift := Find[*v1alpha1.TrafficShift](s, namespace, name)
	if shift == nil {
		return cluster.Objects{}, false
	}
	o := cluster.Objects{
		Shift: shift, Policy: Find[*v1alpha1.ShiftPolicy](s, "", shift.Spec.PolicyRef.Name), Namespace: Find[*corev1.Namespace](s, "", namespace),
		Deployments: List[*appsv1.Deployment](s), ReplicaSets: List[*appsv1.ReplicaSet](s), Pods: List[*corev1.Pod](s),
		CronJobs: List[*batchv1.CronJob](s), Jobs: List[*batchv1.Job](s),
		Claims: List[*corev1.PersistentVolumeClaim](s),
		Routes: s.ListKind("VirtualService"), Rules: s.ListKind("DestinationRule"),
	}
	for _, p := range List[*v1alpha1.ShiftPolicy](s) {
		o.PolicyNames = append(o.PolicyNames, p.Name)
	}
	for _, other := range List[*v1alpha1.TrafficShift](s) {
		if other.Namespace == namespace && other.Name != name {
			o.Rivals = append(o.Rivals, cluster.Rival{Shift: other, Service: Find[*corev1.Service](s, namespace, other.Spec.Service.Name)})
		}
	}
	target := cluster.TargetOf(shift, "")
	for _, svc := range List[*corev1.Service](s) {
		switch {
		case svc.Namespace != namespace:
		case svc.Name == shift.Spec.Service.Name:
			o.Service = svc
		case svc.Name == target.Canary:
			o.CanaryService = svc
		case svc.Name == routing.PreviewName(shift.Spec.Service.Name) && shift.Spec.Service.Name != "":
			o.PreviewService = svc
		default:
			o.Siblings = append(o.Siblings, svc)
		}
	}
	return o, true
}

// Clone is a Store with the same objects, which are written apart from now on.
func (s *Store) Clone() *Store {
	return &Store{Now: s.Now, Admit: slices.Clone(s.Admit), objects: maps.Clone(s.objects), version: s.version}
}
