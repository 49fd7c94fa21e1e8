// Package load sends HTTP requests at a fixed rate and keeps the record of what the client saw.
//
// The load is open loop: a request is sent when it is due, however slow the answers to earlier ones are. What cannot be sent because
// too many are unanswered is dropped and counted as such.
//
//	counted in the second in which...
//	sent       it was sent
//	dropped    it was due
//	ok         a status below 400 was complete
//	failed     a status of 400 or more was complete, or there was no answer (code "0")
//
// Where there are cohorts, each second is also split by them: byCohort holds the same counts for each of them by its name, and for who is
// in none as "others".
//
// Every request that is sent becomes exactly one of ok and failed, so over a whole run sent = ok + failed.
package load
