// Package kubectl is the plugin kubectl-stagger: what people type, and what they see.
//
//	verb        file         reads                                writes
//	status      status.go    TrafficShifts, Services              nothing
//	abort       abort.go     TrafficShifts                        the annotation stagger.dev/command of one TrafficShift
//	retry       retry.go     TrafficShifts                        the same
//	dashboard   dashboard.go TrafficShifts                        what pause, promote, abort and retry write
//	plan        plan.go      TrafficShifts, policies, Prometheus  nothing
//	simulate    simulate.go  TrafficShifts, policies, Prometheus  nothing
//	config set  config.go    one ConfigMap or Secret,             its next version, and the names of it in Deployments
//	                         Deployments, Services
//	version     version.go   the API groups served                nothing
//
// Data goes to the standard output, talk to the standard error. Each verb is parsed to a value with a method run; nothing is
// kept in variables of the package. What the screens say is decided by package view.
package kubectl
