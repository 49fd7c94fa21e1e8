package view

import (
	"cmp"
	"slices"
	"strconv"
	"strings"

	"github.com/charmbracelet/x/ansi"
)

// column of a table; its cells follow the order of the rows.
type column struct {
	head  string
	cells []piece
	right bool
	// rank says what goes first when the width is small: the largest; columns of rank 0 stay.
	rank int
	// cut says that its texts may be shortened where nothing can be left out.
	cut bool
	// least is down to which width its texts are shortened before any column is left out; 0 where they are not.
	least int
}

// leastCut is as far as a text is shortened: some characters of a name, and the dots.
const leastCut = 5

func (c column) width() int {
	n := ansi.StringWidth(c.head)
	for _, cell := range c.cells {
		n = max(n, ansi.StringWidth(cell.text))
	}
	return n
}

const gutter = 2

// table writes columns side by side, leaving out the least needed ones until the rest fits. A column without any text is
// left out. It says whether all columns that must stay do fit.
func table(columns []column, before string, width int) (lines []line, fits bool) {
	columns = filled(columns)
	for spare(columns) < tableWidth(columns, before)-width {
		least := -1
		for i, c := range columns {
			if c.rank > 0 && (least < 0 || c.rank > columns[least].rank) {
				least = i
			}
		}
		if least < 0 {
			break
		}
		columns = append(columns[:least:least], columns[least+1:]...)
	}
	if len(columns) == 0 {
		return nil, true
	}
	for i := range columns {
		if over := tableWidth(columns, before) - width; over > 0 && columns[i].least > 0 {
			columns[i].truncate(max(columns[i].width()-over, columns[i].least))
		}
	}
	shorten(columns, before, width)
	head := line{plainText(before)}
	for i, c := range columns {
		head = append(head, toned(c.fill(c.head, i == len(columns)-1), ToneFaint))
	}
	lines = append(lines, head)
	for row := range columns[0].cells {
		l := line{plainText(before)}
		for i, c := range columns {
			cell := c.cells[row]
			cell.text = c.fill(cell.text, i == len(columns)-1)
			l = append(l, cell)
		}
		lines = append(lines, l)
	}
	return lines, tableWidth(columns, before) <= width
}

// shorten cuts the texts of the widest columns that may be cut until all fit, so that those which may not, such as states, are seen.
func shorten(columns []column, before string, width int) {
	for tableWidth(columns, before) > width {
		widest := -1
		for i, c := range columns {
			if c.cut && c.width() > leastCut && (widest < 0 || c.width() > columns[widest].width()) {
				widest = i
			}
		}
		if widest < 0 {
			return
		}
		columns[widest].truncate(columns[widest].width() - 1)
	}
}

// truncate cuts the texts of a column to a width.
func (c *column) truncate(most int) {
	c.head, c.cells = ansi.Truncate(c.head, most, "…"), slices.Clone(c.cells)
	for i := range c.cells {
		text := c.cells[i].text
		if reason, _, said := strings.Cut(text, ": "); said && c.least > 0 && ansi.StringWidth(reason)+leastCut > most {
			text = reason // of words there would be nothing to read
		}
		c.cells[i].text = ansi.Truncate(text, most, "…")
	}
}

// spare is by how much all texts can be shortened before a column is left out.
func spare(columns []column) int {
	n := 0
	for _, c := range columns {
		if c.least > 0 {
			n += max(c.width()-c.least, 0)
		}
	}
	return n
}

func (c column) fill(text string, last bool) string {
	text = pad(text, c.width())
	if c.right {
		text = lead(trimBlank(text), c.width())
	}
	if last {
		return text
	}
	return pad(text, c.width()+gutter)
}

func trimBlank(text string) string {
	for len(text) > 0 && text[len(text)-1] == ' ' {
		text = text[:len(text)-1]
	}
	return text
}

func filled(columns []column) []column {
	var kept []column
	for _, c := range columns {
		empty := true
		for _, cell := range c.cells {
			empty = empty && cell.text == ""
		}
		if !empty || c.rank == 0 {
			kept = append(kept, c)
		}
	}
	return kept
}

func tableWidth(columns []column, before string) int {
	n := ansi.StringWidth(before)
	for i, c := range columns {
		n += c.width()
		if i > 0 {
			n += gutter
		}
	}
	return n
}

// mostReason is the width that a column of reasons keeps at most, for what is named and not said.
const mostReason = 30

// Table writes rows as lines that end in a line feed; namespaces when rows of several may be among them.
func Table(rows []Row, namespaces bool, p Layout) string {
	columns := make([]column, 0, 10)
	add := func(head string, rank int, cell func(Row) piece) {
		c := column{head: head, rank: rank, cut: rank == 0 && head != "STATE"}
		for _, r := range rows {
			c.cells = append(c.cells, cell(r))
		}
		columns = append(columns, c)
	}
	text := func(of func(Row) string) func(Row) piece {
		return func(r Row) piece { return plainText(of(r)) }
	}
	if namespaces {
		add("NAMESPACE", 0, text(func(r Row) string { return r.Namespace }))
	}
	add("SERVICE", 0, text(func(r Row) string { return r.Name }))
	add("STATE", 0, func(r Row) piece {
		return toned(r.State.Icon()+" "+cmp.Or(string(r.State), "Unknown"), r.tone())
	})
	add("STEP", 3, text(func(r Row) string { return r.Step }))
	add("WEIGHT", 1, text(func(r Row) string { return r.Weight }))
	add("VERSION", 4, text(func(r Row) string { return r.Version }))
	add("SINCE", 5, text(func(r Row) string {
		if r.Since < 0 {
			return ""
		}
		return span(r.Since)
	}))
	add("SEEN", 3, func(r Row) piece {
		if r.Observed < 0 {
			return plainText("")
		}
		return toned(span(r.Observed)+" ago", map[bool]Tone{true: ToneBad}[r.Unattended])
	})
	add("REASON", 2, text(func(r Row) string { return r.WhyText }))
	for _, r := range rows {
		reasons := &columns[len(columns)-1]
		reasons.least = max(reasons.least, len("REASON"), min(ansi.StringWidth(r.Why), mostReason))
	}
	if p.Wide {
		add("POLICY", 6, text(func(r Row) string { return r.Policy }))
		add("NEXT", 7, text(func(r Row) string { return r.Next }))
	}
	lines, _ := table(columns, "", p.width())
	return p.write(lines)
}

// history shows the newest releases that ended before this one; all that are known in a wide layout.
func (w *writer) history(past []Past) {
	shown := past
	if !w.layout.Wide {
		shown = past[:min(len(past), 5)]
	}
	if len(shown) == 0 {
		return
	}
	columns := []column{
		{head: "HISTORY", right: true},
		{head: "VERSION", cut: true},
		{head: "OUTCOME"},
		{head: "REASON", rank: 2},
		{head: "PEAK", rank: 4, right: true},
		{head: "FAILED", rank: 1, right: true},
		{head: "TOOK", rank: 5, right: true},
		{head: "ENDED", rank: 3},
	}
	for _, p := range shown {
		cells := []piece{plainText(strconv.FormatInt(p.Number, 10)), plainText(p.Version),
			toned(p.Result.Icon()+" "+string(p.Result), p.Result.Tone()), plainText(p.Reason), plainText(p.Peak),
			plainText(atLeast(p.Lacking) + count(p.Failed) + " of " + count(p.Requests)), plainText(""), plainText("")}
		if p.Took > 0 {
			cells[6] = plainText(span(p.Took))
		}
		if p.Ended >= 0 {
			cells[7] = plainText(span(p.Ended) + " ago")
		}
		for i, cell := range cells {
			columns[i].cells = append(columns[i].cells, cell)
		}
	}
	lines, _ := table(columns, indent, w.layout.width())
	w.lines = append(w.lines, lines...)
}
