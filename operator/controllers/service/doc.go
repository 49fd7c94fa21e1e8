// Package service makes, follows and ends a TrafficShift for each Service that carries the annotation stagger.dev/policy.
//
//	annotation            TrafficShift of that name      move
//	names a policy        none                           make: label stagger.dev/service, finalizer, no ownerRef
//	names a policy        ours, of another policy        follow: its policyRef becomes the annotation's
//	names a policy        ours, of this policy           none
//	names a policy        written by hand                refuse: it is not touched, an event on the Service says so
//	can name no policy    any                            refuse: whatever runs goes on, an event on the Service says what to write
//	absent, or Service    ours                           end: delete; its finalizer restores before it goes
//	gone                  any other                      none
//
// A policy that does not exist yet is no hindrance: the TrafficShift waits for it and says so, and an event on the Service names the
// policy that was probably meant. The Service itself is never written. An ownerRef would let a foreground deletion of the Service
// remove the TrafficShift's dependants before anything is restored, so a label links the two.
package service
