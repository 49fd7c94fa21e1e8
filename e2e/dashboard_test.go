package e2e

import (
	"strings"
	"testing"

	"github.com/chromedp/chromedp"

	"github.com/stagger-dev/stagger/pkg/apis/stagger/v1alpha1"
)

// A release is found, followed and taken back in a browser.
func TestAReleaseIsTakenBackOnTheDashboard(t *testing.T) {
	t.Parallel()
	b := openBrowser(t)
	s := tell(t).judgedBy(`{pace: {type: Fixed}, warmup: 1s, workload: {readyWithin: 60s, drain: 2s},
  steps: [{weight: "30%", hold: 1h}, {weight: "50%", hold: 1h}, {weight: "100%", hold: 5s}], objectives: [{name: availability, indicator: Requests, target: "95%"}]}`).gateway()
	address := startDashboard(t, s.ns)
	b.do("opening the page", chromedp.Navigate(address), chromedp.WaitVisible(chromedp.CSS(".fleet")))
	b.shows(".fleet tbody", "checkout")
	b.shows(".fleet tbody .state", "Idle")
	if at := b.says("location.href"); strings.Contains(at, "token") {
		t.Errorf("the token stays in the address: %s", at)
	}
	s.push("1.1.0")
	b.shows(".fleet tbody .state", "Shifting")
	b.shows(".fleet tbody .weight", "30%")
	b.picture("fleet")

	b.do("following the release", chromedp.Click(chromedp.CSS(".fleet .service a")), chromedp.WaitVisible(chromedp.CSS(".contest")))
	s.live("30%")
	b.shows(".facts", "30%")
	b.shows(".stops .here", "now")
	waitFor(t, "the plots are drawn", func() (bool, string) {
		drawn := b.says(`[...document.querySelectorAll("path.series")].map(p => p.className.baseVal + " " + p.getAttribute("d").length).join(", ")`)
		for _, kind := range []string{"wanted", "live", "stable", "canary", "against", "for"} {
			if !strings.Contains(drawn, "series "+kind+" ") || strings.Contains(drawn, "series "+kind+" 0") {
				return false, drawn
			}
		}
		return true, drawn
	})
	s.meets("1.1.0", 60, s.began)
	b.picture("release")

	b.do("asking for an abort", chromedp.Click(chromedp.CSS("button.abort")), chromedp.WaitVisible(chromedp.CSS("dialog[open]")))
	b.shows("dialog", "release 1 of checkout")
	b.shows("dialog", "from 30% to 0%")
	b.picture("abort")
	b.do("commanding it", chromedp.SendKeys(chromedp.CSS("dialog textarea"), "seen on the page"), chromedp.Click(chromedp.CSS("dialog button.confirm")),
		chromedp.WaitNotPresent(chromedp.CSS("dialog[open]")))
	b.shows(".now .badge", "Aborted")
	b.shows(".note", "aborted by command ("+me(t)+"): seen on the page")
	b.picture("aborted")
	if x := s.ended(1, v1alpha1.StateAborted); x.Status.Release.Outcome.Reason != v1alpha1.ReasonCommanded {
		t.Errorf("the release ended by %+v", x.Status.Release.Outcome)
	}
	if why := b.says(`document.querySelector("button.abort").title`); !strings.Contains(why, "no release of checkout is running") {
		t.Errorf("the button for an abort says %q", why)
	}
	s.restored()
	s.losesNothing()
}
