package cli

import (
	"errors"
	"net/url"
	"strconv"
	"strings"

	"github.com/spf13/pflag"
)

// Address is the value of --prometheus: an address of a server, "" when none was given. What has no scheme, such as localhost:9090, is http.
type Address string

// AddTo adds --prometheus with its help.
func (a *Address) AddTo(set *pflag.FlagSet, help string) { set.Var(a, "prometheus", help) }

// Set takes what was typed.
func (a *Address) Set(text string) error {
	text = strings.TrimSpace(text)
	if !strings.Contains(text, "://") {
		text = "http://" + text
	}
	at, err := url.Parse(text)
	switch {
	case err != nil || at.Scheme != "http" && at.Scheme != "https" || !isHost(at):
		return errors.New("write it as http://host:9090, host:9090 or [::1]:9090")
	case at.RawQuery != "" || at.Fragment != "":
		return errors.New("leave out what follows the path: write the address of the server alone, such as http://host:9090")
	}
	for _, page := range []string{"/graph", "/api/v1", "/api/v1/query"} {
		if strings.HasSuffix(strings.TrimRight(at.Path, "/"), page) {
			return errors.New("leave out " + page + ": write the address of the server alone, such as http://host:9090")
		}
	}
	*a = Address(text)
	return nil
}

// isHost says whether an address names a host, and a port if any. A name that is a scheme is one with a slip behind it, such as http:/host.
func isHost(at *url.URL) bool {
	name, port := at.Hostname(), at.Port()
	if port != "" || strings.HasSuffix(at.Host, ":") {
		if n, err := strconv.ParseUint(port, 10, 16); err != nil || n == 0 {
			return false
		}
	}
	switch name {
	case "", "http", "https", "unix":
		return false
	}
	return !strings.HasPrefix(name, ".") && !strings.HasPrefix(name, "-")
}

// String is the address with its scheme.
func (a *Address) String() string { return string(*a) }

// Type names the kind of value in the help.
func (*Address) Type() string { return "string" }
