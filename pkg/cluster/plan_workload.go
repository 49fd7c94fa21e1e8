package cluster

import (
	"fmt"

	appsv1 "k8s.io/api/apps/v1"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"

	"github.com/stagger-dev/stagger/pkg/patch"
	"github.com/stagger-dev/stagger/pkg/release"
	"github.com/stagger-dev/stagger/pkg/workload"
)

func (v *View) planDeployment(a release.Action) []Write {
	d, running := v.Deployment, v.serving()
	if d == nil {
		return nil // gone: nothing is left to hold or to let go
	}
	switch a.Verb {
	case release.Hold:
		return patching(d, joined(workload.Hold(d, running), workload.Explained(d)), nil)
	case release.Pause:
		return patching(d, workload.Pause(d), nil)
	case release.Unhold:
		return patching(d, joined(workload.Unhold(d, running), workload.Explain(d, running, v.Facts.Refused)), nil)
	case release.ForgetAuthor:
		return patching(d, workload.ForgetAuthor(d), nil)
	case release.PutBack:
		return v.putBack()
	}
	p, err := workload.Unpause(d, running)
	return patching(d, p, err)
}

// joined is a patch with more beside it; nil when there is no patch to be beside of.
func joined(p, beside patch.Patch) patch.Patch {
	if len(p) == 0 {
		return nil
	}
	return append(p, beside...)
}

// putBack gives the Deployment the template that runs, which is read anew as it is: caches hold only what our types know.
func (v *View) putBack() []Write {
	if v.stable == nil {
		return []Write{{Err: fmt.Errorf("putting the template back that runs: its ReplicaSet: %w", errGone)}}
	}
	running := &unstructured.Unstructured{}
	running.SetGroupVersionKind(appsv1.SchemeGroupVersion.WithKind("ReplicaSet"))
	running.SetNamespace(v.stable.Namespace)
	running.SetName(v.stable.Name)
	return []Write{{Kind: Patch, Object: v.Deployment, Fresh: []Object{running}, Finish: func(w *Write) (err error) {
		w.Patch, err = workload.PutBack(v.Deployment, running)
		return err
	}}}
}

// serving is the ReplicaSet whose pods serve: the canary's once it was handed over, the stable one before.
func (v *View) serving() *appsv1.ReplicaSet {
	if v.Facts.Workload.HandedOver {
		return v.Canary
	}
	return v.stable
}

func (v *View) planService(a release.Action) []Write {
	switch a.Verb {
	case release.RemoveService:
		return removing(v.canaryService, false)
	case release.AbortService:
		if v.canaryService == nil {
			return nil
		}
		return patching(v.canaryService, workload.Abort(v.canaryService, a.Hash, v.mark.Number), nil)
	case release.MakeService:
		if v.Service == nil {
			return []Write{{Err: fmt.Errorf("making the canary's Service: Service %s: %w", v.Shift.Spec.Service.Name, errGone)}}
		}
		v.canaryService = workload.CanaryService(v.Service, v.target.Canary, v.Facts.Release.Revision, v.mark, Hashes(v.Shift)...)
		return []Write{{Kind: Create, Object: v.canaryService}}
	}
	if v.Service == nil {
		return nil // gone: nothing is left to narrow or to widen
	}
	if a.Verb == release.Widen {
		return patching(v.Service, workload.Widen(v.Service, Hashes(v.Shift)...), nil)
	}
	if from := v.Facts.Service.Narrowed; from != "" && from != a.Hash {
		p, err := workload.MoveNarrowing(v.Service, from, a.Hash)
		return patching(v.Service, p, err)
	}
	p, err := workload.Narrow(v.Service, a.Hash, Hashes(v.Shift)...)
	return patching(v.Service, p, err)
}

func (v *View) planSet(a release.Action) []Write {
	switch a.Verb {
	case release.MakeSet:
		return v.makeSet(a.Replicas)
	case release.RemoveTwin:
		return removing(v.twin, true)
	case release.RemoveSet:
		return removing(v.Canary, true)
	case release.ScaleStable:
		return scaling(v.stable, a.Replicas)
	case release.ScaleRogue:
		return scaling(v.rogue, a.Replicas)
	case release.ScaleSet:
		return scaling(v.Canary, a.Replicas)
	}
	return v.giveSet()
}

func scaling(rs *appsv1.ReplicaSet, replicas int32) []Write {
	if rs == nil {
		return nil
	}
	return patching(rs, workload.Scale(rs, replicas), nil)
}

// removing deletes an object, where it is there.
func removing[T interface {
	*S
	Object
}, S any](o T, exact bool) []Write {
	if o == nil {
		return nil
	}
	return []Write{{Kind: Delete, Object: o, ExactVersion: exact}}
}

// makeSet makes the release's ReplicaSet, which the canary's Service owns: where that one is made right before, it has no UID yet.
func (v *View) makeSet(replicas int32) []Write {
	if v.canaryService == nil || v.Deployment == nil {
		return []Write{{Err: fmt.Errorf("making the canary's ReplicaSet: the canary's Service or the Deployment: %w", errGone)}}
	}
	rs := workload.ReleaseSet(v.Deployment, v.Facts.Release.Revision, v.mark, v.canaryService, replicas)
	if clash := workload.Clash(rs, v.sets); clash != nil {
		return []Write{{Kind: Create, Object: rs, Err: clash}}
	}
	owner := v.canaryService
	return []Write{{Kind: Create, Object: rs, Finish: func(*Write) error {
		rs.OwnerReferences = []metav1.OwnerReference{*metav1.NewControllerRef(owner, corev1.SchemeGroupVersion.WithKind("Service"))}
		return nil
	}}}
}

// giveSet hands the release's ReplicaSet over, after one more look at the Deployment and the ReplicaSet.
func (v *View) giveSet() []Write {
	if v.Deployment == nil || v.Canary == nil {
		return []Write{{Err: fmt.Errorf("handing the canary's ReplicaSet over: it or the Deployment: %w", errGone)}}
	}
	d, rs := &appsv1.Deployment{}, &appsv1.ReplicaSet{}
	d.Namespace, d.Name = v.Deployment.Namespace, v.Deployment.Name
	rs.Namespace, rs.Name = v.Canary.Namespace, v.Canary.Name
	return []Write{{Kind: Patch, Object: v.Canary, Fresh: []Object{d, rs}, Finish: func(w *Write) (err error) {
		w.Patch, err = workload.Handover(rs, d)
		return err
	}}}
}
