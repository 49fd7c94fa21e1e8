package agent

import (
	"sync"
	"time"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/api/resource"
)

// usageWindow is the time over which the usage of cpu is measured. It is short, since a test has no minutes.
const usageWindow = 5 * time.Second

// meter measures what one run of a container uses: cpu by the requests that it answered in the last whole seconds, and memory that is
// always the same.
type meter struct {
	cpu    time.Duration // What one request takes.
	memory resource.Quantity

	mu      sync.Mutex
	answers [int(usageWindow/time.Second) + 1]struct{ second, n int64 }
}

// answered notes a request.
func (m *meter) answered(now time.Time) {
	if m == nil {
		return
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	at := &m.answers[now.Unix()%int64(len(m.answers))]
	if at.second != now.Unix() {
		at.second, at.n = now.Unix(), 0
	}
	at.n++
}

// usage is what the resource metrics API says. The second that is not over does not count.
func (m *meter) usage(now time.Time) corev1.ResourceList {
	m.mu.Lock()
	defer m.mu.Unlock()
	var n int64
	for _, at := range m.answers {
		if age := now.Unix() - at.second; age > 0 && age < int64(len(m.answers)) {
			n += at.n
		}
	}
	nanos := n * int64(m.cpu) / int64(usageWindow/time.Second)
	return corev1.ResourceList{corev1.ResourceCPU: *resource.NewScaledQuantity(nanos, resource.Nano), corev1.ResourceMemory: m.memory}
}
