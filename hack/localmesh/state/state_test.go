package state

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
)

func TestOpenPrefersTheFlagThenTheVariable(t *testing.T) {
	t.Setenv("XDG_STATE_HOME", "/xdg")
	cases := map[string]struct {
		flag, variable, want string
	}{
		"the flag":      {flag: "/a", variable: "/b", want: "/a"},
		"the variable":  {variable: "/b", want: "/b"},
		"the user's":    {want: "/xdg/stagger/localmesh"},
		"made absolute": {flag: "mesh", want: filepath.Join(pwd(t), "mesh")},
	}
	for name, c := range cases {
		t.Run(name, func(t *testing.T) {
			t.Setenv(Variable, c.variable)
			got, err := Open(c.flag)
			if err != nil {
				t.Fatal(err)
			}
			if string(got) != c.want {
				t.Errorf("got %s, want %s", got, c.want)
			}
		})
	}
}

func pwd(t *testing.T) string {
	t.Helper()
	dir, err := os.Getwd()
	if err != nil {
		t.Fatal(err)
	}
	return dir
}

func TestEnvironReplacesWhatIsThere(t *testing.T) {
	t.Setenv("PATH", "/usr/bin")
	env := Dir("/m").Environ([]string{"HOME=/h", "KUBECONFIG=/mine", "PATH=/usr/bin", "KUBECONFIG=/other"})
	values := map[string][]string{}
	for _, entry := range env {
		name, value, _ := strings.Cut(entry, "=")
		values[name] = append(values[name], value)
	}
	for name, want := range map[string]string{
		"HOME": "/h", "KUBECONFIG": "/m/kubeconfig", "KUBECONFIG_FAULTY": "/m/kubeconfig-faulty",
		"PATH": "/m/bin:/usr/bin", Variable: "/m", "GATEWAY": Gateway, "PROMETHEUS_URL": Prometheus,
		"PROMETHEUS_URL_FAULTY": FaultyPrometheus, "PROMETHEUS_SCRAPED": "/m/scraped",
	} {
		if got := values[name]; len(got) != 1 || got[0] != want {
			t.Errorf("%s is %q, want once %q", name, got, want)
		}
	}
}

func TestClearLeavesForeignFilesAlone(t *testing.T) {
	d := Dir(t.TempDir())
	for _, name := range []string{"notes.txt", "kubeconfig"} {
		if err := os.WriteFile(d.Path(name), []byte("x"), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	if err := d.Clear(); err != nil {
		t.Fatal(err)
	}
	if _, err := os.Stat(d.Path("notes.txt")); err != nil {
		t.Errorf("a file that is not the mesh's is gone: %v", err)
	}
	if _, err := os.Stat(d.Kubeconfig()); !os.IsNotExist(err) {
		t.Errorf("the old kubeconfig is still there (%v)", err)
	}
	if info, err := os.Stat(d.Path("logs")); err != nil || !info.IsDir() {
		t.Errorf("the folder for logs is not there: %v", err)
	}
}
