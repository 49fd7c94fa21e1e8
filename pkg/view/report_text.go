package view

import (
	"cmp"
	"fmt"
	"regexp"
	"strconv"
	"strings"
	"time"

	"github.com/stagger-dev/stagger/pkg/apis/stagger/v1alpha1"
)

const unknown = "not known"

// Markdown writes the record as a page of its own.
func (r Report) Markdown() string {
	var b strings.Builder
	fmt.Fprintf(&b, "# Release %d of %s in %s: %s\n\n| | |\n|---|---|\n", r.Number, markdown(r.Service), markdown(r.Namespace), markdown(strings.ToLower(string(r.State))))
	row := func(name, value string) {
		if value != "" {
			fmt.Fprintf(&b, "| %s | %s |\n", name, markdown(value))
		}
	}
	row("cluster", r.Cluster.String())
	row("Deployment", r.Deployment.String())
	row("toward", r.Toward)
	row("version", r.Version)
	row("beside", r.Stable)
	row("changes", r.Changes)
	row("policy", numbered(cmp.Or(r.Policy, unknown), r.PolicyGeneration))
	row("plan", r.Plan.String())
	row("began", cmp.Or(stamp(r.Started), unknown))
	row("ended", stamp(r.Ended))
	row("as of", r.asOf())
	if r.Started != nil && r.Ended != nil {
		row("took", span(r.Ended.Sub(*r.Started)))
	}
	row("largest weight", r.Peak)
	row("met it", atLeast(r.Lacking)+counted(r.Requests, "request"))
	row("failed", atLeast(r.Lacking)+counted(r.Failed, "request"))
	row("of these", r.Lacking)
	row("away", r.Away.String())
	row("excused", r.Excused.String())
	row("reason", r.Reason)
	row("pod to look at", r.Pod)
	if r.Message != "" {
		fmt.Fprintf(&b, "\n%s\n", paragraph(r.Message))
	}
	r.tables(&b)
	return b.String()
}

// running says that the release is not over.
func (r Report) running() bool { return !v1alpha1.ReleaseState(r.State).Ended() && !r.Line }

// asOf is when the operator last looked at a release that runs, and whether none has for too long; "" where none runs.
func (r Report) asOf() string {
	if r.Unattended {
		return stamp(r.AsOf) + "; no operator has looked since"
	}
	return stamp(r.AsOf)
}

// tables are what a report says in rows.
func (r Report) tables(b *strings.Builder) {
	switch {
	case r.Line:
		b.WriteString("\nThe operator that ran this release kept nothing else of it: digests, plan, weights, evidence and commands are not known.\n")
	case r.Shortened:
		b.WriteString("\nThe record was too long to be kept whole: texts are cut, and the evidence at the first weights and the last images are left out.\n")
	}
	var objectives, weights, proofs, commands [][]string
	for _, o := range r.Objectives {
		objectives = append(objectives, append([]string{o.Name, cmp.Or(o.Target, unknown)}, o.cells(o.Verdict)...))
	}
	for i, w := range r.Weights {
		weights = append(weights, w.cells(r.Ended == nil && i == len(r.Weights)-1))
		for _, o := range w.Objectives {
			proofs = append(proofs, append([]string{w.Weight, o.Name}, o.cells(o.Verdict)...))
		}
	}
	for _, c := range r.Commands {
		commands = append(commands, []string{c.Verb, cmp.Or(c.By, "unknown"), c.Reason, cmp.Or(stamp(c.Given), unknown), stamp(c.Answered), strings.TrimSuffix(strings.ToLower(c.Result)+": "+c.Message, ": ")})
	}
	if !r.Line {
		section(b, "Versions", []string{"version", "revision", "images of its template", "images that its pods ran"}, [][]string{
			{"canary", r.Revision, listed(r.Images), listed(r.ImageIDs)}, {"stable", cmp.Or(r.StableRevision, unknown), listed(r.StableImages), listed(r.StableImageIDs)}})
	} else {
		section(b, "Versions", []string{"version", "revision", "images of its template"}, [][]string{{"canary", r.Revision, listed(r.Images)}})
	}
	section(b, "Overridden", nil, nil, r.Overridden...)
	section(b, "Commands", []string{"command", "by", "because", "given", "answered", "what became of it"}, commands)
	section(b, r.weightsTitle(), []string{"weight", "step", "written", "hold by the plan", "took", "because"}, weights)
	section(b, "Evidence when each weight was written", []string{"weight", "objective", "stable", "canary", "verdict", "evidence against", "for"}, proofs)
	last := "Objectives at the end"
	if r.running() {
		last = "Objectives so far"
	}
	section(b, last, []string{"objective", "target", "stable", "canary", "verdict", "evidence against", "for"}, objectives)
}

// weightsTitle says how many of the weights that were written the record does not hold.
func (r Report) weightsTitle() string {
	if lost := int(r.Moves) - len(r.Weights); lost > 0 && len(r.Weights) > 0 {
		return fmt.Sprintf("Weights, without the first %d", lost)
	}
	return "Weights"
}

// cells are when the weight was written, how long it was there, and what it rested on. Present says that it may still be there.
func (w ReportWeight) cells(present bool) []string {
	took := unknown
	switch {
	case w.Until != nil:
		took = span(w.Until.Sub(w.At))
	case present:
		took = "still there"
	}
	why := strings.ToLower(w.Reason)
	if w.By != "" {
		why += " by " + w.By
	}
	if w.Message != "" {
		why += ": " + w.Message
	}
	return []string{w.Weight, strconv.Itoa(w.Step), stamp(&w.At), cmp.Or(w.Hold, unknown), took, cmp.Or(why, unknown)}
}

// cells are the counts and the evidence of both versions.
func (o ReportObjective) cells(verdict string) []string {
	return []string{Arm{o.StableRequests, o.StableBad}.String(), Arm{o.CanaryRequests, o.CanaryBad}.String(), verdict, o.Against, o.For}
}

// String names the cluster, "" where nobody told.
func (c *ReportCluster) String() string {
	if c == nil {
		return ""
	}
	parts := []string{c.Server}
	if c.Context != "" {
		parts = append(parts, "context "+c.Context)
	}
	return strings.Join(append(parts, "UID of kube-system "+cmp.Or(c.UID, unknown)), ", ")
}

// String is the Deployment, and which of its writes was released.
func (d *ReportDeployment) String() string {
	if d == nil {
		return ""
	}
	parts := []string{numbered(d.Name, d.Generation)}
	if d.ShippedBy != "" {
		parts = append(parts, "template written by "+d.ShippedBy)
	}
	if d.ChangeCause != "" {
		parts = append(parts, "change cause: "+d.ChangeCause)
	}
	return strings.Join(parts, ", ")
}

// String is the plan in a sentence.
func (p *ReportPlan) String() string {
	if p == nil {
		return unknown
	}
	var steps []string
	for _, s := range p.Steps {
		steps = append(steps, s.Weight+" for "+s.Hold)
	}
	text := fmt.Sprintf("%s; abort at evidence %g against, pass at %g for", strings.Join(steps, ", "), p.AbortAt, p.PassAt)
	for _, part := range [][2]string{{"pace", p.Pace}, {"falseAbort", p.FalseAbort}, {"falsePromote", p.FalsePromote}, {"tolerance", p.Tolerance}} {
		if part[1] != "" {
			text += ", " + part[0] + " " + part[1]
		}
	}
	return text
}

// String is when the canary was away, "" when it never was.
func (a *ReportAway) String() string {
	if a == nil {
		return ""
	}
	return fmt.Sprintf("no pod could answer %s, the last time from %s to %s", times(a.Times), stamp(&a.Since), cmp.Or(stamp(a.Until), "now"))
}

// String is when one pod was to blame, "" when none ever was.
func (e *ReportExcused) String() string {
	if e == nil {
		return ""
	}
	who := "pod " + e.Pod
	switch {
	case e.Pod == "":
		who = "the pods on node " + e.Node
	case e.Node != "":
		who += " on node " + e.Node
	}
	return fmt.Sprintf("one pod or node alone was to blame %s, the last time %s from %s to %s", times(e.Times), who, stamp(&e.Since), cmp.Or(stamp(e.Until), "now"))
}

// numbered is a name with the generation of the object, where it is known.
func numbered(name string, generation int64) string {
	if generation == 0 {
		return name
	}
	return fmt.Sprintf("%s, generation %d", name, generation)
}

func listed(texts []string) string { return cmp.Or(strings.Join(texts, ", "), unknown) }

// section writes rows below a head, or a list of sentences, and nothing where there are none.
func section(b *strings.Builder, title string, head []string, rows [][]string, list ...string) {
	if len(rows)+len(list) == 0 {
		return
	}
	fmt.Fprintf(b, "\n## %s\n\n", title)
	for _, item := range list {
		fmt.Fprintf(b, "* %s\n", paragraph(item))
	}
	if len(head) == 0 {
		return
	}
	fmt.Fprintf(b, "| %s |\n%s|\n", strings.Join(head, " | "), strings.Repeat("|---", len(head)))
	for _, row := range rows {
		for i := range row {
			row[i] = markdown(row[i])
		}
		fmt.Fprintf(b, "| %s |\n", strings.Join(row, " | "))
	}
}

// special is what Markdown takes for more than text within a line, opening what it does at the beginning of one, and numbering what begins a list.
// An underscore emphasises where it does not join letters.
var (
	special     = regexp.MustCompile("[\\\\`*\\[\\]|~]|<[A-Za-z/!?]|&[A-Za-z#]")
	opening     = regexp.MustCompile(`^(?:#|>|[-+][-+\s])`)
	numbering   = regexp.MustCompile(`^(\d+)([.)]\s)`)
	underscores = regexp.MustCompile(`[\pL\d]_[\pL\d]|_`)
)

// markdown writes a text of others so that Markdown shows it as it is: no markup, no HTML, no cell of its own.
func markdown(s string) string {
	return underscores.ReplaceAllStringFunc(special.ReplaceAllString(clean(s), `\$0`), func(found string) string {
		if found == "_" {
			return `\_`
		}
		return found
	})
}

// paragraph is markdown at the beginning of a line.
func paragraph(s string) string {
	return numbering.ReplaceAllString(opening.ReplaceAllString(markdown(s), `\$0`), `$1\$2`)
}

func stamp(t *time.Time) string {
	if t == nil {
		return ""
	}
	return t.Format("2006-01-02 15:04:05 MST")
}
