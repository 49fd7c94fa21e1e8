// Package chaos plans what a release has to bear: which part of the mesh fails, when and for how long. A plan follows from its seed alone, so a
// failure can be told again. The stories of e2e carry plans out.
//
//	New(seed)    the plan of a seed
//	Plan.Wrong   what is wrong with the end of its release, if anything is
//
// Neighbouring seeds share a deck of all faults, so that a few seeds in a row meet each of them once.
package chaos
