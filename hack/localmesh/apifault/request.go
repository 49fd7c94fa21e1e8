package apifault

import (
	"net/http"
	"slices"
	"strings"
)

// request is what the API server's authorization sees in a request, too.
type request struct {
	verb, group, resource, subresource, namespace, name, userAgent string
}

// verbs are all that a request for a resource can have.
var verbs = [...]string{"get", "list", "watch", "create", "update", "patch", "delete", "deletecollection"}

// parse reads a request's method and path. A request that is for no resource, such as one for /readyz or /apis, gives false.
func parse(r *http.Request) (request, bool) {
	out := request{userAgent: r.UserAgent()}
	parts := strings.Split(strings.Trim(r.URL.Path, "/"), "/")
	switch {
	case parts[0] == "api" && len(parts) > 2:
		parts = parts[2:]
	case parts[0] == "apis" && len(parts) > 3:
		out.group, parts = parts[1], parts[3:]
	default:
		return request{}, false
	}
	if parts[0] == "namespaces" && len(parts) > 1 {
		out.namespace = parts[1]
		if len(parts) > 2 && !slices.Contains([]string{"status", "finalize"}, parts[2]) {
			parts = parts[2:]
		}
	}
	out.resource = parts[0]
	if len(parts) > 1 {
		out.name = parts[1]
	}
	if len(parts) > 2 {
		out.subresource = parts[2]
	}
	out.verb = verbOf(r, out.name != "")
	return out, true
}

func verbOf(r *http.Request, named bool) string {
	switch r.Method {
	case http.MethodPost:
		return "create"
	case http.MethodPut:
		return "update"
	case http.MethodPatch:
		return "patch"
	case http.MethodDelete:
		if named {
			return "delete"
		}
		return "deletecollection"
	}
	if watch := r.URL.Query().Get("watch"); watch == "true" || watch == "1" {
		return "watch"
	}
	if named {
		return "get"
	}
	return "list"
}
