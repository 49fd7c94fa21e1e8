// Package kubectl is the plugin kubectl-stagger: what people type, and what they see.
//
//	folder      holds                                                        writes
//	look        status, watch, why, history, report                          nothing
//	dashboard   dashboard: the page, its server and the verb                 what the verbs of steer write
//	steer       pause, resume, promote, abort, undo, retry, replan           an annotation or spec.control of one TrafficShift
//	prepare     adopt, let-go, plan, simulate, lint, config set              a Service's annotation; a ConfigMap's or Secret's next version
//	cli         what all verbs share: the cluster, flags, output, errors     what a verb asks for
//	clitest     what the tests of all verbs share                            nothing
//
// A new verb is one file in the folder of its group, and its name in the list Verbs of that folder.
//
// Data goes to the standard output, talk to the standard error. Each verb is parsed to a value with a method run; nothing is
// kept in variables of the package. What the screens say is decided by package view.
package kubectl
