// Pictures makes what hack/pictures.sh needs beside Perses's renderer: a day of a made-up fleet, and photographs of its boards.
//
//	pictures fleet <policies>                  the day's samples, as promtool backfills them; with the policies of the folder
//	pictures photograph <page> <address> <dir> the boards, light and dark, of the Prometheus at the address
package main

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"time"

	"github.com/chromedp/chromedp"
)

// end is the present of the pictures.
var end = time.Date(2026, 1, 15, 12, 0, 0, 0, time.UTC)

// boards are the boards with the time they show.
var boards = map[string]time.Duration{"fleet": 24 * time.Hour, "release": 40 * time.Minute, "evidence": 6 * time.Hour, "operator": 6 * time.Hour}

const (
	width = 1400
	// patience is how long a board may take to be drawn.
	patience = 2 * time.Minute
)

func main() {
	if err := run(os.Args[1:]); err != nil {
		fmt.Fprintln(os.Stderr, "pictures:", err)
		os.Exit(1)
	}
}

func run(args []string) error {
	switch {
	case len(args) == 2 && args[0] == "fleet":
		d, err := newDay(args[1])
		if err != nil {
			return err
		}
		out := bufio.NewWriter(os.Stdout)
		d.write(out)
		return out.Flush()
	case len(args) == 4 && args[0] == "photograph":
		return photograph(args[1], args[2], args[3])
	}
	return errors.New("usage: pictures fleet <policies>, or pictures photograph <page> <address> <dir>")
}

func photograph(at, prometheus, dir string) error {
	program := ""
	for _, name := range []string{"google-chrome", "chromium-browser", "chromium"} {
		if path, err := exec.LookPath(name); err == nil {
			program = path
		}
	}
	if program == "" {
		return errors.New("there is no Chromium here; hack/browser.sh installs it where it can")
	}
	options := append(chromedp.DefaultExecAllocatorOptions[:], chromedp.ExecPath(program), chromedp.NoSandbox, chromedp.DisableGPU, chromedp.WindowSize(width, 900),
		chromedp.Flag("disable-component-update", true), chromedp.Env("TZ=UTC"), chromedp.Flag("allow-file-access-from-files", true))
	allocated, stop := chromedp.NewExecAllocator(context.Background(), options...)
	defer stop()
	for board, length := range boards {
		for _, theme := range []string{"light", "dark"} {
			ask := url.Values{
				"board": {"stagger-" + board}, "theme": {theme}, "prometheus": {prometheus},
				"from": {fmt.Sprint(end.Add(-length).UnixMilli())}, "to": {fmt.Sprint(end.UnixMilli())},
			}
			picture, err := shoot(allocated, "file://"+at+"?"+ask.Encode())
			if err != nil {
				return fmt.Errorf("photographing %s, %s: %w", board, theme, err)
			}
			if err := os.WriteFile(filepath.Join(dir, "board-"+board+"-"+theme+".png"), picture, 0o644); err != nil {
				return fmt.Errorf("writing a picture: %w", err)
			}
		}
	}
	return nil
}

// shoot opens an address and photographs the whole page when it has been still for a while: nothing is asked or drawn any more.
func shoot(allocated context.Context, address string) ([]byte, error) {
	ctx, end := chromedp.NewContext(allocated)
	defer end()
	ctx, stop := context.WithTimeout(ctx, patience)
	defer stop()
	const still = `new Promise(done => {
  let last = "", calm = 0
  const look = () => {
    const now = document.body.innerText + [...document.querySelectorAll("canvas")].map(c => c.toDataURL()).join() + performance.getEntriesByType("resource").length
    calm = now === last && document.querySelector("canvas") && !document.querySelector("[role=progressbar]") ? calm + 1 : 0
    last = now
    calm > 4 ? done(document.documentElement.scrollHeight) : setTimeout(look, 500)
  }
  look()
})`
	if err := chromedp.Do(ctx, chromedp.Navigate(address)); err != nil {
		return nil, err
	}
	height, err := chromedp.Run(ctx, chromedp.Evaluate[int64](still, chromedp.EvalAwaitPromise))
	if err != nil {
		return nil, err
	}
	// Charts are drawn anew when the window grows, so that is waited for, too.
	if err := chromedp.Do(ctx, chromedp.EmulateViewport(width, height)); err != nil {
		return nil, err
	}
	if _, err := chromedp.Run(ctx, chromedp.Evaluate[int64](still, chromedp.EvalAwaitPromise)); err != nil {
		return nil, err
	}
	return chromedp.Run(ctx, chromedp.CaptureScreenshot())
}
