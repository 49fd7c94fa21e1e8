// Package mesh runs a Kubernetes control plane, Istio's control plane, two Envoys and Prometheus on one machine, without containers.
//
//	supervisor ── owns the network namespace, starts everything below, takes commands on control.sock
//	 ├─ (itself)          127.0.0.1:6444, the API server with faults to order (package apifault)
//	 ├─ etcd              127.0.0.1:2379
//	 ├─ apiserver         127.0.0.1:6443, admission webhooks reached through cluster IPs
//	 ├─ controllers       Deployments, ReplicaSets, EndpointSlices, garbage, namespaces, service accounts, aggregated roles
//	 ├─ agent             the only node: binds pods and is their containers (package agent)
//	 ├─ istiod            127.0.0.1:15010 (configuration), 10.96.x.x:15017 (webhook)
//	 ├─ prometheus        127.0.0.1:9090
//	 ├─ envoy-gateway     10.244.200.1:18080, admin :15000, statistics :15090, pod istio-ingress/gw-0
//	 └─ envoy-sidecar     10.244.200.2:80, admin :15000, statistics :15090, pod shop/client-0
//
// All pod addresses (10.244.0.0/16) and cluster addresses (10.96.0.0/16) are local to the loopback device of the namespace, so
// any process in it can listen on and reach any of them. There is no kube-proxy: an address answers on the port somebody
// listens on.
//
// Every component is killed by the kernel when the supervisor dies, however it dies.
package mesh
