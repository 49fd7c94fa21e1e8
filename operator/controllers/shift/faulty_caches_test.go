package shift

import (
	"cmp"
	"encoding/json"
	"fmt"
	"reflect"
	"slices"
	"strings"
	"testing"
	"time"

	gocmp "github.com/google/go-cmp/cmp"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/stagger-dev/stagger/pkg/cluster"
	"github.com/stagger-dev/stagger/pkg/cluster/inmemory"
)

// kinds are those of which a namespace with a release has objects.
var kinds = []string{"TrafficShift", "Deployment", "ReplicaSet", "Service", "Pod", "VirtualService", "DestinationRule"}

// Caches are behind by some changes, for seconds: those of all kinds, or of one.
func cachesAreBehind(t *testing.T, healthy []*tale) {
	t.Helper()
	const most = 8 * time.Second
	lags := []lag{{1, "", most}, {3, "", most}, {10, "", most}}
	for _, kind := range kinds {
		lags = append(lags, lag{10, kind, most})
	}
	for i, well := range healthy {
		for j, l := range lags {
			if !*everyFault && (i+j)%2 != 0 {
				continue
			}
			t.Run(fmt.Sprintf("%s, %s by %d", well.name, cmp.Or(l.kind, "all"), l.by), func(t *testing.T) {
				x := well.story.tell(t, nil, l)
				x.endsLike(t, well)
				if x.turn != nil && x.bad.IsZero() {
					x.leversArePulled(t, most, "", time.Time{})
				}
				if most := 2 * well.busiest(); x.busiest() > most {
					t.Errorf("%d writes in a minute, want at most %d", x.busiest(), most)
				}
			})
		}
	}
}

// Another namespace has the same objects, in the middle of the same release.
func besideItsTwin(t *testing.T, healthy []*tale) {
	t.Helper()
	var middle *inmemory.Store
	story{"a twin", func(x *tale) { x.note(func() { middle = x.store.Clone() }) }, stories()[0].over}.tell(t, nil, lag{})
	var twins []cluster.Object
	for _, kind := range kinds {
		of := all(middle, kind)
		for _, o := range of {
			twins = append(twins, twin(t, o))
		}
		if len(of) == 0 {
			t.Fatalf("the twin has no %s", kind)
		}
	}
	for _, well := range healthy {
		t.Run(well.name, func(t *testing.T) {
			x := well.story.tell(t, nil, lag{}, twins...)
			x.endsLike(t, well)
			if diff := gocmp.Diff(well.sent(), x.sent()); diff != "" {
				t.Errorf("what is sent (-alone +beside its twin):\n%s", diff)
			}
		})
	}
}

// sent are the writes but for those of the status, which tell numbers; those of one time by name: levers are sent side by side.
func (x *tale) sent() []string {
	var all []string
	for _, a := range x.attempts {
		if strings.HasPrefix(a.name, "status") {
			continue
		}
		all = append(all, fmt.Sprintf("%s %s %d", a.at.Format(time.RFC3339Nano), a.name, a.nth))
	}
	slices.Sort(all)
	return all
}

// twin is the same object in the namespace bank.
func twin(t *testing.T, o client.Object) cluster.Object {
	t.Helper()
	text, err := json.Marshal(o)
	if err != nil {
		t.Fatal(err)
	}
	is, ok := reflect.New(reflect.TypeOf(o).Elem()).Interface().(cluster.Object)
	if !ok {
		t.Fatalf("%T is no object", o)
	}
	if err := json.Unmarshal([]byte(strings.NewReplacer("shop", "bank", "uid-", "uid-of-bank-").Replace(string(text))), is); err != nil {
		t.Fatal(err)
	}
	return is
}
