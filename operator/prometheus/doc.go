// Package prometheus asks a Prometheus, or what speaks like one, within limits of time and size.
//
//	what happens                              what the caller gets
//	no answer in time, HTTP status, no JSON   Unreachable: the question may be asked again
//	an answer larger than MaxAnswer           Unreachable
//	warnings that something may be missing    Partial, with a method Incomplete
//	anything but a vector                     an error that names the type
//
// Requests go to the configured address only, by POST; redirects to other hosts are not followed.
package prometheus
