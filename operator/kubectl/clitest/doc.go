// Package clitest is what the tests of all verbs share.
//
//	Server   an API server of TrafficShifts and Services, with watches and what others do at the same time
//	Store    an API server of objects of any kind, for verbs that look at more than TrafficShifts
//	Run      types a command, Golden compares its answer with a file
//	Shift    a TrafficShift in the middle of a release; As and the functions beside it put it into other states
package clitest
