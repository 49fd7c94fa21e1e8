package main

import (
	"errors"
	"go/ast"
	"go/parser"
	"go/token"
	"io/fs"
	"net/url"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"

	"go.yaml.in/yaml/v3"
)

const (
	repository = "../.."
	pages      = repository + "/manifests/docs"
)

func read(t *testing.T, file string) string {
	t.Helper()
	text, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	return string(text)
}

// constants are the values of a file's constants whose names begin so.
func constants(t *testing.T, file, begins string) []string {
	t.Helper()
	parsed, err := parser.ParseFile(token.NewFileSet(), file, nil, 0)
	if err != nil {
		t.Fatal(err)
	}
	var found []string
	ast.Inspect(parsed, func(n ast.Node) bool {
		if s, ok := n.(*ast.ValueSpec); ok && strings.HasPrefix(s.Names[0].Name, begins) && len(s.Values) == 1 {
			if l, ok := s.Values[0].(*ast.BasicLit); ok {
				value, err := strconv.Unquote(l.Value)
				if err != nil {
					t.Fatal(err)
				}
				found = append(found, value)
			}
		}
		return true
	})
	if len(found) == 0 {
		t.Fatalf("%s has no constants that begin with %s", file, begins)
	}
	return found
}

func TestEachReasonIsExplained(t *testing.T) {
	const page = "manifests/docs/reference/reasons.md"
	var reasons []string
	for _, of := range []struct{ file, begins string }{
		{"pkg/apis/stagger/v1alpha1/conditions.go", "Reason"},
		{"operator/controllers/shift/events.go", "event"},
		{"operator/controllers/service/events.go", "event"},
	} {
		reasons = append(reasons, constants(t, filepath.Join(repository, of.file), of.begins)...)
	}
	text := read(t, filepath.Join(repository, page))
	sections := map[string]string{}
	for _, s := range strings.Split(text, "\n### ")[1:] {
		name, body, _ := strings.Cut(s, "\n")
		if _, twice := sections[name]; twice {
			t.Errorf("%s has two sections %s", page, name)
		}
		sections[name] = body
	}
	for _, reason := range reasons {
		body, ok := sections[reason]
		if !ok {
			t.Errorf("%s has no section ### %s: say what it means, what happens to traffic, and what to do", page, reason)
			continue
		}
		for _, part := range []string{"\n* **Means**: ", "\n* **Traffic**: ", "\n* **Do**: "} {
			if strings.Count(body, part) != 1 {
				t.Errorf("the section %s of %s needs one line that begins with %q", reason, page, strings.TrimSpace(part))
			}
		}
	}
	for name := range sections {
		if !slices.Contains(reasons, name) {
			t.Errorf("%s explains %s, which nothing says any more", page, name)
		}
	}
	for _, condition := range constants(t, filepath.Join(repository, "pkg/apis/stagger/v1alpha1/conditions.go"), "Condition") {
		if !strings.Contains(text, "`"+condition+"`") {
			t.Errorf("%s does not tell of the condition %s", page, condition)
		}
	}
}

// named are the pages that an entry of the navigation names.
func named(n *yaml.Node) []string {
	switch n.Kind {
	case yaml.ScalarNode:
		return []string{n.Value}
	case yaml.MappingNode:
		return named(n.Content[1])
	}
	var all []string
	for _, c := range n.Content {
		all = append(all, named(c)...)
	}
	return all
}

func TestTheNavigationHasEachPage(t *testing.T) {
	var site struct {
		Nav yaml.Node `yaml:"nav"`
	}
	if err := yaml.Unmarshal([]byte(read(t, repository+"/manifests/mkdocs.yml")), &site); err != nil {
		t.Fatal(err)
	}
	there := markdown(t)
	entries := named(&site.Nav)
	for _, entry := range entries {
		if !slices.Contains(there, entry) {
			t.Errorf("nav of manifests/mkdocs.yml names %s, which is not in manifests/docs: write the page, or remove the line", entry)
		}
	}
	for _, page := range there {
		if !slices.Contains(entries, page) {
			t.Errorf("manifests/docs/%s is not in nav of manifests/mkdocs.yml: add the line %q where it belongs", page, "- "+page)
		}
	}
}

// markdown are the pages below manifests/docs.
func markdown(t *testing.T) []string {
	t.Helper()
	var found []string
	err := filepath.WalkDir(pages, func(path string, d fs.DirEntry, err error) error {
		if err == nil && strings.HasSuffix(path, ".md") {
			name, _ := filepath.Rel(pages, path)
			found = append(found, filepath.ToSlash(name))
		}
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	return found
}

var (
	link     = regexp.MustCompile(`\]\(([^)\s]+)\)`)
	fence    = regexp.MustCompile("(?ms)^ *```.*?^ *```")
	span     = regexp.MustCompile("`[^`\n]*`")
	ours     = "https://github.com/stagger-dev/stagger/blob/main/"
	inPlaces = regexp.MustCompile("`((?:manifests|hack|operator|pkg|e2e)/[A-Za-z0-9_./-]+)`")
)

// Links between pages, and their anchors, are Zensical's to check; these are those it does not see.
func TestWhatPagesNameIsThere(t *testing.T) {
	for _, page := range markdown(t) {
		text := fence.ReplaceAllString(read(t, filepath.Join(pages, page)), "")
		exists := func(what, at string) {
			if _, err := os.Stat(filepath.Join(repository, at)); errors.Is(err, fs.ErrNotExist) {
				t.Errorf("manifests/docs/%s names %s, which is not there", page, what)
			}
		}
		for _, m := range link.FindAllStringSubmatch(span.ReplaceAllString(text, ""), -1) {
			to, _, _ := strings.Cut(m[1], "#")
			u, err := url.Parse(to)
			switch {
			case err != nil:
				t.Errorf("manifests/docs/%s has the link %s: %v", page, m[1], err)
			case strings.HasPrefix(to, ours):
				exists(to, strings.TrimPrefix(to, ours))
			case u.Scheme == "" && to != "":
				at := filepath.Join("manifests/docs", filepath.Dir(page), to)
				exists(to, at)
				if !strings.HasPrefix(at, "manifests/docs/") {
					t.Errorf("manifests/docs/%s links to %s, which is not part of the site: name the path in code font, or link to %s", page, to, ours)
				}
			}
		}
		for _, m := range inPlaces.FindAllStringSubmatch(text, -1) {
			exists(m[1], m[1])
		}
	}
}

// A message is read where no page is open: a page it names is named by its path in the repository.
func TestWhatMessagesNameIsThere(t *testing.T) {
	inMessages := regexp.MustCompile(`[A-Za-z0-9_./-]+/[a-z0-9-]+\.md`)
	found := 0
	for _, folder := range []string{"pkg", "operator"} {
		err := filepath.WalkDir(filepath.Join(repository, folder), func(path string, _ fs.DirEntry, err error) error {
			if err != nil || filepath.Ext(path) != ".go" || strings.HasSuffix(path, "_test.go") {
				return err
			}
			parsed, err := parser.ParseFile(token.NewFileSet(), path, nil, 0)
			if err != nil {
				return err
			}
			ast.Inspect(parsed, func(n ast.Node) bool {
				l, is := n.(*ast.BasicLit)
				if !is || l.Kind != token.STRING {
					return true
				}
				for _, page := range inMessages.FindAllString(l.Value, -1) {
					found++
					if _, err := os.Stat(filepath.Join(repository, page)); err != nil {
						t.Errorf("%s names %s, which is not there", strings.TrimPrefix(path, repository+"/"), page)
					}
				}
				return true
			})
			return nil
		})
		if err != nil {
			t.Fatal(err)
		}
	}
	if found == 0 {
		t.Error("no message names a page")
	}
}
