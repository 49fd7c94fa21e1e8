package e2e

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/stagger-dev/stagger/e2e/bed"
)

// bystanders is a shop of one pod that no operator looks after and no story changes. A request of its that is not answered was lost by the machine or
// the mesh, and so, very likely, were the stories' at that time: it is given up a little sooner than theirs.
var bystanders = "apiVersion: v1\nkind: Namespace\nmetadata: {name: bystander}\n---\n" +
	strings.NewReplacer("checkout", "bystander", "replicas: 4", "replicas: 1", "timeout: 3s", "timeout: 2s").
		Replace(shop+"\n---\n"+fmt.Sprintf(route, "bystander"))

// bystander is the load of the bystander, from the first story's load on.
var bystander standing

type standing struct {
	begin sync.Once
	dir   string
	load  *bed.Load
	err   error
}

// standsBy has the bystander be there, with a load that is answered.
func standsBy(t *testing.T) {
	t.Helper()
	bystander.begin.Do(func() { bystander.begins(t) })
	if bystander.err != nil {
		t.Fatalf("the bystander of the stories: %v", bystander.err)
	}
}

func (b *standing) begins(t *testing.T) {
	t.Helper()
	b.err = errors.New("it did not begin, see the first story") // unless all that follows is well
	const rate = 10
	apply(t, "bystander", bystanders)
	waitFor(t, "the bystander is ready", func() (bool, string) {
		out := kubectl(t, "-n", "bystander", "get", "deployment", "bystander", "-o", "jsonpath={.status.availableReplicas}")
		return out == "1", out
	})
	var err error
	if b.dir, err = os.MkdirTemp("", "stagger-bystander-"); err != nil {
		t.Fatalf("making a folder for the bystander's record: %v", err)
	}
	if b.load, err = bed.StartLoad(t.Context(), filepath.Join(b.dir, "load.jsonl"), "gateway", "bystander.example.com", rate); err != nil {
		t.Fatal(err)
	}
	waitFor(t, "the bystander is answered", func() (bool, string) {
		all, err := b.load.Seconds(time.Now().Add(-3 * time.Second))
		return err == nil && len(all) > 1 && all[len(all)-1].OK >= rate/2, fmt.Sprint(all, err)
	})
	b.err = nil
}

// leaves ends the bystander's load.
func (b *standing) leaves() error {
	if b.load == nil {
		return nil
	}
	return errors.Join(b.load.Stop(), os.RemoveAll(b.dir))
}

// ours is what the clients saw from a time on, without the requests that no pod answered while the bystander's were not answered either:
// those are no fault of who moves traffic. Failures that a pod answered stay.
func (s *story) ours(from time.Time) []bed.Second {
	s.t.Helper()
	return s.without(s.seconds(from), from)
}

// without are seconds from a time on without what the bystander lost as well.
func (s *story) without(seconds []bed.Second, from time.Time) []bed.Second {
	s.t.Helper()
	standsBy(s.t)
	bystanders, err := bystander.load.Seconds(from.Add(-time.Minute))
	if err != nil {
		s.t.Fatal(err)
	}
	all, excused := bed.Without(seconds, bed.Stalls(bystanders))
	if excused > s.excused {
		s.excused = excused
		s.t.Logf("%d requests were answered by no pod while a bystander's were not answered either", excused)
	}
	return all
}
