package main

import (
	"encoding/json"
	"fmt"
	"os"
	"strings"

	"github.com/invopop/jsonschema"
	"go.yaml.in/yaml/v2"

	"github.com/stagger-dev/stagger/operator/options"
)

// foreign are the settings with fields of other projects' types, whose documentation says what they mean.
var foreign = map[string]bool{"sources[].sigv4": true, "sources[]": true}

const configurationHead = `# Configuration of the operator

<!-- Generated from operator/options by make generate. Do not edit. -->

The operator reads one file, which ` + "`--config`" + ` names, once at its start. In the chart it is what stands below ` + "`config`" + `
([values](values.md)). What is left out has its default. A field that is not known, or makes no sense, is an error: the operator does not
start, and says in one sentence which field is wrong. A length of time is written as ` + "`5s`, `1m30s` or `1h`" + `.

| flag | meaning |
|---|---|
| ` + "`--config FILE`" + ` | the configuration file; without it every setting has its default |
| ` + "`--kubeconfig FILE`" + ` | how to reach the cluster; without it ` + "`$KUBECONFIG`" + `, the cluster the operator runs in, or ` + "`~/.kube/config`" + ` |
| ` + "`--version`" + ` | print the version and exit |

The defaults of ` + "`sources`" + ` are those of the one source that is there when none is given.

| setting | type | default | meaning |
|---|---|---|---|
`

const configurationFoot = `
Beside these, a source takes what Prometheus's own HTTP client takes: %s. Their fields are those of Prometheus's configuration
(https://prometheus.io/docs/prometheus/latest/configuration/configuration/, ` + "`" + `http_config` + "`" + `). Names of files are looked up beside
the configuration file. [Install: Prometheus](../install/prometheus.md) has examples for the clouds.
`

// configuration is the page of the settings: what they mean by the schema, and their defaults by the operator's own.
func configuration(schema string) (string, error) {
	text, err := os.ReadFile(schema)
	if err != nil {
		return "", err
	}
	var values jsonschema.Schema
	if err := json.Unmarshal(text, &values); err != nil {
		return "", fmt.Errorf("reading %s: %w", schema, err)
	}
	config, ok := values.Properties.Get("config")
	if !ok {
		return "", fmt.Errorf("%s has no config", schema)
	}
	text, err = yaml.Marshal(options.Default())
	if err != nil {
		return "", fmt.Errorf("writing the defaults: %w", err)
	}
	var defaults any
	if err := yaml.Unmarshal(text, &defaults); err != nil {
		return "", fmt.Errorf("reading the defaults: %w", err)
	}
	s := settings{}
	if err := s.walk("", config, defaults); err != nil {
		return "", err
	}
	return configurationHead + s.rows.String() + fmt.Sprintf(configurationFoot, "`"+strings.Join(s.client, "`, `")+"`"), nil
}

// settings are the rows of the table, and the fields of Prometheus's HTTP client.
type settings struct {
	rows   strings.Builder
	client []string
}

// walk writes a row for each field below a path, and for those below it. A field of the operator's own has a comment.
func (s *settings) walk(path string, of *jsonschema.Schema, defaults any) error {
	for p := of.Properties.Oldest(); p != nil; p = p.Next() {
		at, field := strings.TrimPrefix(path+"."+p.Key, "."), p.Value
		if foreign[path] && field.Description == "" {
			if path == "sources[]" {
				s.client = append(s.client, p.Key)
			}
			continue
		}
		if field.Description == "" {
			return fmt.Errorf("the setting %s has no comment in operator/options", at)
		}
		given := below(defaults, p.Key)
		leaf := field.Properties == nil && (field.Items == nil || field.Items.Properties == nil)
		shown := ""
		if leaf {
			shown = code(defaultOf(given))
		}
		s.rows.WriteString(row(code(at), typeOf(field), shown, cell(meaning(p.Key, field.Description))))
		switch {
		case field.Properties != nil:
			if err := s.walk(at, field, given); err != nil {
				return err
			}
		case !leaf:
			if err := s.walk(at+"[]", field.Items, first(given)); err != nil {
				return err
			}
		}
	}
	return nil
}

// meaning is a Go comment with the name that people write instead of Go's.
func meaning(key, comment string) string {
	if name, rest, ok := strings.Cut(comment, " "); ok && strings.EqualFold(name, key) {
		return code(key) + " " + rest
	}
	return comment
}

func typeOf(s *jsonschema.Schema) string {
	switch {
	case len(s.Enum) > 0:
		var all []string
		for _, v := range s.Enum {
			all = append(all, code(fmt.Sprint(v)))
		}
		return strings.Join(all, ", ")
	case s.Type == "array":
		return "list of " + typeOf(s.Items) + "s"
	case s.Type == "object" && s.Properties == nil:
		return "names and values"
	}
	return s.Type
}

// below is a field of what was read from YAML; nil when it is not there.
func below(of any, key string) any {
	if m, ok := of.(map[any]any); ok {
		return m[key]
	}
	return nil
}

func first(of any) any {
	if l, ok := of.([]any); ok && len(l) > 0 {
		return l[0]
	}
	return nil
}

// defaultOf writes a default; empty when it is nothing.
func defaultOf(v any) string {
	switch v := v.(type) {
	case nil, map[any]any:
		return ""
	case []any:
		var all []string
		for _, e := range v {
			all = append(all, fmt.Sprint(e))
		}
		return strings.Join(all, ", ")
	}
	return fmt.Sprint(v)
}
