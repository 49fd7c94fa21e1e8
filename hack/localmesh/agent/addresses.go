package agent

import (
	"errors"
	"fmt"
	"sync"
)

// The agent gives out 10.244.1.1 to 10.244.199.254. Those from 10.244.200.0 on are for pods that ask for one.
const (
	perThird   = 254
	lastThird  = 199
	poolOfPods = perThird * lastThird
)

// addresses knows which pod has which address.
type addresses struct {
	mu    sync.Mutex
	taken map[string]string // Address to uid.
	next  int
}

// reserve notes that a pod has an address already.
func (a *addresses) reserve(ip, uid string) {
	a.mu.Lock()
	defer a.mu.Unlock()
	a.taken[ip] = uid
}

// take returns a free address. One that was given back is used again only when all others have been.
func (a *addresses) take(uid string) (string, error) {
	a.mu.Lock()
	defer a.mu.Unlock()
	for range poolOfPods {
		n := a.next % poolOfPods
		a.next++
		ip := fmt.Sprintf("10.244.%d.%d", 1+n/perThird, 1+n%perThird)
		if _, ok := a.taken[ip]; !ok {
			a.taken[ip] = uid
			return ip, nil
		}
	}
	return "", errors.New("all pod addresses are taken")
}

// release gives an address back, if it is still the pod's.
func (a *addresses) release(ip, uid string) {
	a.mu.Lock()
	defer a.mu.Unlock()
	if a.taken[ip] == uid {
		delete(a.taken, ip)
	}
}
