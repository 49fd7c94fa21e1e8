package main

import "github.com/stagger-dev/stagger/operator/options"

// values are the values of the chart in manifests/chart; what they mean is said in its values.yaml.
type values struct {
	Image               image             `yaml:"image"`
	ImagePullSecrets    []object          `yaml:"imagePullSecrets"`
	Config              options.Options   `yaml:"config"`
	Namespaces          []string          `yaml:"namespaces" jsonschema:"uniqueItems=true"`
	Credentials         credentials       `yaml:"credentials"`
	MetricsCertificate  credentials       `yaml:"metricsCertificate"`
	Replicas            int               `yaml:"replicas" jsonschema:"minimum=0"`
	Resources           object            `yaml:"resources"`
	PriorityClassName   string            `yaml:"priorityClassName"`
	NodeSelector        map[string]string `yaml:"nodeSelector"`
	Tolerations         []object          `yaml:"tolerations"`
	Affinity            object            `yaml:"affinity"`
	PodLabels           map[string]string `yaml:"podLabels"`
	PodAnnotations      map[string]string `yaml:"podAnnotations"`
	ExtraEnv            []object          `yaml:"extraEnv"`
	ExtraVolumes        []object          `yaml:"extraVolumes"`
	ExtraVolumeMounts   []object          `yaml:"extraVolumeMounts"`
	PodDisruptionBudget enabled           `yaml:"podDisruptionBudget"`
	ServiceAccount      serviceAccount    `yaml:"serviceAccount"`
	Platform            string            `yaml:"platform" jsonschema:"enum=,enum=openshift,enum=gke"`
	Admission           admission         `yaml:"admission"`
	NetworkPolicy       networkPolicy     `yaml:"networkPolicy"`
	CRDs                crds              `yaml:"crds"`
	Policies            policies          `yaml:"policies"`
	Monitoring          monitoring        `yaml:"monitoring"`
	// Global is what a chart that contains this one gives to all of its parts.
	Global object `yaml:"global"`
}

// object is a part of Kubernetes's API, which the API server judges.
type object map[string]any

type image struct {
	Repository string `yaml:"repository" jsonschema:"minLength=1"`
	Tag        string `yaml:"tag"`
	Digest     string `yaml:"digest" jsonschema:"pattern=^(sha256:[0-9a-f]{64})?$"`
	PullPolicy string `yaml:"pullPolicy" jsonschema:"enum=,enum=Always,enum=IfNotPresent,enum=Never"`
}

type credentials struct {
	SecretName string `yaml:"secretName"`
}

type enabled struct {
	Enabled bool `yaml:"enabled"`
}

type serviceAccount struct {
	Create      bool              `yaml:"create"`
	Name        string            `yaml:"name" jsonschema:"minLength=1"`
	Annotations map[string]string `yaml:"annotations"`
}

type admission struct {
	Install string `yaml:"install" jsonschema:"enum=Auto,enum=Always,enum=Never"`
}

type port int

type networkPolicy struct {
	Enabled        bool   `yaml:"enabled"`
	APIServerPorts []port `yaml:"apiServerPorts"`
	ExtraPorts     []port `yaml:"extraPorts"`
}

type crds struct {
	Install bool `yaml:"install"`
	Keep    bool `yaml:"keep"`
}

type policies struct {
	Install       bool `yaml:"install"`
	ReadableByAll bool `yaml:"readableByAll"`
}

type monitoring struct {
	Enabled    bool              `yaml:"enabled"`
	Labels     map[string]string `yaml:"labels"`
	Dashboards dashboards        `yaml:"dashboards"`
}

type dashboards struct {
	Enabled         bool              `yaml:"enabled"`
	Labels          map[string]string `yaml:"labels"`
	Annotations     map[string]string `yaml:"annotations"`
	GrafanaOperator grafanaOperator   `yaml:"grafanaOperator"`
}

type grafanaOperator struct {
	Enabled          bool   `yaml:"enabled"`
	InstanceSelector object `yaml:"instanceSelector"`
}
