package view_test

import (
	"strings"
	"testing"
	"time"

	"github.com/charmbracelet/x/ansi"
	"github.com/google/go-cmp/cmp"

	"github.com/stagger-dev/stagger/pkg/apis/stagger/v1alpha1"
	"github.com/stagger-dev/stagger/pkg/view"
)

func fleet() []v1alpha1.TrafficShift {
	named := func(s *v1alpha1.TrafficShift, name string) v1alpha1.TrafficShift { s.Name = name; return *s }
	return []v1alpha1.TrafficShift{
		named(idle(), "accounts"), named(shifting(), "basket"), named(aborted(), "checkout"), named(unreachable(), "delivery"),
		named(unsupported(), "emails"), named(promoted(), "frontend"),
		named(with(aborted(), func(s *v1alpha1.TrafficShift) { s.Status.Release.FinishedAt = ago(time.Minute) }), "gateway"),
		named(with(shifting(), unattended), "images"),
	}
}

func TestTable(t *testing.T) {
	cases := map[string]struct {
		namespaces bool
		layout     view.Layout
	}{
		"fleet":                {layout: view.Layout{Width: 120}},
		"fleet, not a screen":  {namespaces: true},
		"fleet, narrow":        {layout: view.Layout{Width: 60}},
		"fleet, wide":          {layout: view.Layout{Width: 220, Wide: true}},
		"fleet, in colour":     {layout: view.Layout{Width: 120, Color: true}},
		"fleet, very narrow":   {layout: view.Layout{Width: 24}},
		"fleet, all in colour": {namespaces: true, layout: view.Layout{Width: 160, Color: true, Wide: true}},
	}
	for name, c := range cases {
		t.Run(name, func(t *testing.T) {
			golden(t, name, view.Table(alone.Fleet(fleet(), now), c.namespaces, c.layout))
		})
	}
}

func TestFleetPutsTheNewestTroubleFirst(t *testing.T) {
	var names []string
	for _, row := range alone.Fleet(fleet(), now) {
		names = append(names, row.Name)
	}
	want := []string{"gateway", "checkout", "images", "emails", "delivery", "basket", "frontend", "accounts"}
	if diff := cmp.Diff(want, names); diff != "" {
		t.Errorf("order (-want +got):\n%s", diff)
	}
}

// The state is what a list is looked at for: names are cut before it is, by the columns that characters take.
func TestStatesAreSeenOnNarrowTerminals(t *testing.T) {
	rows := alone.Fleet(fleet(), now)
	rows[0].Namespace, rows[0].Name = "payments-of-the-whole-company", "a-service-with-a-very-long-name"
	rows[1].Namespace, rows[1].Name = "支払いと請求", "レジ係の長い名前のサービス"
	for _, width := range []int{1, 24, 30, 40, 60, 80} {
		text := view.Table(rows, true, view.Layout{Width: width})
		for i, line := range strings.Split(strings.TrimSpace(text), "\n") {
			if w := ansi.StringWidth(line); w > max(width, 24) {
				t.Errorf("width %d: a line is %d wide: %q", width, w, line)
			}
			if i > 0 && !strings.Contains(line, string(rows[i-1].State)) {
				t.Errorf("width %d: the state %s is not in %q", width, rows[i-1].State, line)
			}
		}
	}
}

// A command that waits is in the list with its age, also where nobody looks after the release.
func TestAListShowsTheCommandThatWaits(t *testing.T) {
	rows := alone.Fleet([]v1alpha1.TrafficShift{*with(with(shifting(), commanded), unattended)}, now)
	if want := "abort of release 7 (by ops@example.com 3m ago) waits"; rows[0].WhyText != want || !rows[0].Unattended {
		t.Errorf("the list says %q (unattended: %t), want %q", rows[0].WhyText, rows[0].Unattended, want)
	}
}

func TestAReportShowsTheCommandThatWaits(t *testing.T) {
	r, _ := view.ReportOf(with(shifting(), commanded), 0, now)
	if want := "| abort | ops@example.com | orders are booked twice | 2026-03-04"; !strings.Contains(r.Markdown(), want) || !strings.Contains(r.Markdown(), "| waits: it is not carried out yet |") {
		t.Errorf("the report does not say %q:\n%s", want, r.Markdown())
	}
	for _, with := range [...]func(*v1alpha1.TrafficShift){func(*v1alpha1.TrafficShift) {}, func(s *v1alpha1.TrafficShift) { s.Status.LastHandledCommand = "t1" }} {
		s := shifting()
		commanded(s)
		with(s)
		r, _ := view.ReportOf(s, 0, now)
		if waits := s.Status.LastHandledCommand == ""; (len(r.Commands) == 1) != waits {
			t.Errorf("waits %t, the report has %v", waits, r.Commands)
		}
	}
}

// A list and a board say why in the same words, which give way to what stands beside them and never lose the reason.
func TestRowsSayWhyInWords(t *testing.T) {
	shift := *unsupported()
	row, onBoard := alone.Fleet([]v1alpha1.TrafficShift{shift}, now)[0], alone.Board([]v1alpha1.TrafficShift{shift}, "shop", now).Rows[0]
	if want := "WorkloadUnsupported: Service checkout selects the pods of two Deployments (checkout, checkout-batch)"; row.WhyText != want || onBoard.Why != want {
		t.Errorf("the list says %q, the board %q", row.WhyText, onBoard.Why)
	}
	for width, want := range map[int]string{200: row.WhyText, 100: "WorkloadUnsupported: Service checkout selects the pods of two Deploymen…", 50: "WorkloadUnsupported"} {
		if text := view.Table([]view.Row{row}, false, view.Layout{Width: width}); !strings.Contains(text, want+"\n") {
			t.Errorf("at %d columns: %s", width, text)
		}
	}
}
