// Package bed is a mesh to tell user stories on: the end-to-end tests and the demo stand on it.
//
//	Open      the cluster that KUBECONFIG names; on the local mesh the program runs inside its network
//	Install   the manifests, as a platform team would
//	Operator  the real operator, with the token of the ServiceAccount it ships with
//	Faulty    the way to the API server on which OrderFault refuses, delays and breaks requests; on the local mesh
//	Load      requests at a fixed rate, and the record of what clients saw
//	Snapshot  what the user wrote, to compare with what is there at the end
package bed
