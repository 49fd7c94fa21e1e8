package cli

import (
	"errors"
	"net/url"
	"strings"

	"github.com/spf13/pflag"
)

// Address is the value of --prometheus: an address of a server, "" when none was given. What has no scheme, such as localhost:9090, is http.
type Address string

// AddTo adds --prometheus with its help.
func (a *Address) AddTo(set *pflag.FlagSet, help string) { set.Var(a, "prometheus", help) }

// Set takes what was typed.
func (a *Address) Set(text string) error {
	if !strings.Contains(text, "://") {
		text = "http://" + text
	}
	at, err := url.Parse(text)
	if err != nil || at.Hostname() == "" || at.Scheme != "http" && at.Scheme != "https" {
		return errors.New("write it as http://host:9090, or host:9090")
	}
	*a = Address(text)
	return nil
}

// String is the address with its scheme.
func (a *Address) String() string { return string(*a) }

// Type names the kind of value in the help.
func (*Address) Type() string { return "string" }
