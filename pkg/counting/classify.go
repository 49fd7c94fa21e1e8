package counting

import (
	"slices"
	"strconv"
	"strings"
)

// Class says what one request says about the version that answered it.
type Class int

const (
	// Unclear requests say nothing: the client went away, or the proxy reported no outcome we know.
	Unclear Class = iota
	// Good requests were answered; a client's own mistake (HTTP 4xx) is an answer too.
	Good
	// Bad requests failed on our side, as their users saw it.
	Bad
)

// String returns the class in lower case.
func (c Class) String() string {
	switch c {
	case Good:
		return "good"
	case Bad:
		return "bad"
	default:
		return "unclear"
	}
}

// Outcome is how a request ended, in Istio's labels and spelling. A value that is empty, "-" or "unknown" was not reported.
type Outcome struct {
	// Code is response_code: the HTTP status, or 0 when none was sent; or a class of them, such as 5xx, where they are folded.
	Code string
	// Flags is response_flags: Envoy's response flags, separated by commas.
	Flags string
	// GRPC is grpc_response_status: the number of the gRPC status; not reported for plain HTTP.
	GRPC string
	// Protocol is request_protocol: grpc or http; where it is not reported, http is meant.
	Protocol string
}

// Rules are the choices a policy has. The zero Rules are the default.
type Rules struct {
	// TooManyRequestsIsBad counts HTTP 429 against the version; by default it is an answer like any other 4xx.
	TooManyRequestsIsBad bool
}

// failures are the response flags of Envoy that mean a failure on our side, or an answer that was cut off, whatever status was sent before.
// The others say nothing that the status does not say too: DI and FI (faults that were ordered), RL, RLSE, UAEX and IH (refused with a
// status), RFCF (from a cache); and with DC and DR the client went away. Source: Envoy's documentation of access logs, response flags.
var failures = []string{
	"UH", "UF", "UO", // no healthy upstream, connection failure, overflow
	"NR", "NC", "NFCF", // no route, no cluster, no configuration of a filter
	"URX", "UT", "UMSDR", // retries or connection attempts exhausted, timeout, longest duration of a stream
	"UC", "UR", "LR", // connection or stream ended by the upstream, by the proxy
	"UPE", "DPE", // protocol errors
	"SI", "DT", // cut off when idle, when the connection had lived too long
	"LH", "OM", "DO", "UDO", // the proxy's own health check, its overload, requests dropped on purpose
	"DF", // DNS
}

// left are the flags of a client that went away.
var left = []string{"DC", "DR"}

// failedStatuses are gRPC's: unknown, deadline exceeded, resource exhausted, unimplemented, internal, unavailable, data loss.
var failedStatuses = []int{2, 4, 8, 12, 13, 14, 15}

const (
	lastGRPCStatus     = 16
	cancelled          = 1
	switchingProtocols = 101
	ok                 = 200
	notModified        = 304
	tooManyRequests    = 429
)

// Istio's labels of how a request ended: see Outcome.
const (
	LabelCode     = "response_code"
	LabelFlags    = "response_flags"
	LabelGRPC     = "grpc_response_status"
	LabelProtocol = "request_protocol"
)

// Classify returns the class of an outcome. First match wins:
//
//	gRPC status 2 4 8 12 13 14 15           bad, with HTTP 200 too; so is a number gRPC does not define, which stands for 2
//	gRPC without its status                 by what HTTP's status stands for in gRPC: 401 and 403 good, every other above 399 bad
//	HTTP 429                                as the rules say
//	HTTP 4xx                                good, whatever the flags say
//	HTTP 5xx, and 600 and above             bad; RFC 9110 section 15 has clients treat the latter as 5xx
//	a flag of a failure on our side         bad: code 0, or an answer that was cut off
//	gRPC status that is no number           unclear
//	gRPC without its status                 unclear: HTTP says 200 whatever comes of the call
//	HTTP 1xx, 2xx, 3xx                      good; so is another gRPC status without HTTP's
//	anything else, so 0 with DC or no flag  unclear
//
// Where codes are folded into classes 4xx is unclear if the rules tell 429 from the others. Source for gRPC's statuses: "HTTP to gRPC
// Status Code Mapping" of gRPC's documentation. A call of gRPC-Web is reported as HTTP with 200, or with status 2 by a proxy that
// translates it: SCOPE.md.
func (r Rules) Classify(o Outcome) Class {
	status, statusErr := strconv.Atoi(reported(o.GRPC))
	code, folded := o.code()
	untold := o.untoldGRPC()
	switch {
	case statusErr == nil && failedStatus(status):
		return Bad
	case untold && code >= 400:
		return refusedCall(code, folded)
	case code >= 400 && code < 500:
		return r.mistake(code, folded)
	case code >= 500, flagged(o.Flags, failures):
		return Bad
	case reported(o.GRPC) != "" && statusErr != nil, untold:
		return Unclear
	case code >= 100, code < 0 && statusErr == nil:
		return Good
	}
	return Unclear
}

// ClientError says whether an outcome is an answer that is neither a success nor, by the zero Rules, a failure: a redirect, or a mistake of the
// caller. Those are HTTP 3xx but 304 and 4xx, and the statuses of gRPC beside OK and the failures; not 1, cancelled, with which a client goes
// away.
func (o Outcome) ClientError() bool {
	if (Rules{}).Classify(o) != Good {
		return false
	}
	status, err := strconv.Atoi(reported(o.GRPC))
	code, _ := o.code()
	return err == nil && status > cancelled || code >= 300 && code < 500 && code != notModified
}

// plain says whether there is no other status than HTTP's 200.
func (o Outcome) plain() bool {
	code, folded := o.code()
	return (code == ok || folded && code/100 == ok/100) && reported(o.GRPC) == "" && reported(o.Flags) == ""
}

// mistake is the class of HTTP 4xx.
func (r Rules) mistake(code int, folded bool) Class {
	switch {
	case r.TooManyRequestsIsBad && folded:
		return Unclear
	case r.TooManyRequestsIsBad && code == tooManyRequests:
		return Bad
	}
	return Good
}

// Missing returns the label without which nobody can tell whether the request was answered well; empty when it can be told, or when its
// client did not wait for the end.
func (r Rules) Missing(o Outcome) string {
	if r.Classify(o) != Unclear || flagged(o.Flags, left) || reported(o.GRPC) != "" {
		return ""
	}
	code, folded := o.code()
	switch {
	case code < 0, folded && code == 400:
		return LabelCode
	case o.untoldGRPC():
		return LabelGRPC
	case code == 0 && o.Flags == "":
		return LabelFlags
	}
	return ""
}

// code is the HTTP status, or the first of its class; below 0: it was not reported, or is none.
func (o Outcome) code() (code int, folded bool) {
	text := reported(o.Code)
	if len(text) == 3 && strings.EqualFold(text[1:], "xx") && text[0] >= '1' && text[0] <= '5' {
		return 100 * int(text[0]-'0'), true
	}
	code, err := strconv.Atoi(text)
	if err != nil {
		return -1, false
	}
	return code, false
}

// untoldGRPC says that a call of gRPC has no status.
func (o Outcome) untoldGRPC() bool {
	return strings.EqualFold(o.Protocol, "grpc") && reported(o.GRPC) == ""
}

// refusedCall is the class of a call of gRPC that was answered with a status of HTTP from 400 on. Of a folded 4xx nobody knows.
func refusedCall(code int, folded bool) Class {
	switch {
	case folded && code == 400:
		return Unclear
	case code == 401, code == 403:
		return Good
	}
	return Bad
}

func failedStatus(status int) bool {
	return slices.Contains(failedStatuses, status) || status < 0 || status > lastGRPCStatus
}

// flagged says whether one of the flags is in a list.
func flagged(flags string, list []string) bool {
	for flag := range strings.SplitSeq(reported(flags), ",") {
		if slices.Contains(list, strings.TrimSpace(flag)) {
			return true
		}
	}
	return false
}

// reported returns the value, or "" when it stands for a missing one.
func reported(value string) string {
	if value == "-" || value == "unknown" {
		return ""
	}
	return value
}
