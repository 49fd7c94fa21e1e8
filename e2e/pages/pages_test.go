package pages

import (
	"fmt"
	"go/ast"
	"go/parser"
	"go/token"
	"io/fs"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

const page = "# A page\n\n```console\n$ helm install \\\n    --wait # once\n```\n\n## Pause it\n\n" +
	"```yaml title=\"policy.yaml\"\nkind: ShiftPolicy\n# ends\n```\n" +
	"```console\n$ kubectl stagger abort checkout --wait\ncheckout: abort of release 1\n\n[…]\n$ echo $?\n2\n$ kubectl stagger dashboard\nhttp://…\n^C\n```\n"

func TestAPageIsReadAsItIsTyped(t *testing.T) {
	got, err := parse(page)
	if err != nil {
		t.Fatal(err)
	}
	want := []Section{
		{Files: map[string]string{}},
		{Heading: "A page", Files: map[string]string{}, Commands: []Command{{Line: 4, Typed: "helm install --wait"}}},
		{Heading: "Pause it", Files: map[string]string{"policy.yaml": "kind: ShiftPolicy\n# ends\n"}, Commands: []Command{
			{Line: 15, Typed: "kubectl stagger abort checkout --wait", Shown: []string{"checkout: abort of release 1", "", "[…]"}, Status: 2},
			{Line: 21, Typed: "kubectl stagger dashboard", Shown: []string{"http://…"}, Interrupted: true},
		}},
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("-want +got:\n%s", diff)
	}
}

func TestAPageThatCannotBeReadIsRefused(t *testing.T) {
	for text, want := range map[string]string{
		"```console\nkubectl get pods\n```": "line 2: a block of a console begins with a command",
		"```console\n$ true\n":              "does not end",
		"```console\n$ true\n$ echo $?\nno": `line 4: below echo $? stands an exit status, not "no"`,
	} {
		if _, err := parse(text); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%q: %v, want %s", text, err, want)
		}
	}
}

func TestWhatIsSaidIsComparedWithWhatIsShown(t *testing.T) {
	const said = "checkout  release 1  shop:1.1.0 over 1.0.0   ◑ Shifting  step 1 of 4\n  WEIGHT  want 5%  live 5.35% ±1.1%  held 49s of 1m\n\n" +
		"  UNTOUCHED  of ReplicaSet checkout-5f44d5cb4b  against 0.5 ▰▱▱▱▱\n"
	same := [][]string{
		nil,
		{"checkout release 1 shop:1.1.0 over 1.0.0 ◑ Shifting step 1 of 4", "WEIGHT want 10% live 1% ±0.1% held 3s of 2m30s", "UNTOUCHED of ReplicaSet checkout-7d9fc6b5c8 against <0.1 ▰▰▰▰▰"},
		{"checkout  release 1  …", "[…]"},
		{"[…]", "  UNTOUCHED …"},
		{"… ◑ Shifting …", "[…]", "[…]"},
		{"checkout  release 1  shop:1.1.0 over …  ◑ Shifting  step 1 of 4", "[…]"},
	}
	for _, shown := range same {
		if diff := Differs(shown, said); diff != "" {
			t.Errorf("%q: %s", shown, diff)
		}
	}
	other := map[string][]string{
		`want "checkout  release 2  …", got "checkout  release 1`:   {"checkout  release 2  …", "[…]"},
		`want "… shop:1.2.0 over …", got`:                           {"… shop:1.2.0 over …", "[…]"},
		`want "  UNTOUCHED …", got "checkout`:                       {"  UNTOUCHED …"},
		`want no more, got "  WEIGHT`:                               {"checkout …"},
		`want "more", got nothing more`:                             {"[…]", "UNTOUCHED …", "more"},
		`want "… step 2 of 4", got`:                                 {"… step 2 of 4", "[…]"},
		`want "UNTOUCHED of ReplicaSet checkout-canary …", got "  `: {"[…]", "WEIGHT …", "UNTOUCHED of ReplicaSet checkout-canary …"},
	}
	for want, shown := range other {
		if diff := Differs(shown, said); !strings.HasPrefix(diff, want) {
			t.Errorf("%q: %q, want %s", shown, diff, want)
		}
	}
}

// docs are the pages, and the folders among them whose commands are typed in stories.
const docs = "../../manifests/docs"

var typed = []string{"tutorials", "how-to"}

// A page with a command of the plugin that no story types shows what nobody has tried.
func TestEveryCommandOfThePluginIsTypedInAStory(t *testing.T) {
	followed := followedSections(t)
	for _, folder := range typed {
		err := filepath.WalkDir(filepath.Join(docs, folder), func(path string, d fs.DirEntry, err error) error {
			if err != nil || filepath.Ext(path) != ".md" {
				return err
			}
			name, err := filepath.Rel(docs, path)
			if err != nil {
				return err
			}
			sections, err := Read(path)
			if err != nil {
				return err
			}
			for _, s := range sections {
				i := slices.IndexFunc(s.Commands, Command.Plugin)
				key := fmt.Sprintf("%s#%s", filepath.ToSlash(name), s.Heading)
				if i >= 0 && !followed[key] {
					t.Errorf("%s:%d: no story types the commands of the section %q; have one follow it in e2e/: s.follows(%q, %q)",
						path, s.Commands[i].Line, s.Heading, filepath.ToSlash(name), s.Heading)
				}
			}
			return nil
		})
		if err != nil {
			t.Error(err)
		}
	}
}

// followedSections are the sections that the stories follow, by the calls in their sources: a page, and headings of it.
func followedSections(t *testing.T) map[string]bool {
	t.Helper()
	files, err := filepath.Glob("../*_test.go")
	if err != nil || len(files) == 0 {
		t.Fatalf("no stories: %v", err)
	}
	followed := map[string]bool{}
	for _, file := range files {
		source, err := parser.ParseFile(token.NewFileSet(), file, nil, 0)
		if err != nil {
			t.Fatal(err)
		}
		ast.Inspect(source, func(n ast.Node) bool {
			call, ok := n.(*ast.CallExpr)
			if !ok {
				return true
			}
			if f, ok := call.Fun.(*ast.SelectorExpr); !ok || f.Sel.Name != "follows" {
				return true
			}
			for _, heading := range call.Args[1:] {
				followed[literal(t, call.Args[0])+"#"+literal(t, heading)] = true
			}
			return true
		})
	}
	return followed
}

// literal is the text of an argument, which must stand there as it is.
func literal(t *testing.T, e ast.Expr) string {
	t.Helper()
	l, ok := e.(*ast.BasicLit)
	if !ok || l.Kind != token.STRING {
		t.Fatalf("a page and its sections are named by literals where a story follows them, not by %T", e)
	}
	text, err := strconv.Unquote(l.Value)
	if err != nil {
		t.Fatal(err)
	}
	return text
}
