package dashboard

import (
	"errors"
	"io/fs"
	"os"
	"strings"
	"testing"

	"github.com/stagger-dev/stagger/operator/kubectl/cli"
)

// What programs are started with is seen by all users of a machine, so the token must not be among it.
func TestABrowserIsOpenedByAFileThatOthersCannotRead(t *testing.T) {
	opened := ""
	env := cli.Env{Open: func(path string) error {
		opened = path
		return nil
	}}
	forget, err := browse("http://127.0.0.1:8080/#token=t0ken", env)
	if err != nil {
		t.Fatal(err)
	}
	info, err := os.Stat(opened)
	if err != nil {
		t.Fatal(err)
	}
	text, err := os.ReadFile(opened)
	if err != nil {
		t.Fatal(err)
	}
	if info.Mode().Perm() != 0o600 || strings.Contains(opened, "t0ken") || !strings.Contains(string(text), "url=http://127.0.0.1:8080/#token=t0ken\"") {
		t.Errorf("%s has mode %s and says %s", opened, info.Mode(), text)
	}
	forget()
	if _, err := os.Stat(opened); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("the file is left: %v", err)
	}
	if forget, err := browse("http://127.0.0.1:8080/", cli.Env{}); err == nil {
		t.Error("a browser that is not known was opened")
	} else {
		forget()
	}
}
