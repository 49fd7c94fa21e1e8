package cli_test

import (
	"fmt"
	"testing"
	"time"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/cli-runtime/pkg/genericclioptions"
	"k8s.io/utils/ptr"

	"github.com/stagger-dev/stagger/operator/kubectl/cli"
	"github.com/stagger-dev/stagger/operator/kubectl/clitest"
	"github.com/stagger-dev/stagger/pkg/apis/stagger/v1alpha1"
)

// TestALongLookDoesNotListAllDeploymentsAgainAndAgain: those of a few Services are read by name, those of many are listed each two minutes, from
// the API server's memory.
func TestALongLookDoesNotListAllDeploymentsAgainAndAgain(t *testing.T) {
	for services, want := range map[int]int{10: 0, 11: 2} {
		t.Run(fmt.Sprint(services), func(t *testing.T) {
			s := clitest.NewServer(t)
			var shifts []*v1alpha1.TrafficShift
			for i := range services {
				shift := clitest.As(clitest.Shift("shop", fmt.Sprint("checkout", i)), clitest.Promoted)
				shift.Status.Deployment.Name = shift.Name
				shifts = append(shifts, shift)
			}
			flags := genericclioptions.NewConfigFlags(true)
			flags.KubeConfig = ptr.To(s.Kubeconfig())
			cluster, err := cli.Connect(flags)
			if err != nil {
				t.Fatal(err)
			}
			cluster.Namespace = metav1.NamespaceAll
			at := clitest.Now
			k := cli.BesideCache{Cluster: cluster, Now: func() time.Time { return at }}
			for end := at.Add(3 * time.Minute); at.Before(end); at = at.Add(time.Second) {
				k.Refresh(t.Context(), cli.BesideMaxAge, shifts...)
			}
			if s.Lists != want || want > 0 && s.ListedFrom != "0" {
				t.Errorf("all Deployments were listed %d times, want %d, from version %q", s.Lists, want, s.ListedFrom)
			}
		})
	}
}
