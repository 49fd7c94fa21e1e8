package view

import (
	"cmp"
)

// Adoption is what managing a Service touches, or what letting it go puts back, before anything is written.
type Adoption struct {
	// Namespace and Name of the Service, Policy the ShiftPolicy by which it is released; "" where it is let go.
	Namespace, Name, Policy string
	// Does are what happens at once, Later what each release touches, Leaves what stays as it is; a sentence each.
	Does, Later, Leaves []string
	// Careful are what a person should know first.
	Careful []string
	// Obstacle is why no release could start as things are; "" when nothing is in the way.
	Obstacle string
}

// Text writes the adoption as lines that end in a line feed.
func (a Adoption) Text(p Layout) string {
	w := &writer{layout: p}
	title := "is let go"
	if a.Policy != "" {
		title = "is released by policy " + clean(a.Policy)
	}
	w.lines = append(w.lines, line{piece{text: clean(cmp.Or(a.Name, "(no name)")), bold: true}, plainText("  " + title)})
	for _, part := range []struct {
		label string
		tone  Tone
		texts []string
	}{
		{"NOW", TonePlain, a.Does}, {"RELEASES", TonePlain, a.Later}, {"UNTOUCHED", ToneFaint, a.Leaves}, {"CAREFUL", ToneCareful, a.Careful},
	} {
		for i, text := range part.texts {
			label := part.label
			if i > 0 {
				label = ""
			}
			w.field(label, part.tone, clean(text))
		}
	}
	if a.Obstacle != "" {
		w.field("OBSTACLE", ToneBad, clean(a.Obstacle)+"; until then no release starts")
	}
	return w.layout.write(w.lines)
}
