package agent

import (
	"context"
	"net"
	"net/http"
	"strconv"
	"time"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/util/intstr"
)

// probe runs a readiness probe with the kubelet's rules until ctx ends: the first after the initial delay, then one per period;
// ready after so many successes, unready after so many failures in a row.
func (c *container) probe(ctx context.Context, p *corev1.Probe) {
	delay := time.NewTimer(time.Duration(p.InitialDelaySeconds) * time.Second)
	defer delay.Stop()
	select {
	case <-ctx.Done():
		return
	case <-delay.C:
	}
	tick := time.NewTicker(time.Duration(max(p.PeriodSeconds, 1)) * time.Second)
	defer tick.Stop()
	good, bad, ready := int32(0), int32(0), false
	for {
		if check(ctx, p, c.pod.appIP(), c.spec) {
			good, bad = good+1, 0
		} else {
			good, bad = 0, bad+1
		}
		if ctx.Err() != nil {
			return
		}
		want := ready
		switch {
		case good >= max(p.SuccessThreshold, 1):
			want = true
		case bad >= max(p.FailureThreshold, 1):
			want = false
		}
		if want != ready {
			ready = want
			c.set(func() { c.ready = ready })
		}
		select {
		case <-ctx.Done():
			return
		case <-tick.C:
		}
	}
}

// check is one attempt. Exec and gRPC probes succeed: there is nothing to run them in.
func check(ctx context.Context, p *corev1.Probe, ip string, c corev1.Container) bool {
	ctx, cancel := context.WithTimeout(ctx, time.Duration(max(p.TimeoutSeconds, 1))*time.Second)
	defer cancel()
	switch {
	case p.HTTPGet != nil:
		host := p.HTTPGet.Host
		if host == "" {
			host = ip
		}
		address := "http://" + net.JoinHostPort(host, port(p.HTTPGet.Port, c)) + p.HTTPGet.Path
		req, err := http.NewRequestWithContext(ctx, http.MethodGet, address, nil)
		if err != nil {
			return false
		}
		for _, h := range p.HTTPGet.HTTPHeaders {
			req.Header.Set(h.Name, h.Value)
		}
		resp, err := probing.Do(req)
		if err != nil {
			return false
		}
		_ = resp.Body.Close()
		return resp.StatusCode >= 200 && resp.StatusCode < 400
	case p.TCPSocket != nil:
		var d net.Dialer
		conn, err := d.DialContext(ctx, "tcp", net.JoinHostPort(ip, port(p.TCPSocket.Port, c)))
		if err != nil {
			return false
		}
		_ = conn.Close()
	}
	return true
}

// probing opens a connection for each probe, as the kubelet does.
var probing = &http.Client{
	Transport:     &http.Transport{DisableKeepAlives: true},
	CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
}

func port(p intstr.IntOrString, c corev1.Container) string {
	if p.Type == intstr.Int {
		return strconv.Itoa(p.IntValue())
	}
	for _, named := range c.Ports {
		if named.Name == p.StrVal {
			return strconv.Itoa(int(named.ContainerPort))
		}
	}
	return p.StrVal
}
