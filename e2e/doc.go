// Package e2e tells each user story to the real thing: a real API server, Istio, Envoy and Prometheus.
//
//	KUBECONFIG set    the stories run on that cluster, with PROMETHEUS_URL as the Prometheus with Istio's metrics
//	otherwise         a local mesh is raised in a folder of its own, the tests run again inside its network, and it is taken down
//	-short            nothing runs: a mesh takes seconds to raise, and minutes to build the first time
//
// What is installed are the manifests of manifests/; only the operator itself runs beside the cluster, as a process of the test, with
// the token of the service account it ships with. Each test has a namespace and an operator of its own:
//
//	ns := newNamespace(t)
//	apply(t, ns, yaml)
//	op := startOperator(t, ns, "evidence.slice=1s")
//	waitFor(t, "the release is promoted", func() (bool, string) { … })
//	op.kill(); op.start()
package e2e
