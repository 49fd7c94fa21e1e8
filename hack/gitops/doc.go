// Package gitops lets the libraries of GitOps tools judge the objects of a release, phase by phase, so that what
// manifests/docs/how-to/gitops.md says of each tool is what that tool thinks. It has nothing but tests. The objects in testdata are recorded from a
// cluster by the story TestWhatToolsWaitFor in e2e, which also compares them with what there is.
//
//	testdata/<phase>.yaml ──┬─► kstatus (Flux, Helm 4), with the README's healthCheckExprs too
//	                        ├─► Argo CD's health, with the README's Lua too
//	                        ├─► Helm's check of readiness
//	                        └─► kubectl rollout status
package gitops
