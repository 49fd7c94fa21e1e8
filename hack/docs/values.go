package main

import (
	"fmt"
	"os"
	"strings"

	"go.yaml.in/yaml/v3"
)

const valuesHead = `# Values of the chart

<!-- Generated from manifests/chart/values.yaml by make generate. Do not edit. -->

Helm checks values by a schema that is made from the operator's own options, so what the operator would refuse is refused before anything is
installed. What stands below ` + "`config`" + ` is the [configuration of the operator](configuration.md), verbatim.

| value | default | meaning |
|---|---|---|
`

// chartValues is the page of the chart's values, by the comments of values.yaml.
func chartValues(file string) (string, error) {
	text, err := os.ReadFile(file)
	if err != nil {
		return "", err
	}
	var document yaml.Node
	if err := yaml.Unmarshal(text, &document); err != nil {
		return "", fmt.Errorf("reading %s: %w", file, err)
	}
	var b strings.Builder
	b.WriteString(valuesHead)
	valueRows(&b, "", document.Content[0])
	return b.String(), nil
}

// valueRows writes a row for each value, with the comments above and behind it; one in braces is one value.
func valueRows(b *strings.Builder, path string, of *yaml.Node) {
	for i := 0; i+1 < len(of.Content); i += 2 {
		key, value := of.Content[i], of.Content[i+1]
		at := strings.TrimPrefix(path+"."+key.Value, ".")
		said := comments(key.HeadComment, key.LineComment, value.LineComment)
		switch parts := value.Kind == yaml.MappingNode && value.Style&yaml.FlowStyle == 0; {
		case at == "config":
			b.WriteString(row(code(at), "see there", "the operator's [configuration](configuration.md)"))
		case parts:
			if said != "" {
				b.WriteString(row(code(at), "", said))
			}
			valueRows(b, at, value)
		default:
			b.WriteString(row(code(at), code(written(value)), said))
		}
	}
}

// comments are the sentences of comments, without their signs.
func comments(all ...string) string {
	var words []string
	for _, c := range all {
		for line := range strings.Lines(c) {
			words = append(words, strings.TrimLeft(line, "# "))
		}
	}
	return cell(strings.Join(words, " "))
}

// written is a value in one line, as it would be typed.
func written(v *yaml.Node) string {
	plain := *v
	plain.HeadComment, plain.LineComment, plain.FootComment = "", "", ""
	text, err := yaml.Marshal(&plain)
	if err != nil {
		return v.Value
	}
	return cell(string(text))
}
