// Package state names everything that one local mesh keeps on disk. One folder holds all of it, so that two meshes with two
// folders share nothing.
//
//	bin/           kubectl and localmesh, for PATH
//	certs/         the mesh's own authority, the API server's certificate, the service account key
//	components/    working folders: etcd's and Prometheus's data, Envoys' bootstrap files
//	kubeconfig     administrator access, valid inside the mesh's network namespace
//	kubecache/     kubectl's discovery cache
//	logs/          NAME.log of every component
//	audit.log      the API server's audit log, when asked for
//	options.json   how `up` was called
//	control.sock   where the supervisor takes commands
//	lock           locked for as long as the supervisor lives
package state
