// Package cli is what all verbs of the plugin share.
//
//	file           holds
//	env.go         what the plugin takes from around it: streams, clock, tokens
//	args.go        names of Services as arguments
//	complete.go    what the shell is offered to complete: names in the cluster, numbers of releases, values of flags
//	cluster.go     the API server: TrafficShifts, and writing into them
//	read.go        reading other kinds of objects
//	footprint.go   the pods and routes that a running release uses
//	wait.go        following a TrafficShift until something is so
//	write.go       flags and answers of verbs that write
//	output.go      -o, and how text is laid out
//	errors.go      errors as one sentence with the next step
//	exit.go        exit codes
package cli
