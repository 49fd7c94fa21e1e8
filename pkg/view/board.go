package view

import (
	"cmp"
	"fmt"
	"strings"
	"time"

	"github.com/stagger-dev/stagger/pkg/apis/stagger/v1alpha1"
)

// Badge is a word with its icon and how it is meant; the word alone says all.
type Badge struct {
	Icon string `json:"icon"`
	Word string `json:"word"`
	// Tone is plain, faint, busy, good, careful or bad.
	Tone string `json:"tone"`
}

// Board is the list of all Services as a page shows it. Texts are clean and ready to be shown.
type Board struct {
	Rows []BoardRow `json:"rows"`
	// Summary counts them: "5 Services: 1 needs people, 1 moves, 3 at rest".
	Summary string `json:"summary"`
	// Namespaces says that rows of several may be among them.
	Namespaces bool `json:"namespaces"`
	// Empty says what there is to do when there is no row.
	Empty *Hint `json:"empty,omitempty"`
}

// BoardRow is one Service in a Board.
type BoardRow struct {
	Namespace string `json:"namespace"`
	Name      string `json:"name"`
	State     Badge  `json:"state"`
	Step      string `json:"step"`
	Weight    string `json:"weight"`
	// Verdict is nil when the counts say nothing.
	Verdict *Badge `json:"verdict,omitempty"`
	Version string `json:"version"`
	// Age is how long ago the last thing happened.
	Age string `json:"age"`
	// Seen is how long ago the operator last looked at the running release, "" where none runs or it does not tell.
	Seen string `json:"seen"`
	// Why is the reason of what keeps people from rest, in words.
	Why  string `json:"why"`
	Next string `json:"next"`
}

// Hint says something, and what to type then.
type Hint struct {
	Text string `json:"text"`
	Line string `json:"line,omitempty"`
}

// String is the name of the tone.
func (t Tone) String() string {
	switch t {
	case ToneFaint:
		return "faint"
	case ToneBusy:
		return "busy"
	case ToneGood:
		return "good"
	case ToneCareful:
		return "careful"
	case ToneBad:
		return "bad"
	}
	return "plain"
}

func badgeOf(s State, t Tone) Badge {
	return Badge{Icon: s.Icon(), Word: cmp.Or(string(s), "Unknown"), Tone: t.String()}
}

// verdictBadge is nil for no verdict.
func verdictBadge(o Objective) *Badge {
	b := Badge{Word: o.Verdict, Tone: o.Tone().String()}
	switch o.Verdict {
	case "":
		return nil
	case "healthy":
		b.Icon = "✔"
	case "breach":
		b.Icon = "✘"
	default:
		b.Icon = "≈"
	}
	return &b
}

// Board lists Services as Fleet does; namespace is the only one that is looked at, "" for all.
func (b Beside) Board(shifts []v1alpha1.TrafficShift, namespace string, now time.Time) Board {
	board := Board{Rows: []BoardRow{}, Namespaces: namespace == ""}
	for _, r := range b.Fleet(shifts, now) {
		row := BoardRow{Namespace: r.Namespace, Name: r.Name, State: badgeOf(r.State, r.tone()), Step: r.Step, Weight: r.Weight,
			Version: r.Version, Why: r.WhyText, Next: r.Next, Verdict: verdictBadge(Objective{Verdict: r.Verdict})}
		if r.Since >= 0 {
			row.Age = span(r.Since)
		}
		if r.Observed >= 0 {
			row.Seen = span(r.Observed)
		}
		board.Rows = append(board.Rows, row)
	}
	board.Summary = summary(board.Rows)
	if len(board.Rows) == 0 {
		board.Empty = NoServices(namespace)
	}
	return board
}

// NoServices says that no Service is managed in a namespace, or anywhere where it is "".
func NoServices(namespace string) *Hint {
	place, in := "any namespace", ""
	if namespace != "" {
		place, in = "namespace "+clean(namespace), " -n "+clean(namespace)
	}
	return &Hint{Text: "No Service is managed in " + place + "; manage one with:",
		Line: "kubectl annotate service <name>" + in + " " + v1alpha1.PolicyAnnotation + "=standard"}
}

func summary(rows []BoardRow) string {
	people, moving, rest := 0, 0, 0
	for _, r := range rows {
		switch r.State.Tone {
		case "bad", "careful":
			people++
		case "good":
			rest++
		default:
			moving++
		}
	}
	parts := []string{}
	for _, p := range []struct {
		n          int
		one, other string
	}{{people, "needs a look", "need a look"}, {moving, "moves", "move"}, {rest, "at rest", "at rest"}} {
		switch p.n {
		case 0:
		case 1:
			parts = append(parts, "1 "+p.one)
		default:
			parts = append(parts, fmt.Sprintf("%d %s", p.n, p.other))
		}
	}
	text := counted(int64(len(rows)), "Service")
	if len(parts) > 0 {
		text += ": " + strings.Join(parts, ", ")
	}
	return text
}
