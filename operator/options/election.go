package options

import (
	"fmt"
	"os"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/runtime"
	corev1client "k8s.io/client-go/kubernetes/typed/core/v1"
	"k8s.io/client-go/rest"
	"k8s.io/client-go/tools/record"
	"k8s.io/utils/clock"
	"sigs.k8s.io/controller-runtime/pkg/leaderelection"
	"sigs.k8s.io/controller-runtime/pkg/manager"
	"sigs.k8s.io/controller-runtime/pkg/recorder"

	"github.com/stagger-dev/stagger/operator/lease"
)

// What a connection is looked after by, in the variables of client-go: after so many seconds without a word the API server is asked for a sign of
// life, and after so many more without one the connection is given up. By its defaults, 30 and 15, a connection that went dead without a word, as by a
// load balancer's restart, swallows whatever is written for the better part of a minute.
const (
	idleVariable, idleSeconds = "HTTP2_READ_IDLE_TIMEOUT_SECONDS", "5"
	pingVariable, pingSeconds = "HTTP2_PING_TIMEOUT_SECONDS", "3"
)

// noticeDeadConnections sets the variables that nobody has set, for all connections that are made later.
func noticeDeadConnections() error {
	for name, value := range map[string]string{idleVariable: idleSeconds, pingVariable: pingSeconds} {
		if _, set := os.LookupEnv(name); set {
			continue
		}
		if err := os.Setenv(name, value); err != nil {
			return fmt.Errorf("setting %s: %w", name, err)
		}
	}
	return nil
}

// elected gives the manager a lock whose renewals are noted, and returns the Lease that says for how long it is held; nil without leader election.
func (o Options) elected(c *rest.Config, settings *manager.Options) (*lease.Lease, error) {
	l := o.LeaderElection
	if !l.Enabled {
		return nil, nil
	}
	core, err := corev1client.NewForConfig(c)
	if err != nil {
		return nil, err
	}
	told := teller{record.NewBroadcaster(), settings.Scheme}
	told.StartRecordingToSink(&corev1client.EventSinkImpl{Interface: core.Events("")})
	own := rest.CopyConfig(c) // it is given a time limit that would end every watch
	lock, err := leaderelection.NewResourceLock(own, told, leaderelection.Options{
		LeaderElection: true, LeaderElectionID: l.ID, LeaderElectionNamespace: l.Namespace, RenewDeadline: l.Renew,
	})
	if err != nil {
		return nil, err
	}
	held := lease.New(l.Lease, clock.RealClock{})
	settings.LeaderElectionResourceLockInterface = held.Watched(lock)
	return held, nil
}

// teller makes the recorder of leader election, which tells who became the leader in events of the core group.
type teller struct {
	record.EventBroadcaster
	scheme *runtime.Scheme
}

// GetEventRecorderFor returns a recorder for a component.
func (t teller) GetEventRecorderFor(name string) record.EventRecorder {
	return t.NewRecorder(t.scheme, corev1.EventSource{Component: name})
}

// GetEventRecorder returns nil: leader election writes none of the newer events.
func (t teller) GetEventRecorder(string) recorder.EventRecorder { return nil }
