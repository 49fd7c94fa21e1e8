// Package options is what the operator is told at its start: three flags and one configuration file.
//
//	--config FILE       the configuration file; without it every setting has its default
//	--kubeconfig FILE   how to reach the cluster; without it $KUBECONFIG, the cluster the operator runs in, or ~/.kube/config
//	--version           print the version and exit
//
//	setting                         default                                   meaning
//	sources                         one, named default, at                    where requests are counted; see Source
//	                                http://prometheus.istio-system.svc:9090
//	evidence.slice                  5s                                        how often is counted; a divisor of a minute
//	evidence.fastTick, slowTick     15s, 1m                                   the evidence ticks of the tests
//	evidence.lag                    0s                                        how far behind now; 0s: measured, 1s to 15s
//	evidence.scrapeInterval         0s                                        0s: measured, 1m until it is
//	evidence.backfill               1h                                        how far back is counted what was missed
//	direct.mode, interval           Auto, 1s                                  whether and how often proxies are read directly: Auto, Off
//	direct.gatewayNamespaces        istio-system, istio-ingress, if there     namespaces whose pods are trusted as gateways
//	namespaces                      all                                       where the operator works; it never writes elsewhere
//	clusterDomain                   cluster.local                             what full names of Services end with
//	pushBound                       12s                                       how long the mesh may take to tell its proxies of a change
//	settleBound                     45s                                       after this time a written weight counts as live
//	hold                            Auto                                      how Deployments are held: Auto, OnChange, Always
//	leaderElection.enabled          true                                      one of several replicas works at a time
//	leaderElection.id, namespace    stagger, the operator's own               the Lease
//	leaderElection.lease,renew,retry  10s, 8s, 1s                             its times
//	health.address                  :8081                                     /healthz and /readyz; "0" is off
//	metrics.address                 :8443                                     /metrics; "0" is off
//	metrics.serving                 Auto                                      Secure (TLS, callers are authorized), Plain, or
//	                                                                          Auto: Plain on loopback only
//	metrics.certificate.dir         the operator signs its own                the folder of tls.crt and tls.key
//	api.qps, burst                  50, 100                                   limits of calls to the API server, but for levers
//	log.level, format               info, json                                error, info or debug; json or text
//
// A field that is unknown is an error, and so is one that makes no sense: each in one sentence that names it.
package options
