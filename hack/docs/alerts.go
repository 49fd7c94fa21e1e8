package main

import (
	"cmp"
	"fmt"
	"os"
	"path"
	"strings"

	"sigs.k8s.io/yaml"
)

const alertsHead = `# Alerts

<!-- Generated from manifests/monitoring/alerts.yaml by make generate. Do not edit. -->

The rules that ` + "`manifests/monitoring`" + ` and the chart's value ` + "`monitoring.enabled`" + ` install, for the Prometheus operator. [Runbooks](../runbooks/index.md)
says who is told of what. *critical*: users meet a bad version, or would; *warning*: releases suffer; *info*: for the team of the namespace.

| alert | severity | after | says |
|---|---|---|---|
`

// rules is what is read of a PrometheusRule.
type rules struct {
	Spec struct {
		Groups []struct {
			Rules []struct {
				Alert       string            `json:"alert"`
				Expr        string            `json:"expr"`
				For         string            `json:"for"`
				Labels      map[string]string `json:"labels"`
				Annotations map[string]string `json:"annotations"`
			} `json:"rules"`
		} `json:"groups"`
	} `json:"spec"`
}

// alerts is the page of the alerts: a table, then each with its expression.
func alerts(file string) (string, error) {
	text, err := os.ReadFile(file)
	if err != nil {
		return "", err
	}
	var all rules
	if err := yaml.Unmarshal(text, &all); err != nil {
		return "", fmt.Errorf("reading %s: %w", file, err)
	}
	var table, each strings.Builder
	for _, g := range all.Spec.Groups {
		for _, r := range g.Rules {
			after := cmp.Or(r.For, "0s")
			page := path.Base(r.Annotations["runbook_url"])
			table.WriteString(row("["+r.Alert+"](#"+strings.ToLower(r.Alert)+")", r.Labels["severity"], after, cell(r.Annotations["summary"])))
			fmt.Fprintf(&each, "\n## %s\n\n%s\n\n*%s*, after %s. What to do: [%s](../runbooks/%s).\n\n```promql\n%s\n```\n",
				r.Alert, r.Annotations["description"], r.Labels["severity"], after, strings.TrimSuffix(page, ".md"), page, strings.TrimSpace(r.Expr))
		}
	}
	return alertsHead + table.String() + each.String(), nil
}
