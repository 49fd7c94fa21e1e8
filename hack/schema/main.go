// Schema prints the JSON schema of the chart's values. The part below config comes from the operator's own options, so that Helm refuses
// what the operator would not understand. It is run in the folder of the repository, by make generate.
package main

import (
	"encoding/json"
	"fmt"
	"os"
	"reflect"
	"time"

	"github.com/invopop/jsonschema"
	"github.com/prometheus/common/config"

	"github.com/stagger-dev/stagger/operator/direct"
	"github.com/stagger-dev/stagger/operator/options"
	"github.com/stagger-dev/stagger/pkg/metrics"
)

func main() {
	if err := run(); err != nil {
		fmt.Fprintln(os.Stderr, "schema:", err)
		os.Exit(1)
	}
}

func run() error {
	r := &jsonschema.Reflector{
		FieldNameTag: "yaml", Anonymous: true, DoNotReference: true, ExpandedStruct: true, RequiredFromJSONSchemaTags: true, Mapper: text,
	}
	// The comments of the options are what an editor shows beside a field.
	if err := r.AddGoComments("github.com/stagger-dev/stagger", "./operator/options"); err != nil {
		return fmt.Errorf("reading the comments of the options: %w", err)
	}
	s := r.Reflect(&values{})
	s.Title = "Values of the chart stagger"
	out := json.NewEncoder(os.Stdout)
	out.SetIndent("", "  ")
	out.SetEscapeHTML(false)
	return out.Encode(s)
}

// text says how the types that read themselves from text are written in a file.
func text(t reflect.Type) *jsonschema.Schema {
	switch t {
	case reflect.TypeFor[time.Duration]():
		return &jsonschema.Schema{Type: "string", Description: "a duration such as 5s or 1h30m"}
	case reflect.TypeFor[config.URL](), reflect.TypeFor[config.Secret](), reflect.TypeFor[config.TLSVersion]():
		return &jsonschema.Schema{Type: "string"}
	case reflect.TypeFor[config.Headers](), reflect.TypeFor[config.ProxyHeader](), reflect.TypeFor[object]():
		return &jsonschema.Schema{Type: "object"}
	case reflect.TypeFor[port]():
		return &jsonschema.Schema{Type: "integer", Minimum: "1", Maximum: "65535"}
	case reflect.TypeFor[direct.Mode]():
		return &jsonschema.Schema{Enum: []any{direct.Auto, direct.Off, false}} // false is an Off without quotes
	case reflect.TypeFor[options.Hold]():
		return oneOf(options.HoldAuto, options.HoldOnChange, options.HoldAlways)
	case reflect.TypeFor[options.Serving]():
		return oneOf(options.ServeAuto, options.ServeSecure, options.ServePlain)
	case reflect.TypeFor[metrics.Detail]():
		return oneOf(metrics.AllReleases, metrics.WaitingReleases, metrics.NoReleases)
	case reflect.TypeFor[options.Level]():
		return oneOf(options.LevelError, options.LevelInfo, options.LevelDebug)
	case reflect.TypeFor[options.Format]():
		return oneOf(options.FormatJSON, options.FormatText)
	}
	return nil
}

func oneOf[T ~string](values ...T) *jsonschema.Schema {
	s := &jsonschema.Schema{Type: "string"}
	for _, v := range values {
		s.Enum = append(s.Enum, string(v))
	}
	return s
}
