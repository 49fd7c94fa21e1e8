package pages

import (
	"fmt"
	"go/ast"
	"go/parser"
	"go/token"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"
)

const page = "# A page\n\n```console\n$ helm install \\\n    --wait # once\n```\n\n## Pause it\n\n" +
	"```yaml title=\"policy.yaml\"\nkind: ShiftPolicy\n# ends\n```\n" +
	"```console\n$ kubectl stagger abort checkout --wait\ncheckout: abort of release 1\n\n[…]\n$ echo $?\n2\n$ kubectl stagger dashboard\nhttp://…\n^C\n```\n" +
	"```console title=\"Back\"\n$ kubectl stagger resume checkout\n```\n\n| pods | 4 | 0 |\n"

func TestAPageIsReadAsItIsTyped(t *testing.T) {
	got, err := parse(page)
	if err != nil {
		t.Fatal(err)
	}
	first, second := section(1, "A page"), section(2, "Pause it")
	first.Commands = []Command{{Line: 4, Typed: "helm install --wait"}}
	second.Commands = []Command{
		{Line: 15, Typed: "kubectl stagger abort checkout --wait", Shown: []string{"checkout: abort of release 1", "", "[…]"}, Status: 2},
		{Line: 21, Typed: "kubectl stagger dashboard", Shown: []string{"http://…"}, Interrupted: true},
	}
	second.Back = []Command{{Line: 26, Typed: "kubectl stagger resume checkout"}}
	second.Files["policy.yaml"] = "kind: ShiftPolicy\n# ends\n"
	second.Rows["pods"] = []string{"4", "0"}
	if diff := cmp.Diff([]Section{section(0, ""), first, second}, got, cmpopts.IgnoreUnexported(Command{})); diff != "" {
		t.Errorf("-want +got:\n%s", diff)
	}
}

func TestStepsHaveThePartsThatAreForTheReader(t *testing.T) {
	const text = "## Before\n### Then\n```console\n$ before\n```\n## Step 1: begin\n```console\n$ begin\n```\n" +
		"### One way\n```console\n$ one\n```\n```console title=\"Back\"\n$ back\n```\n### Another way\n```console\n$ another\n```\n" +
		"### Then\n```yaml title=\"a.yaml\"\na: 1\n```\n| pods | 4 |\n## After\n### Then\n```console\n$ after\n```\n"
	page, err := parse(text)
	if err != nil {
		t.Fatal(err)
	}
	want := section(2, "Step 1: begin")
	want.Commands, want.Back = []Command{{Line: 8, Typed: "begin"}, {Line: 12, Typed: "one"}}, []Command{{Line: 15, Typed: "back"}}
	want.Files["a.yaml"], want.Rows["pods"] = "a: 1\n", []string{"4"}
	if diff := cmp.Diff([]Section{want}, Steps(page, "One way", "Then"), cmpopts.IgnoreUnexported(Command{})); diff != "" {
		t.Errorf("-want +got:\n%s", diff)
	}
}

func TestOnlyWhatChangesNothingIsTypedAgain(t *testing.T) {
	for typed, want := range map[string]bool{
		"kubectl stagger status":                                         true,
		"kubectl stagger -n shop why checkout":                           true,
		"kubectl stagger adopt checkout --policy standard --dry-run":     true,
		"kubectl get canary checkout":                                    true,
		"kubectl -n shop get pods":                                       true,
		"kubectl stagger adopt checkout --policy standard --yes":         false,
		"kubectl stagger watch checkout":                                 false,
		"kubectl delete deployment checkout":                             false,
		"for s in $(kubectl get trafficshifts); do kubectl stagger undo": false,
	} {
		if got := (Command{Typed: typed, Shown: []string{"…"}}).Look(); got != want {
			t.Errorf("%s: %t, want %t", typed, got, want)
		}
		if (Command{Typed: typed}).Look() {
			t.Errorf("%s: typed again, though nothing is shown", typed)
		}
	}
}

func TestAPageThatCannotBeReadIsRefused(t *testing.T) {
	for text, want := range map[string]string{
		"```console\nkubectl get pods\n```":    "line 2: a block of a console begins with a command",
		"```console\n$ true\n":                 "does not end",
		"```console title=\"Forth\"\n$ true\n": `line 2: a block of a console has no title but Back, not "Forth"`,
		"```sh\n$ true\n```":                   "line 2: what is typed stands in a block that begins with ```console",
		"- text\n\n  ```console\n  $ true\n":   "line 4: what is typed stands in a block that begins with ```console",
		"```console\n$ true\n$ echo $?\nno":    `line 4: below echo $? stands an exit status, not "no"`,
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

// docs are the pages.
const docs = "../../manifests/docs"

// untyped are the folders and pages, by the beginnings of their names, with commands of the plugin that no story types as they stand there.
var untyped = map[string]string{
	"concepts/":          "for any SERVICE in any NAMESPACE",
	"install":            "for a cluster and a registry of the reader's; a story types those of tutorials/first-release.md in their place",
	"reference/":         "for any SERVICE in any NAMESPACE",
	"runbooks/":          "for the SERVICE and the NAMESPACE that an alert names",
	"troubleshooting.md": "for any SERVICE in any NAMESPACE",
	"upgrade.md":         "for a cluster and a version of the reader's",
}

// steps are the pages that are typed whole, each command of them.
const steps = "coming-from/"

// readme is the README, from the pages. Of it what shows an output is asked for, and no more: the rest is typed by pages that it names.
const readme = "../../README.md"

// A page with a command of the plugin that no story types shows what nobody has tried, and so does one with an output of any command.
func TestEveryCommandOfThePluginIsTypedInAStory(t *testing.T) {
	typed, exempt, names := typedInStories(t), map[string]bool{}, []string{readme}
	err := fs.WalkDir(os.DirFS(docs), ".", func(name string, _ fs.DirEntry, err error) error {
		if filepath.Ext(name) == ".md" {
			names = append(names, name)
		}
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	for _, name := range names {
		sections, err := Read(filepath.Join(docs, name))
		if err != nil {
			t.Fatal(err)
		}
		for _, s := range sections {
			for _, c := range slices.Concat(s.Commands, s.Back) {
				if !asked(name, c) || typed[place(name, c)] {
					continue
				}
				if of := exemption(name); of != "" && len(c.Shown) == 0 {
					exempt[of] = true
					continue
				}
				t.Errorf("%s: no story types $ %s; have one in e2e/ go through the section %q, by follows or comes", place(name, c), c.Typed, s.Heading)
			}
		}
	}
	for of := range untyped {
		if !exempt[of] {
			t.Errorf("%s needs no exemption: all its commands of the plugin are typed", of)
		}
	}
}

// asked says whether a story must type a command of a page.
func asked(name string, c Command) bool {
	return len(c.Shown) > 0 || name != readme && (c.Plugin() || strings.HasPrefix(name, steps))
}

// place is where a command of a page stands.
func place(page string, c Command) string { return fmt.Sprintf("%s:%d", page, c.Line) }

// exemption is the beginning of a page's name by which it is untyped.
func exemption(page string) string {
	for of := range untyped {
		if strings.HasPrefix(page, of) {
			return of
		}
	}
	return ""
}

// typedInStories are the places of the commands that stories type, by the calls in their sources.
func typedInStories(t *testing.T) map[string]bool {
	t.Helper()
	files, err := filepath.Glob("../*_test.go")
	if err != nil || len(files) == 0 {
		t.Fatalf("no stories: %v", err)
	}
	typed := map[string]bool{}
	for _, file := range files {
		source, err := parser.ParseFile(token.NewFileSet(), file, nil, 0)
		if err != nil {
			t.Fatal(err)
		}
		ast.Inspect(source, func(n ast.Node) bool {
			if call, ok := n.(*ast.CallExpr); ok {
				page, commands := typedBy(t, call)
				for _, c := range commands {
					typed[place(page, c)] = !c.Elsewhere() || inSession(call)
				}
			}
			return true
		})
	}
	return typed
}

// typedBy are the commands of a page that a call types: follows(page, headings of sections…), and comes(t, page of steps, parts of them…).
func typedBy(t *testing.T, call *ast.CallExpr) (page string, commands []Command) {
	t.Helper()
	f, ok := call.Fun.(*ast.SelectorExpr)
	if !ok || f.Sel.Name != "follows" && f.Sel.Name != "comes" {
		return "", nil
	}
	args := call.Args
	if f.Sel.Name == "comes" {
		args = args[1:]
	}
	var named []string
	for _, arg := range args {
		named = append(named, literal(t, arg))
	}
	page, named = named[0], named[1:]
	sections, err := Read(filepath.Join(docs, page))
	if err != nil {
		t.Fatal(err)
	}
	if f.Sel.Name == "comes" {
		for _, s := range Steps(sections, named...) {
			commands = slices.Concat(commands, s.Commands, s.Back)
		}
		return page, commands
	}
	for _, s := range sections {
		if slices.Contains(named, s.Heading) {
			commands = append(commands, s.Commands...)
		}
	}
	return page, commands
}

// inSession says whether the commands that a call types are typed to a shell of their own, where building and what runs beside is typed too.
func inSession(call *ast.CallExpr) bool {
	by, ok := call.Fun.(*ast.SelectorExpr).X.(*ast.CallExpr)
	if !ok {
		return false
	}
	name, ok := by.Fun.(*ast.Ident)
	return ok && name.Name == "newSession"
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
