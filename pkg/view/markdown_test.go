package view

import "testing"

func TestMarkdownShowsTextsAsTheyAre(t *testing.T) {
	for text, want := range map[string]string{
		"checkout:1.5.0@sha256:ab":          "checkout:1.5.0@sha256:ab",
		"payment_service, latency <500ms":   "payment_service, latency <500ms",
		">999 of 5":                         `\>999 of 5`,
		"a | b":                             `a \| b`,
		"<b>bold</b> <!-- --> <script>":     `\<b>bold\</b> \<!-- --> \<script>`,
		"![x](http://evil) [y](z) `c` \\":   "!\\[x\\](http://evil) \\[y\\](z) \\`c\\` \\\\",
		"**b** _i_ __u__ ~~s~~ &lt; &#64;x": `\*\*b\*\* \_i\_ \_\_u\_\_ \~\~s\~\~ \&lt; \&#64;x`,
		"# head":                            `\# head`,
		"- item":                            `\- item`,
		"---":                               `\---`,
		"12. item":                          `12\. item`,
		"1.5.0":                             "1.5.0",
		"a_b_c _":                           `a_b\_c \_`,
		"a\nb\x1b[31mc":                     `a b\[31mc`,
	} {
		if got := paragraph(text); got != want {
			t.Errorf("%q is written %q, want %q", text, got, want)
		}
	}
}

// Within a cell nothing begins a line.
func TestMarkdownInACell(t *testing.T) {
	for text, want := range map[string]string{">999": ">999", "- a | b": `- a \| b`, "1. x": "1. x"} {
		if got := markdown(text); got != want {
			t.Errorf("%q is written %q, want %q", text, got, want)
		}
	}
}
