package e2e

import (
	"encoding/json"
	"fmt"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"sync"
	"syscall"
	"testing"

	"github.com/stagger-dev/stagger/e2e/bed"
)

// routed is the configuration of an Alertmanager that tells the team of a namespace what concerns it, and nobody of the rest.
const routed = `
route:
  receiver: nobody
  routes:
  - matchers: [alertname=~"Stagger.*", severity="info", release_namespace=%q]
    receiver: team
    group_by: [alertname, release_namespace]
    group_wait: 1s
receivers:
- name: nobody
- name: team
  webhook_configs: [{url: %q}]
`

// notice is what an Alertmanager tells of one alert.
type notice struct {
	Status      string            `json:"status"`
	Labels      map[string]string `json:"labels"`
	Annotations map[string]string `json:"annotations"`
}

// team is told of alerts by a real Alertmanager.
type team struct {
	mu    sync.Mutex
	heard []notice
}

// teamOf starts an Alertmanager that the mesh's Prometheus sends its alerts to, and that tells the team of the namespace.
func teamOf(t *testing.T, namespace string) *team {
	t.Helper()
	x := &team{}
	hook := httptest.NewServer(http.HandlerFunc(x.hear))
	t.Cleanup(hook.Close)
	dir := t.TempDir()
	config := filepath.Join(dir, "alertmanager.yml")
	if err := os.WriteFile(config, fmt.Appendf(nil, routed, namespace, hook.URL), 0o600); err != nil {
		t.Fatal(err)
	}
	address, err := bed.FreeAddress()
	if err != nil {
		t.Fatal(err)
	}
	cmd := exec.Command(filepath.Join(adm.programs, "alertmanager"), "--config.file="+config, "--storage.path="+dir,
		"--web.listen-address="+address, "--cluster.listen-address=")
	cmd.SysProcAttr = &syscall.SysProcAttr{Pdeathsig: syscall.SIGKILL}
	log, err := os.Create(filepath.Join(dir, "log"))
	if err != nil {
		t.Fatal(err)
	}
	defer log.Close()
	cmd.Stdout, cmd.Stderr = log, log
	if err := cmd.Start(); err != nil {
		t.Fatalf("starting the Alertmanager: %v", err)
	}
	t.Cleanup(func() {
		_ = cmd.Process.Kill() // it may have ended
		_ = cmd.Wait()         // it was killed
		if text, err := os.ReadFile(log.Name()); t.Failed() {
			t.Logf("the Alertmanager's log: %s %v", text, err)
		}
	})
	end, err := bed.SendAlerts(address)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := end(); err != nil {
			t.Error(err)
		}
	})
	return x
}

func (x *team) hear(w http.ResponseWriter, r *http.Request) {
	var message struct {
		Alerts []notice `json:"alerts"`
	}
	if err := json.NewDecoder(r.Body).Decode(&message); err != nil {
		http.Error(w, err.Error(), http.StatusBadRequest)
		return
	}
	x.mu.Lock()
	defer x.mu.Unlock()
	x.heard = append(x.heard, message.Alerts...)
}

// A team whose version was taken back is told by the platform's Alertmanager, with what it needs to look further, and no other team is.
func TestATeamIsToldOfItsAbort(t *testing.T) {
	t.Parallel()
	if bed.Scraped() == "" {
		t.Skip("the Prometheus of another cluster sends its alerts where its owner wants them")
	}
	s := tell(t)
	team := teamOf(t, s.ns)
	s.gateway()
	s.asks(`stagger_namespace_releases_total{release_namespace="$NS", outcome="Aborted"} == 0`)
	s.push("1.1.0-errors")
	waitWithin(t, 3*patience, "the team is told", func() (bool, string) {
		team.mu.Lock()
		defer team.mu.Unlock()
		return len(team.heard) > 0, fmt.Sprint(len(team.heard), " alerts")
	})
	team.mu.Lock()
	defer team.mu.Unlock()
	for _, a := range team.heard {
		if a.Status != "firing" || a.Labels["alertname"] != "StaggerReleaseAborted" || a.Labels["release_namespace"] != s.ns || a.Labels["severity"] != "info" {
			t.Errorf("the team is told of %+v", a)
		}
		if a.Annotations["runbook_url"] == "" || a.Annotations["summary"] != "A release was aborted in "+s.ns {
			t.Errorf("the team is told %q", a.Annotations)
		}
	}
}
