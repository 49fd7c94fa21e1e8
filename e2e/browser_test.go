package e2e

import (
	"bufio"
	"context"
	"fmt"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/chromedp/cdproto/emulation"
	"github.com/chromedp/chromedp"
)

// screenshotsVariable names a folder for pictures of what the stories saw in the browser; there are none without it.
const screenshotsVariable = "STAGGER_E2E_SCREENSHOTS"

// browser is one tab of a Chromium of the test's own.
type browser struct {
	t   *testing.T
	ctx context.Context
}

// openBrowser starts Chromium with a profile of its own. A story is skipped where there is none.
func openBrowser(t *testing.T) *browser {
	t.Helper()
	program := ""
	for _, name := range []string{"chromium", "chromium-browser", "google-chrome"} {
		if path, err := exec.LookPath(name); err == nil && program == "" {
			program = path
		}
	}
	if program == "" {
		t.Skip("there is no Chromium here to look at the dashboard with; hack/browser.sh installs it where it can")
	}
	options := append(chromedp.DefaultExecAllocatorOptions[:], chromedp.ExecPath(program), chromedp.UserDataDir(t.TempDir()), chromedp.NoSandbox, chromedp.DisableGPU,
		chromedp.Flag("disable-component-update", true), chromedp.WindowSize(1280, 900))
	ctx, stop := chromedp.NewExecAllocator(t.Context(), options...)
	t.Cleanup(stop)
	ctx, end := chromedp.NewContext(ctx)
	t.Cleanup(end)
	b := &browser{t: t, ctx: ctx}
	if err := chromedp.Do(ctx); err != nil {
		t.Fatalf("starting %s: %v", program, err)
	}
	return b
}

func (b *browser) do(what string, steps ...chromedp.Action[chromedp.Void]) {
	b.t.Helper()
	ctx, stop := context.WithTimeout(b.ctx, patience)
	defer stop()
	if err := chromedp.Do(ctx, steps...); err != nil {
		b.t.Fatalf("%s: %v", what, err)
	}
}

// says evaluates an expression that is a text.
func (b *browser) says(expression string) string {
	ctx, stop := context.WithTimeout(b.ctx, patience)
	defer stop()
	text, err := chromedp.Run(ctx, chromedp.Evaluate[string](expression))
	if err != nil {
		return err.Error()
	}
	return text
}

// shows waits until the text of an element contains something.
func (b *browser) shows(selector, want string) {
	b.t.Helper()
	waitWithin(b.t, 3*time.Minute, fmt.Sprintf("the page shows %q in %s", want, selector), func() (bool, string) {
		text := b.says(fmt.Sprintf(`(document.querySelector(%q) || {textContent: "nothing"}).textContent`, selector))
		return strings.Contains(text, want), text
	})
}

// picture keeps what is seen, light and dark, for people to look at.
func (b *browser) picture(name string) {
	b.t.Helper()
	dir := os.Getenv(screenshotsVariable)
	if dir == "" {
		return
	}
	if err := os.MkdirAll(dir, 0o700); err != nil {
		b.t.Fatal(err)
	}
	ctx, stop := context.WithTimeout(b.ctx, patience)
	defer stop()
	for _, scheme := range []string{"light", "dark"} {
		media := emulation.SetEmulatedMediaParams{Features: []*emulation.MediaFeature{{Name: "prefers-color-scheme", Value: scheme}}}
		if _, err := chromedp.Call(ctx, emulation.SetEmulatedMedia, media); err != nil {
			b.t.Fatalf("asking for %s colours: %v", scheme, err)
		}
		shot, err := chromedp.Run(ctx, chromedp.FullScreenshot(100))
		if err != nil {
			b.t.Fatalf("taking a picture: %v", err)
		}
		if err := os.WriteFile(filepath.Join(dir, name+"-"+scheme+".png"), shot, 0o600); err != nil {
			b.t.Fatal(err)
		}
	}
}

// startDashboard starts the plugin's dashboard for a namespace and returns its address. It is interrupted at the end, and must end well.
func startDashboard(t *testing.T, ns string, flags ...string) string {
	t.Helper()
	cmd := exec.Command(filepath.Join(adm.programs, "kubectl-stagger"), append([]string{"-n", ns, "dashboard"}, flags...)...)
	cmd.Stderr, cmd.SysProcAttr = os.Stderr, &syscall.SysProcAttr{Pdeathsig: syscall.SIGKILL}
	out, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatalf("starting the dashboard: %v", err)
	}
	t.Cleanup(func() {
		if err := cmd.Process.Signal(os.Interrupt); err != nil {
			t.Errorf("interrupting the dashboard: %v", err)
		}
		if err := cmd.Wait(); err != nil {
			t.Errorf("the dashboard ended: %v", err)
		}
	})
	line, err := bufio.NewReader(out).ReadString('\n')
	if err != nil {
		t.Fatalf("reading the address of the dashboard: %v", err)
	}
	address, err := url.Parse(strings.TrimSpace(line))
	if err != nil || address.Hostname() != "127.0.0.1" || address.Fragment == "" {
		t.Fatalf("the address of the dashboard is %q: %v", line, err)
	}
	return address.String()
}
