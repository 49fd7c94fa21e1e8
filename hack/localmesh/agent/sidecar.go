package agent

import (
	"bytes"
	"cmp"
	"context"
	_ "embed"
	"encoding/json"
	"fmt"
	"log"
	"net"
	"net/http"
	"os"
	"os/exec"
	"runtime"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"text/template"
	"time"

	appsv1 "k8s.io/api/apps/v1"
	corev1 "k8s.io/api/core/v1"

	"github.com/stagger-dev/stagger/hack/localmesh/stats"
)

//go:embed inbound.json.tmpl
var inboundTemplate string

// injectLabel is Istio's own wish for a sidecar. As an annotation it counts too.
const injectLabel = "sidecar.istio.io/inject"

// sidecar is a pod's own Envoy. It listens where the pod's containers would, and passes on to the address where they do.
type sidecar struct {
	envoy string // The program.
	ip    string // The pod's.
	about inbound
}

// inbound is what the Envoy's configuration is made of.
type inbound struct {
	Pod, Namespace, IP, AppIP, Workload, App, Version, CanonicalService, CanonicalRevision string

	Ports []int
	Stats string // The listener that gives statistics.
}

// wantsSidecar says whether the pod asks for a proxy of its own.
func wantsSidecar(object *corev1.Pod) bool {
	return cmp.Or(object.Labels[injectLabel], object.Annotations[injectLabel]) == "true" && object.Annotations[serveAnnotation] != "false"
}

// newSidecar is the proxy of a pod, named as Istio would name its workload.
func newSidecar(envoy string, object *corev1.Pod, ip string) *sidecar {
	workload := workloadOf(object)
	l := object.Labels
	s := &sidecar{envoy: envoy, ip: ip, about: inbound{
		Pod: object.Name, Namespace: object.Namespace, IP: ip, AppIP: behind(ip), Workload: workload,
		App: cmp.Or(l["app"], "unknown"), Version: cmp.Or(l["version"], "unknown"),
		CanonicalService:  cmp.Or(l["service.istio.io/canonical-name"], l["app.kubernetes.io/name"], l["app"], workload),
		CanonicalRevision: canonicalRevision(object),
	}}
	for _, c := range object.Spec.Containers {
		if b, err := ParseBehaviour(c); err == nil { // One that is wrong is told of where the container runs.
			s.about.Ports = append(s.about.Ports, portsOf(c, b)...)
		}
	}
	return s
}

// workloadOf is the Deployment's name, or whatever else the pod's name was made of.
func workloadOf(object *corev1.Pod) string {
	name := strings.TrimSuffix(object.GenerateName, "-")
	if hash := object.Labels[appsv1.DefaultDeploymentUniqueLabelKey]; hash != "" {
		name = strings.TrimSuffix(name, "-"+hash)
	}
	return cmp.Or(name, object.Name)
}

// canonicalRevision is the pod's version as Istio knows it.
func canonicalRevision(object *corev1.Pod) string {
	l := object.Labels
	return cmp.Or(l["service.istio.io/canonical-revision"], l["app.kubernetes.io/version"], l["version"], "latest")
}

// behind is the address of this machine on which a pod's containers listen, where their proxy has the pod's: 127.244.1.2 for 10.244.1.2.
func behind(ip string) string {
	_, rest, _ := strings.Cut(ip, ".")
	return "127." + rest
}

// configuration is the Envoy's, as JSON.
func (s *sidecar) configuration() (string, error) {
	listener, err := stats.Listener(s.ip)
	if err != nil {
		return "", err
	}
	about := s.about
	about.Stats = listener
	t, err := template.New("inbound").Funcs(template.FuncMap{"quote": func(text string) (string, error) {
		data, err := json.Marshal(text)
		return string(data), err
	}}).Parse(inboundTemplate)
	if err != nil {
		return "", fmt.Errorf("parsing a sidecar's configuration: %w", err)
	}
	var out bytes.Buffer
	if err := t.Execute(&out, about); err != nil {
		return "", fmt.Errorf("filling in a sidecar's configuration: %w", err)
	}
	return out.String(), nil
}

// serve runs the Envoy, again and again, until ctx ends.
func (s *sidecar) serve(ctx context.Context) {
	config, err := s.configuration()
	if err != nil {
		log.Printf("Pod %s/%s: %v", s.about.Namespace, s.about.Pod, err)
		return
	}
	for ctx.Err() == nil {
		if err := s.once(ctx, config); err != nil && ctx.Err() == nil {
			log.Printf("The sidecar of pod %s/%s ended: %v", s.about.Namespace, s.about.Pod, err)
		}
		select {
		case <-ctx.Done():
		case <-time.After(time.Second):
		}
	}
}

// once is one run. The thread that starts it stays until it has ended: the kernel ends the Envoy with it. It is in the agent's group of
// processes, so that who pauses or kills the node does so to its proxies.
func (s *sidecar) once(ctx context.Context, config string) error {
	runtime.LockOSThread()
	defer runtime.UnlockOSThread()
	cmd := exec.CommandContext(ctx, s.envoy, "--config-yaml", config, "--concurrency", "1", "--disable-hot-restart", "-l", "error")
	cmd.Stdout, cmd.Stderr = os.Stderr, os.Stderr
	cmd.SysProcAttr = &syscall.SysProcAttr{Pdeathsig: syscall.SIGKILL}
	return cmd.Run()
}

// await returns when the Envoy gives its metrics, and so listens, or when ctx has ended.
func (s *sidecar) await(ctx context.Context) {
	address := "http://" + net.JoinHostPort(s.ip, strconv.Itoa(stats.Port)) + "/stats/prometheus"
	for ctx.Err() == nil {
		if req, err := http.NewRequestWithContext(ctx, http.MethodGet, address, nil); err == nil {
			if resp, err := probing.Do(req); err == nil {
				_ = resp.Body.Close()
				return
			}
		}
		select {
		case <-ctx.Done():
		case <-time.After(50 * time.Millisecond):
		}
	}
}

// around runs the containers between the start and the end of the Envoy, so that it misses nothing they are asked.
func (s *sidecar) around(term context.Context, running *sync.WaitGroup, containers []func()) {
	running.Go(func() {
		envoy, end := context.WithCancel(context.WithoutCancel(term))
		var proxy, apps sync.WaitGroup
		proxy.Go(func() { s.serve(envoy) })
		s.await(term)
		for _, run := range containers {
			apps.Go(run)
		}
		apps.Wait()
		end()
		proxy.Wait()
	})
}
