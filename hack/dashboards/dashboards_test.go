package main

import (
	"encoding/json"
	"errors"
	"go/ast"
	goparser "go/parser"
	"go/token"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/grafana/grafana-foundation-sdk/go/bargauge"
	"github.com/grafana/grafana-foundation-sdk/go/cog"
	"github.com/grafana/grafana-foundation-sdk/go/common"
	"github.com/grafana/grafana-foundation-sdk/go/dashboard"
	"github.com/grafana/grafana-foundation-sdk/go/prometheus"
	"github.com/grafana/grafana-foundation-sdk/go/stat"
	"github.com/grafana/grafana-foundation-sdk/go/statetimeline"
	"github.com/grafana/grafana-foundation-sdk/go/table"
	"github.com/grafana/grafana-foundation-sdk/go/timeseries"
)

// read decodes a board as it is shipped. What the SDK does not know of a dashboard, a panel or its options is an error.
func read(t *testing.T, b board) dashboard.Dashboard {
	t.Helper()
	known := cog.NewRuntime()
	known.RegisterPanelcfgVariant(bargauge.VariantConfig())
	known.RegisterPanelcfgVariant(stat.VariantConfig())
	known.RegisterPanelcfgVariant(statetimeline.VariantConfig())
	known.RegisterPanelcfgVariant(table.VariantConfig())
	known.RegisterPanelcfgVariant(timeseries.VariantConfig())
	known.RegisterDataqueryVariant(prometheus.VariantConfig())
	built, err := b.build()
	if err != nil {
		t.Fatal(err)
	}
	text, err := json.Marshal(built)
	if err != nil {
		t.Fatal(err)
	}
	var strict, d dashboard.Dashboard
	// The error is a list, which is empty, and not nil, when all is well; what was decoded has no panels then.
	var wrong cog.BuildErrors
	if err := strict.UnmarshalJSONStrict(text); err != nil && (!errors.As(err, &wrong) || len(wrong) > 0) {
		t.Fatalf("%s is no dashboard: %v", b.uid, err)
	}
	if err := json.Unmarshal(text, &d); err != nil || len(panels(d)) == 0 {
		t.Fatalf("%s cannot be read: %v", b.uid, err)
	}
	if err := d.Validate(); err != nil {
		t.Fatalf("%s is not valid: %v", b.uid, err)
	}
	return d
}

// panels are those of a board, without the headings.
func panels(d dashboard.Dashboard) []dashboard.Panel {
	var all []dashboard.Panel
	for _, p := range d.Panels {
		if p.Panel != nil {
			all = append(all, *p.Panel)
		}
	}
	return all
}

func eachBoard(t *testing.T, check func(t *testing.T, d dashboard.Dashboard)) {
	for _, b := range boards() {
		t.Run(b.uid, func(t *testing.T) { check(t, read(t, b)) })
	}
}

// unitsThereAre are the values of the constants of the SDK's package units. What is none of them, Grafana takes for the name of a unit of one's own.
func unitsThereAre(t *testing.T) []string {
	t.Helper()
	folder, err := exec.Command("go", "list", "-f", "{{.Dir}}", "github.com/grafana/grafana-foundation-sdk/go/units").Output()
	if err != nil {
		t.Fatal(err)
	}
	file, err := goparser.ParseFile(token.NewFileSet(), filepath.Join(strings.TrimSpace(string(folder)), "types_gen.go"), nil, 0)
	if err != nil {
		t.Fatal(err)
	}
	var all []string
	ast.Inspect(file, func(n ast.Node) bool {
		if text, ok := n.(*ast.BasicLit); ok && text.Kind == token.STRING {
			if unit, err := strconv.Unquote(text.Value); err == nil {
				all = append(all, unit)
			}
		}
		return true
	})
	return all
}

func TestEveryPanelSaysWhatItShows(t *testing.T) {
	known := unitsThereAre(t)
	eachBoard(t, func(t *testing.T, d dashboard.Dashboard) {
		for _, p := range panels(d) {
			title := *p.Title
			if p.Description == nil || !strings.HasSuffix(*p.Description, ".") {
				t.Errorf("%q does not say in a sentence what it shows", title)
			}
			if unit := p.FieldConfig.Defaults.Unit; unit == nil || !slices.Contains(known, *unit) {
				t.Errorf("%q has a unit that there is not", title)
			}
			if len(p.Targets) == 0 {
				t.Errorf("%q asks for nothing", title)
			}
			chosen := func(what string, s *common.DataSourceRef) {
				if s == nil || s.Uid == nil || *s.Uid != "${datasource}" || s.Type == nil || *s.Type != "prometheus" {
					t.Errorf("%s of %q does not ask the Prometheus that is chosen above", what, title)
				}
			}
			chosen("the panel", p.Datasource)
			refs := map[string]bool{}
			for _, target := range p.Targets {
				q, ok := target.(*prometheus.Dataquery)
				if !ok {
					t.Fatalf("%q has a query that is not one of Prometheus: %T", title, target)
				}
				chosen("query "+*q.RefId, q.Datasource)
				if q.Expr == "" || refs[*q.RefId] {
					t.Errorf("query %q of %q has no expression, or the name of another", *q.RefId, title)
				}
				refs[*q.RefId] = true
			}
		}
	})
}

func TestPanelsHaveAPlaceAndAnIdentityOfTheirOwn(t *testing.T) {
	eachBoard(t, func(t *testing.T, d dashboard.Dashboard) {
		ids, titles, taken := map[uint32]bool{}, map[string]bool{}, map[[2]uint32]string{}
		place := func(id uint32, title string, at *dashboard.GridPos) {
			if id == 0 || ids[id] {
				t.Errorf("%q has the number %d, which another has", title, id)
			}
			if titles[title] {
				t.Errorf("two panels are called %q", title)
			}
			ids[id], titles[title] = true, true
			if at.X+at.W > 24 || at.H == 0 || at.W == 0 {
				t.Errorf("%q lies beside the board: %+v", title, *at)
			}
			for x := at.X; x < at.X+at.W; x++ {
				for y := at.Y; y < at.Y+at.H; y++ {
					if other, is := taken[[2]uint32{x, y}]; is {
						t.Fatalf("%q lies on %q", title, other)
					}
					taken[[2]uint32{x, y}] = title
				}
			}
		}
		for _, p := range d.Panels {
			if p.RowPanel != nil {
				place(p.RowPanel.Id, *p.RowPanel.Title, p.RowPanel.GridPos)
			} else {
				place(*p.Panel.Id, *p.Panel.Title, p.Panel.GridPos)
			}
		}
	})
}

// Whoever has a link to a board keeps it, and each board leads to the others.
func TestBoardsLinkToEachOther(t *testing.T) {
	uids := []string{"stagger-fleet", "stagger-release", "stagger-evidence", "stagger-operator"}
	eachBoard(t, func(t *testing.T, d dashboard.Dashboard) {
		if !slices.Contains(uids, *d.Uid) {
			t.Fatalf("the uid %s is not among those that were published", *d.Uid)
		}
		text, err := json.Marshal(d)
		if err != nil {
			t.Fatal(err)
		}
		var to []string
		for _, l := range d.Links {
			if l.Url == nil || !l.KeepTime || !l.IncludeVars {
				t.Errorf("the link %q loses the time or the variables", l.Title)
			}
			to = append(to, strings.TrimPrefix(*l.Url, "/d/"))
		}
		slices.Sort(to)
		want := slices.DeleteFunc(slices.Clone(uids), func(u string) bool { return u == *d.Uid })
		slices.Sort(want)
		if !slices.Equal(to, want) {
			t.Errorf("it links to %v", to)
		}
		for _, part := range strings.Split(string(text), `"/d/`)[1:] {
			if uid, _, _ := strings.Cut(part[:strings.IndexAny(part, `"?`)], "?"); !slices.Contains(uids, uid) {
				t.Errorf("a link leads to %s", uid)
			}
		}
		if d.Templating.List[0].Name != "datasource" || d.Templating.List[1].Name != "cluster" {
			t.Error("the Prometheus and the cluster cannot be chosen")
		}
	})
}

func TestEachBoardIsAFile(t *testing.T) {
	folder := t.TempDir()
	if err := write(folder); err != nil {
		t.Fatal(err)
	}
	for _, b := range boards() {
		if text, err := os.ReadFile(filepath.Join(folder, b.uid+".json")); err != nil || !json.Valid(text) {
			t.Errorf("%s: %v", b.uid, err)
		}
	}
	if err := write(filepath.Join(folder, "none")); err == nil {
		t.Error("a folder that is not there was written to")
	}
}

// Whoever applies the manifests gets every board, under the label by which Grafana's sidecar finds it.
func TestEveryBoardIsInAConfigMap(t *testing.T) {
	text, err := os.ReadFile("../../manifests/monitoring/dashboards/kustomization.yaml")
	if err != nil {
		t.Fatal(err)
	}
	for _, b := range boards() {
		if want := "- {name: " + b.uid + ", files: [" + b.uid + ".json]}"; !strings.Contains(string(text), want) {
			t.Errorf("it lacks %s", want)
		}
	}
	if !strings.Contains(string(text), `grafana_dashboard: "1"`) {
		t.Error("the sidecar does not find them")
	}
}
