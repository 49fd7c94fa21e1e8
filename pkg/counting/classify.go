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
	// Code is response_code: the HTTP status, or 0 when none was sent.
	Code string
	// Flags is response_flags: Envoy's response flags, separated by commas.
	Flags string
	// GRPC is grpc_response_status: the number of the gRPC status; not reported for plain HTTP.
	GRPC string
}

// Rules are the choices a policy has. The zero Rules are the default.
type Rules struct {
	// TooManyRequestsIsBad counts HTTP 429 against the version; by default it is an answer like any other 4xx.
	TooManyRequestsIsBad bool
}

var (
	// failures are Envoy's response flags of failures between the client's proxy and the version:
	// no healthy upstream, connection failure, overflow, no route, no cluster, retries exhausted, timeout,
	// connection termination, upstream protocol error, downstream protocol error, local reset.
	failures = []string{"UH", "UF", "UO", "NR", "NC", "URX", "UT", "UC", "UPE", "DPE", "LR"}
	// failedStatuses are gRPC's: unknown, deadline exceeded, resource exhausted, unimplemented, internal, unavailable, data loss.
	failedStatuses = []int{2, 4, 8, 12, 13, 14, 15}
)

const (
	lastGRPCStatus  = 16
	tooManyRequests = 429
)

// Classify returns the class of an outcome. First match wins:
//
//	gRPC status 2 4 8 12 13 14 15           bad, with HTTP 200 too; so is a number gRPC does not define, which stands for 2
//	HTTP 429                                as the rules say
//	HTTP 4xx                                good, whatever the flags say
//	HTTP 5xx, and 600 and above             bad; RFC 9110 section 15 has clients treat the latter as 5xx
//	a flag of a failure on our side         bad: code 0, or an answer that was cut off
//	gRPC status that is no number           unclear
//	HTTP 1xx, 2xx, 3xx                      good
//	anything else, so 0 with DC or no flag  unclear
func (r Rules) Classify(o Outcome) Class {
	status, statusErr := strconv.Atoi(reported(o.GRPC))
	code, codeErr := strconv.Atoi(reported(o.Code))
	switch {
	case statusErr == nil && failedStatus(status):
		return Bad
	case codeErr == nil && code == tooManyRequests && r.TooManyRequestsIsBad:
		return Bad
	case codeErr == nil && code >= 400 && code < 500:
		return Good
	case codeErr == nil && code >= 500, failedFlags(o.Flags):
		return Bad
	case reported(o.GRPC) != "" && statusErr != nil:
		return Unclear
	case codeErr == nil && code >= 100:
		return Good
	}
	return Unclear
}

func failedStatus(status int) bool {
	return slices.Contains(failedStatuses, status) || status < 0 || status > lastGRPCStatus
}

func failedFlags(flags string) bool {
	for flag := range strings.SplitSeq(reported(flags), ",") {
		if slices.Contains(failures, strings.TrimSpace(flag)) {
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
