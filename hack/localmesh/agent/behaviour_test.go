package agent

import (
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/api/resource"
)

func plain() Behaviour {
	return Behaviour{
		Version: "1.0.0", Port: 8080, ErrorCode: 500, SlowLatency: 500 * time.Millisecond, ExitCode: 1, ShutdownAfter: 2 * time.Second,
		CPU: time.Millisecond, Memory: resource.MustParse("16Mi"), ErrorHeaderRate: 1, Header: http.Header{},
	}
}

func TestParseBehaviour(t *testing.T) {
	cases := map[string]struct {
		image string
		env   []corev1.EnvVar
		args  []string
		want  func(*Behaviour)
	}{
		"a plain image is healthy":           {image: "shop:1.0.0", want: func(*Behaviour) {}},
		"the registry's port is not the tag": {image: "localhost:5000/shop", want: func(b *Behaviour) { b.Version = "latest" }},
		"a digest is not the tag":            {image: "shop:2@sha256:ab", want: func(b *Behaviour) { b.Version = "2" }},
		"the ending of the tag is a behaviour": {
			image: "shop:1.1.0-errors",
			want:  func(b *Behaviour) { b.Version, b.ErrorRate = "1.1.0-errors", 0.3 },
		},
		"the environment is stronger than the tag": {
			image: "shop:1.1.0-errors", env: []corev1.EnvVar{{Name: "APP_ERROR_RATE", Value: "0.5"}},
			want: func(b *Behaviour) { b.Version, b.ErrorRate = "1.1.0-errors", 0.5 },
		},
		"arguments are stronger than the environment": {
			image: "shop:1.0.0", env: []corev1.EnvVar{{Name: "APP_LATENCY", Value: "5ms"}},
			args: []string{"--latency=20ms", "--error-code=503", "--crash-after=1m", "--never-ready"},
			want: func(b *Behaviour) {
				b.Latency, b.ErrorCode, b.CrashAfter, b.NeverReady = 20*time.Millisecond, 503, time.Minute, true
			},
		},
		"whose requests fail at a rate of their own": {
			image: "shop:1.0.0", args: []string{"--error-rate=0.001", "--error-header=x-cohort=staff", "--error-header-rate=0.003"},
			want: func(b *Behaviour) {
				b.ErrorRate, b.ErrorHeader, b.ErrorHeaderRate = 0.001, HeaderMatch{"x-cohort", "staff"}, 0.003
			},
		},
		"a header of any value": {
			image: "shop:1.0.0", args: []string{"--error-header=x-cohort"},
			want: func(b *Behaviour) { b.ErrorHeader = HeaderMatch{Name: "x-cohort"} },
		},
		"what it asks once": {
			image: "shop:1.0.0", args: []string{"--request=http://10.244.200.2/", "--host=checkout-preview.shop", "--header=x-a=1", "--header=cookie=b=2"},
			want: func(b *Behaviour) {
				b.Request, b.Host, b.Header = "http://10.244.200.2/", "checkout-preview.shop", http.Header{"X-A": {"1"}, "Cookie": {"b=2"}}
			},
		},
		"what it uses": {
			image: "shop:1.0.0", args: []string{"--cpu=3ms", "--memory=40Mi"},
			want: func(b *Behaviour) { b.CPU, b.Memory = 3*time.Millisecond, resource.MustParse("40Mi") },
		},
	}
	for name, c := range cases {
		t.Run(name, func(t *testing.T) {
			want := plain()
			c.want(&want)
			got, err := ParseBehaviour(corev1.Container{Name: "app", Image: c.image, Env: c.env, Args: c.args})
			if err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(want, got); diff != "" {
				t.Errorf("behaviour (-want +got):\n%s", diff)
			}
		})
	}
}

func TestParseBehaviourNamesWhatIsWrong(t *testing.T) {
	cases := map[string]struct {
		container corev1.Container
		mention   string
	}{
		"a share above one":      {corev1.Container{Args: []string{"--error-rate=2"}}, "--error-rate=2"},
		"an unknown argument":    {corev1.Container{Args: []string{"--eror-rate=1"}}, "eror-rate"},
		"a word":                 {corev1.Container{Args: []string{"serve"}}, `"serve"`},
		"a status out of range":  {corev1.Container{Args: []string{"--error-code=42"}}, "--error-code=42"},
		"another share":          {corev1.Container{Args: []string{"--error-header-rate=-1"}}, "--error-header-rate=-1"},
		"a header without value": {corev1.Container{Args: []string{"--request=http://a/", "--header=x"}}, "NAME=VALUE"},
		"a host for nothing":     {corev1.Container{Args: []string{"--host=a"}}, "--request"},
		"a header for nothing":   {corev1.Container{Args: []string{"--header=a=b"}}, "--request"},
		"a request for a word":   {corev1.Container{Args: []string{"--request=checkout"}}, "--request=checkout"},
		"a request by HTTPS":     {corev1.Container{Args: []string{"--request=https://a/"}}, "--request=https://a/"},
		"an environment setting": {corev1.Container{Env: []corev1.EnvVar{{Name: "APP_LATENCY", Value: "soon"}}}, "APP_LATENCY"},
	}
	for name, c := range cases {
		t.Run(name, func(t *testing.T) {
			_, err := ParseBehaviour(c.container)
			if err == nil || !strings.Contains(err.Error(), c.mention) {
				t.Errorf("error %v does not mention %s", err, c.mention)
			}
		})
	}
}
