package cli

import (
	"os"
	"path/filepath"
	"testing"

	"k8s.io/cli-runtime/pkg/genericclioptions"
)

// A line that is copied leads to the cluster of who copied it, whatever the present context is by then, and holds no credentials.
func TestACopiedLineLeadsToTheSameCluster(t *testing.T) {
	path := filepath.Join(t.TempDir(), "config")
	text := `{apiVersion: v1, kind: Config, current-context: prod, contexts: [{name: prod, context: {cluster: a}}, {name: "it's test", context: {cluster: a}}], clusters: [{name: a, cluster: {server: "http://a"}}]}`
	if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	t.Setenv("KUBECONFIG", path)
	for name, c := range map[string]struct {
		change func(*genericclioptions.ConfigFlags)
		want   string
	}{
		"nothing given":     {func(*genericclioptions.ConfigFlags) {}, " --context prod"},
		"another context":   {func(f *genericclioptions.ConfigFlags) { *f.Context = "it's test" }, ` --context 'it'\''s test'`},
		"for somebody else": {func(f *genericclioptions.ConfigFlags) { *f.Impersonate, *f.BearerToken = "ops@example.com", "secret" }, " --context prod --as ops@example.com"},
		"another file":      {func(f *genericclioptions.ConfigFlags) { *f.KubeConfig = path }, " --kubeconfig " + path + " --context prod"},
		"no file":           {func(f *genericclioptions.ConfigFlags) { *f.KubeConfig, *f.APIServer = os.DevNull, "http://b" }, " --kubeconfig /dev/null --server http://b"},
	} {
		t.Run(name, func(t *testing.T) {
			flags := genericclioptions.NewConfigFlags(false)
			c.change(flags)
			if got := flagsOf(flags, contextOf(flags)); got != c.want {
				t.Errorf("got %q, want %q", got, c.want)
			}
		})
	}
}
