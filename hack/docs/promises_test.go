package main

import (
	"io/fs"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
)

const (
	promises  = "RELIABILITY.md"
	scenarios = "TestScenarios/"
)

var (
	declared = regexp.MustCompile(`(?m)^func (?:\(x \*(watch)\) (\w+)|((?:Test|Fuzz)[A-Z]\w*))\(`)
	promised = regexp.MustCompile("`((?:Test|Fuzz|watch\\.)[^`…]+)`")
)

// Each row of the tables of RELIABILITY.md names tests that are there, or says what is not tested.
func TestEachPromiseHasItsTests(t *testing.T) {
	known := tests(t)
	lines := strings.Split(read(t, filepath.Join(repository, promises)), "\n")
	rows := 0
	for n, line := range lines[:len(lines)-1] {
		for _, m := range promised.FindAllStringSubmatch(line, -1) {
			if !known[m[1]] {
				t.Errorf("%s:%d names %s, which is no test of this repository", promises, n+1, m[1])
			}
		}
		if !strings.HasPrefix(line, "|") || strings.HasPrefix(line, "|---") || strings.HasPrefix(lines[n+1], "|---") {
			continue
		}
		rows++
		if last := line[strings.LastIndex(strings.TrimRight(line, "| "), "|"):]; !promised.MatchString(last) && !strings.Contains(last, "Not tested") {
			t.Errorf("%s:%d has no test: name those that fail when it is broken, or say what is not tested", promises, n+1)
		}
	}
	if rows < 50 {
		t.Errorf("%s has %d rows: it has not been read as it is", promises, rows)
	}
}

// tests are the names of all tests of the repository, with its scenarios and the invariants that are asked in them.
func tests(t *testing.T) map[string]bool {
	t.Helper()
	known := map[string]bool{}
	for _, folder := range []string{"pkg", "operator", "e2e", "hack"} {
		err := filepath.WalkDir(filepath.Join(repository, folder), func(path string, _ fs.DirEntry, err error) error {
			switch {
			case err != nil:
				return err
			case strings.HasSuffix(path, "_test.go"):
				for _, m := range declared.FindAllStringSubmatch(read(t, path), -1) {
					known[strings.TrimPrefix(m[1]+"."+m[2]+m[3], ".")] = true
				}
			case strings.HasSuffix(filepath.ToSlash(filepath.Dir(path)), "pkg/release/testdata"):
				known[scenarios+strings.TrimSuffix(filepath.Base(path), ".txt")] = true
			}
			return nil
		})
		if err != nil {
			t.Fatal(err)
		}
	}
	return known
}
