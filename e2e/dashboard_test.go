package e2e

import (
	"cmp"
	"encoding/json"
	"fmt"
	"math"
	"strconv"
	"strings"
	"testing"

	"github.com/chromedp/chromedp"
	"github.com/chromedp/chromedp/kb"

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
	s.meets("1.1.0", 60, s.began)
	s.plotted(b)
	b.readByKeys("wanted 30%, live ")
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
	s.seenLate(b)
}

// seenLate opens the release when all is over, on a dashboard that was started after it: its record and Prometheus tell what happened.
func (s *story) seenLate(b *browser) {
	s.t.Helper()
	open := func(address string) {
		b.do("opening the page late", chromedp.Navigate(address), chromedp.WaitVisible(chromedp.CSS(".fleet")), chromedp.Click(chromedp.CSS(".fleet .service a")),
			chromedp.WaitVisible(chromedp.CSS(".contest")))
	}
	const weights = `section[aria-label="Weight over time"]`
	open(startDashboard(s.t, s.ns))
	b.shows(weights, "From the record of the release")
	b.shows(weights, "start the dashboard with --prometheus")
	if seen := b.says(fmt.Sprintf(drawn, "wanted")); !strings.HasSuffix(seen, "0,30,0") {
		s.t.Errorf("the weights of the record are %s", seen)
	}
	open(startDashboard(s.t, s.ns, "--prometheus", prometheus()))
	b.shows(weights, "What was before that is from Prometheus")
	waitFor(s.t, "the live weight of the time before is drawn", func() (bool, string) {
		seen := b.says(fmt.Sprintf(drawn, "live"))
		return strings.Contains(seen, ","), seen
	})
	b.picture("late")

	b.do("reading the report", chromedp.Click(chromedp.CSS("details summary")))
	b.shows("details pre", "# Release 1 of checkout in "+s.ns+": aborted")
	if out := b.says(`Object.defineProperty(navigator, "clipboard", {value: undefined}) && "gone"`); out != "gone" {
		s.t.Errorf("taking the clipboard away: %s", out)
	}
	b.do("copying a command by the keyboard", chromedp.Focus(chromedp.CSS(".commands button")), chromedp.KeyEvent(kb.Enter))
	b.shows(".commands button", "Copied")
	b.shows(".commands code", "kubectl stagger pause checkout -n "+s.ns)
}

// drawn are the different values of a line, in their order, without what is not known.
const drawn = `[...document.querySelectorAll(".canvas")].flatMap(({u}) => u.series.slice(1).map((line, i) => [line.label, u.data[i + 1]]))
  .find(([label]) => label === %q)[1].filter((v) => v !== null).filter((v, i, all) => v !== all[i - 1]).join()`

// plotted waits until the plots show the values of the status, and every line and limit of them is seen in its colour.
func (s *story) plotted(b *browser) {
	s.t.Helper()
	var seen string
	s.until("the plots show what the status says", func(x *v1alpha1.TrafficShift) bool {
		seen = b.says(lastValues)
		var shown map[string]float64
		return json.Unmarshal([]byte(seen), &shown) == nil && shows(shown, x)
	})
	s.t.Logf("the plots show %s", seen)
	waitFor(s.t, "every line and every limit is drawn", func() (bool, string) {
		counted := b.says(pixels)
		var drawn map[string]int
		if err := json.Unmarshal([]byte(counted), &drawn); err != nil {
			return false, fmt.Sprintf("%v: %s", err, counted)
		}
		for _, line := range []string{"wanted", "live", "stable", "canary", "against", "for", "allowed 5%", "aborts at 100", "passes at 20"} {
			if drawn[line] < 10 {
				return false, line + " is not in " + counted
			}
		}
		return true, counted
	})
}

// lastValues is what uPlot shows at the right end of each line, by the line's name.
const lastValues = `JSON.stringify(Object.fromEntries([...document.querySelectorAll(".canvas")].flatMap(
  ({u}) => u.series.slice(1).map((line, i) => [line.label, u.data[i + 1].at(-1)]))))`

// pixels are how many of a canvas have the colour of a line, and in the row of a limit that of the limit.
const pixels = `JSON.stringify(Object.fromEntries([...document.querySelectorAll(".canvas")].flatMap(({u, p}) => {
  const count = (kind, top, height) => {
    const hex = getComputedStyle(document.documentElement).getPropertyValue("--" + kind).trim();
    const want = [1, 3, 5].map((at) => parseInt(hex.slice(at, at + 2), 16));
    const {data} = u.ctx.getImageData(u.bbox.left, top, u.bbox.width, height);
    let n = 0;
    for (let i = 0; i < data.length; i += 4) if (data[i + 3] > 100 && want.every((v, c) => Math.abs(v - data[i + c]) < 24)) n++;
    return n;
  };
  return [...p.lines.map((l) => [l.name, count(l.kind, u.bbox.top, u.bbox.height)]),
    ...p.limits.map((l) => [l.text, count(l.kind, Math.round(u.valToPos(l.value, "y", true)) - 1, 3)])];
})))`

// shows tells whether these are the values of the status of a release with one objective.
func shows(shown map[string]float64, x *v1alpha1.TrafficShift) bool {
	r := x.Status.Release
	if r == nil || len(r.Objectives) != 1 || r.Objectives[0].Canary.Requests == 0 || r.LiveWeight == "" {
		return false
	}
	o := r.Objectives[0]
	share := func(a v1alpha1.ArmCounts) float64 { return 100 * float64(a.Bad) / float64(a.Requests) }
	for line, want := range map[string]float64{
		"wanted": 100 * r.Weight.Fraction(), "live": 100 * r.LiveWeight.Fraction(), "stable": share(o.Stable), "canary": share(o.Canary),
		"against": onAxis(o.Against), "for": onAxis(o.For),
		"allowed 5%": 5, "aborts at 100": 100, "passes at 20": 1 / r.Plan.Confidence.FalsePromote.Fraction(),
	} {
		if got, is := shown[line]; !is || !(math.Abs(got-want) < 1e-5) {
			return false
		}
	}
	return true
}

// onAxis is where evidence is drawn.
func onAxis(evidence string) float64 {
	e, err := strconv.ParseFloat(evidence, 64)
	if err != nil {
		return math.NaN()
	}
	return min(max(e, 0.1), 1000)
}

// readByKeys reads a plot by the arrow keys alone: the newest sample, and one before it.
func (b *browser) readByKeys(want string) {
	b.t.Helper()
	b.do("going to the plot by its focus", chromedp.Focus(chromedp.CSS(".picture")))
	first := ""
	waitFor(b.t, fmt.Sprintf("the arrow keys read two samples with %q", want), func() (bool, string) {
		b.do("pressing an arrow key", chromedp.KeyEvent(kb.ArrowLeft))
		said := b.says(`document.getElementById("said").textContent`)
		if !strings.Contains(said, want) {
			return false, said
		}
		first = cmp.Or(first, said)
		return said != first && said < first, first + "; " + said
	})
	if shown := b.says(`document.querySelector(".readout").textContent`); !strings.Contains(shown, want) {
		b.t.Errorf("beside the cursor stands %q", shown)
	}
}
