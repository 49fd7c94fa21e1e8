package view

import (
	"cmp"
	"fmt"
	"strings"

	"github.com/charmbracelet/x/ansi"
)

// Text writes the screen as lines that end in a line feed.
func (s Screen) Text(p Layout) string {
	w := writer{layout: p}
	w.title(s)
	w.changes(s.Changes)
	w.weight(s)
	if s.Weight != nil {
		w.planSteps(s.PlanSteps)
	}
	for _, n := range s.Notes {
		w.note(n)
	}
	w.byHand(s.ByHand)
	if s.Outcome != nil {
		w.outcome(s, *s.Outcome)
	}
	w.last(s)
	w.objectives(s)
	w.exposed(s)
	w.footprint(s.Footprint)
	w.operator(s)
	if s.Next != "" {
		w.field("NEXT", TonePlain, s.Next)
	}
	if s.Weight == nil || p.Wide {
		w.history(s.History)
	}
	return p.write(w.lines)
}

// labels are indented by two and as wide as the longest of them, with a blank between.
const (
	indent = "  "
	margin = 13
)

type writer struct {
	layout Layout
	lines  []line
}

// field writes a label and its text, wrapped beside the label, or below it where both are too wide.
func (w *writer) field(label string, tone Tone, text string) {
	width := w.layout.width()
	if width < 2*margin+8 {
		w.lines = append(w.lines, line{toned(indent+label, ToneFaint)})
		for _, part := range wrap(text, width-4) {
			w.lines = append(w.lines, line{toned(indent+indent+part, tone)})
		}
		return
	}
	for i, part := range wrap(text, width-margin) {
		head := ""
		if i == 0 {
			head = indent + label
		}
		w.lines = append(w.lines, line{toned(pad(head, margin), ToneFaint), toned(part, tone)})
	}
}

// changes tells what the release changes.
func (w *writer) changes(all string) {
	if all != "" {
		w.field("CHANGES", TonePlain, all)
	}
}

func (w *writer) title(s Screen) {
	left := line{piece{text: cmp.Or(s.Name, "(no name)"), bold: true}}
	if s.Number > 0 && !s.between() {
		left = append(left, plainText(fmt.Sprintf("  release %d", s.Number)))
	}
	if v := versionPair(s.Canary, s.Stable); v != "" {
		left = append(left, plainText("  "+v))
	}
	right := line{toned(s.State.Icon()+" "+cmp.Or(string(s.State), "Unknown"), s.tone())}
	if detail := s.detail(); detail != "" {
		right = append(right, plainText("  "+detail))
	}
	room := min(w.layout.width(), page)
	gap := room - left.width() - right.width()
	if gap < 2 && left.width()+2+right.width() <= w.layout.width() {
		gap = 2
	}
	if gap >= 2 {
		w.lines = append(w.lines, append(append(left, plainText(strings.Repeat(" ", gap))), right...))
		return
	}
	w.wrapPieces(left)
	right[0].text = indent + right[0].text
	w.wrapPieces(right)
}

// wrapPieces puts each piece that does not fit beside the ones before it on a line of its own, wrapped.
func (w *writer) wrapPieces(l line) {
	now := line{}
	for _, part := range l {
		if now.width()+ansi.StringWidth(part.text) <= w.layout.width() {
			now = append(now, part)
			continue
		}
		if len(now) > 0 {
			w.lines = append(w.lines, now)
		}
		now = line{}
		for _, text := range wrap(part.text, w.layout.width()-2) {
			w.lines = append(w.lines, line{{text: indent + text, tone: part.tone, bold: part.bold}})
		}
	}
	if len(now) > 0 {
		w.lines = append(w.lines, now)
	}
}

// detail stands beside the state.
func (s Screen) detail() string {
	if s.Weight != nil {
		return strings.Trim(s.at()+", "+s.seen(), ", ")
	}
	if o := s.Outcome; o != nil && o.Ended >= 0 && (s.State == StatePromoted || s.State == StateAborted) {
		return span(o.Ended) + " ago"
	}
	return ""
}

func (w *writer) weight(s Screen) {
	v := s.Weight
	if v == nil {
		return
	}
	parts := []string{"want " + cmp.Or(v.Wanted, "unknown")}
	if live := v.live(); live != "" {
		parts = append(parts, "live "+live)
	}
	if held := v.held(); held != "" {
		parts = append(parts, held)
	}
	if moves := v.moves(); moves != "" {
		parts = append(parts, "next "+moves)
	}
	text := strings.TrimSpace(parts[0] + "  " + strings.Join(parts[1:], "   "))
	if ansi.StringWidth(text)+margin > w.layout.width() {
		w.field("WEIGHT", TonePlain, strings.Join(parts, ", "))
		return
	}
	w.lines = append(w.lines, line{toned(pad(indent+"WEIGHT", margin), ToneFaint), plainText(text)})
}

// planSteps are the steps of the plan in a line: done, now, to come.
func (w *writer) planSteps(stops []PlanStep) {
	parts := make([]string, 0, len(stops))
	for _, s := range stops {
		part := s.Icon + " " + s.Weight
		switch s.Mark {
		case "here":
			part += " " + s.Word
		case "ahead":
			part += " for " + s.Hold
		case "done":
			if s.Took != "" {
				part += " took " + s.Took
			}
		}
		parts = append(parts, part)
	}
	if len(parts) > 1 {
		w.field("STEPS", TonePlain, strings.Join(parts, ", "))
	}
}

func (w *writer) note(n Note) { w.field(n.Label, n.tone(), n.text()) }

// byHand is what people can do without the operator. The command is not wrapped: it is there to be pasted.
func (w *writer) byHand(hint *Hint) {
	if hint == nil {
		return
	}
	w.field("BY HAND", ToneBad, hint.Text)
	if hint.Line != "" {
		w.lines = append(w.lines, line{{text: indent + hint.Line, whole: true}})
	}
}

func (n Note) text() string {
	text := n.Reason
	if n.For > 0 && n.Reason != "" {
		text += " for " + span(n.For)
	}
	if n.Message != "" {
		text = strings.TrimPrefix(text+": "+n.Message, ": ")
	}
	return text
}

func (n Note) tone() Tone {
	if n.Label == "STALLED" || n.Label == unattendedLabel {
		return ToneBad
	}
	return ToneCareful
}

func (w *writer) outcome(s Screen, o Outcome) {
	if o.Result != StatePromoted || o.Message != "" {
		w.field("WHY", o.Result.Tone(), o.why())
	}
	if o.Ended >= 0 {
		w.field("ENDED", TonePlain, s.ending(o))
	}
}

func (o Outcome) why() string {
	return strings.TrimPrefix(strings.TrimSuffix(o.Reason+": "+o.Message, ": "), ": ")
}

// ending says how a release that is over ended.
func (s Screen) ending(o Outcome) string {
	text := fmt.Sprintf("release %d %s ", s.Number, strings.ToLower(string(o.Result)))
	if !s.between() {
		text = strings.ToLower(string(o.Result)) + " "
	}
	text += span(o.Ended) + " ago"
	if s.Step > 0 {
		text += " at " + s.at()
	}
	if o.Peak != "" {
		text += ", peak weight " + o.Peak
	}
	if o.Took > 0 {
		text += ", after " + span(o.Took)
	}
	return text
}

// last tells of the release before, where the screen is about another version.
func (w *writer) last(s Screen) {
	if s.Last != "" {
		w.field("LAST", ToneFaint, s.Last)
	}
}

// operator says who works, where a release does not tell it by what it shows.
func (w *writer) operator(s Screen) {
	if s.Operator != "" && s.Weight == nil && !s.Unattended {
		w.field("OPERATOR", TonePlain, s.Operator)
	}
}

func (w *writer) exposed(s Screen) {
	if s.Exposed != nil {
		w.field("EXPOSED", TonePlain, s.Exposed.text())
	}
}

func (e Exposed) text() string {
	switch none := e.Requests == 0 && e.Failed == 0; {
	case none && e.Unsure:
		return "no request of the canary was counted; nobody knows whether any has met it"
	case none && e.Lacking == "":
		return "no request has met the canary"
	}
	text := atLeast(e.Lacking) + counted(e.Requests, "request") + ", " + count(e.Failed) + " failed"
	if e.Compared {
		text += " (" + approximate(e.Expected) + " expected at the stable rate)"
	} else {
		text += " (no stable requests to compare with)"
	}
	if e.Lacking != "" {
		text += ", " + e.Lacking
	}
	return text
}

// atLeast stands before a number that lacks something.
func atLeast(lacking string) string {
	if lacking == "" {
		return ""
	}
	return "at least "
}
