// Package apifault stands between a client and an API server and spoils the requests that somebody chose.
//
//	Rule     which requests, what becomes of them, for how long or how often
//	Rules    the rules in force
//	Handler  a reverse proxy that goes by them
//
// What no rule is about passes as it is, watches and credentials included. Only credentials in headers (tokens) can pass: a client's
// certificate ends at this proxy.
package apifault
