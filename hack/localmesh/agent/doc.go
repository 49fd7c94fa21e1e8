// Package agent is the mesh's nodes: it binds pods, gives each an address, and is their containers. All are bound to the first node that is
// not cordoned, but for those with a topologySpreadConstraint over kubernetes.io/hostname.
//
// Every image is the sample app, served by this process on the pod's address. What it does comes from its arguments, its
// environment (APP_ERROR_RATE for --error-rate, and so on) or, so that one `kubectl set image` can ship a bad version, from the
// ending of the image's tag:
//
//	tag ending     the same as
//	-errors        --error-rate=0.3
//	-slow          --slow-rate=0.5 --slow-latency=800ms
//	-crash         --crash-after=10s
//	-oom           --oom-after=10s
//	-never-ready   --never-ready
//	-late          --error-rate=0.3 --error-after=60s
//	missing        (the image does not exist)
//
// Statuses follow the kubelet: readiness probes, restarts with its back-off, CrashLoopBackOff, OOMKilled, ImagePullBackOff,
// completion, active deadlines, deletion grace. Readiness gates are honoured.
package agent
