{{/* The labels of everything. */}}
{{- define "stagger.labels" -}}
{app.kubernetes.io/name: stagger}
{{- end }}

{{/* The user name of the operator, which the admission policies know it by. */}}
{{- define "stagger.user" -}}
system:serviceaccount:{{ .Release.Namespace }}:{{ .Values.serviceAccount.name }}
{{- end }}

{{/* The operator's configuration: config, and the namespaces. */}}
{{- define "stagger.config" -}}
{{- if hasKey .Values.config "namespaces" }}
{{- fail "config.namespaces: use the value namespaces instead, which gives the rights that belong to it" }}
{{- end }}
{{- if and (gt (int .Values.replicas) 1) (not (dig "leaderElection" "enabled" true .Values.config)) }}
{{- fail "config.leaderElection.enabled is false: set replicas to 1, because two operators must not work at the same time" }}
{{- end }}
{{- $config := deepCopy .Values.config }}
{{- with .Values.namespaces }}{{ $_ := set $config "namespaces" . }}{{ end }}
{{- if .Values.metricsCertificate.secretName }}
{{- if dig "metrics" "certificate" "dir" "" $config }}
{{- fail "config.metrics.certificate.dir and metricsCertificate.secretName both give a certificate: leave one out" }}
{{- end }}
{{- if eq (dig "metrics" "serving" "Auto" $config) "Plain" }}
{{- fail "config.metrics.serving is Plain, which serves without the certificate of metricsCertificate.secretName: leave one out" }}
{{- end }}
{{- $_ := set $config "metrics" (mergeOverwrite (dict) ($config.metrics | default dict) (dict "certificate" (dict "dir" "/etc/stagger-metrics"))) }}
{{- end }}
{{- toYaml $config }}
{{- end }}

{{/* The port of an address of the configuration, host:port; nothing where it is off: (list config "metrics" ":8443"). */}}
{{- define "stagger.listens" -}}
{{- regexFind "[0-9]+$" (regexFind ":[0-9]+$" (dig (index . 1) "address" (index . 2) (index . 0))) }}
{{- end }}

{{/* The ports by which the sources, their proxies and token servers, and the proxies of pods are reached, as a YAML list without doubles. */}}
{{- define "stagger.ports" -}}
{{- $ports := list }}
{{- range $source := .Values.config.sources | default list }}
{{- range $address := list $source.address $source.proxy_url (dig "oauth2" "token_url" "" $source) (dig "oauth2" "proxy_url" "" $source) }}
{{- with $address }}
{{- $url := urlParse . }}
{{- $port := regexFind "[0-9]+$" (regexFind ":[0-9]+$" $url.host) | default (ternary "443" "80" (eq $url.scheme "https")) }}
{{- $ports = append $ports (int $port) }}
{{- end }}
{{- end }}
{{- end }}
{{- if not (has (dig "direct" "mode" "Auto" .Values.config) (list "Off" false)) }}{{ $ports = append $ports 15090 }}{{ end }}
{{- range .Values.networkPolicy.extraPorts }}{{ $ports = append $ports (int .) }}{{ end }}
{{- uniq $ports | toJson }}
{{- end }}

{{/* What of role.yaml lives in no namespace: rights to it need a ClusterRole also where the rest is a Role in each namespace. */}}
{{- define "stagger.clusterScoped" -}}
namespaces shiftpolicies shiftpolicies/status mutatingadmissionpolicies mutatingadmissionpolicybindings tokenreviews subjectaccessreviews
{{- end }}

{{/* The rules of role.yaml for these resources: (dict "rules" list "of" list "not" bool). */}}
{{- define "stagger.rules" -}}
{{- range $rule := .rules }}
{{- $resources := list }}
{{- range $rule.resources }}{{ if ne (has . $.of) $.not }}{{ $resources = append $resources . }}{{ end }}{{ end }}
{{- with $resources }}
- apiGroups: {{ toJson $rule.apiGroups }}
  resources: {{ toJson . }}
  verbs: {{ toJson $rule.verbs }}
{{- end }}
{{- end }}
{{- end }}
