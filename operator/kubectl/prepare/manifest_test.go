package prepare_test

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stagger-dev/stagger/operator/kubectl/cli"
	"github.com/stagger-dev/stagger/operator/kubectl/clitest"
)

const soundPolicy = `apiVersion: stagger.dev/v1alpha1
kind: ShiftPolicy
metadata: {name: mine}
spec:
  steps: [{weight: "1%", hold: 1m}, {weight: "100%", hold: 1m}]
  objectives: [{name: availability, indicator: Requests, target: "99%"}]
`

// another is the sound policy with something else in it.
func another(old, changed string) string { return strings.Replace(soundPolicy, old, changed, 1) }

func TestLintSaysWhatIsWrongWithAnyFile(t *testing.T) {
	const sound, route = "✔ x.yaml: ShiftPolicy mine", "apiVersion: networking.istio.io/v1beta1\nkind: VirtualService\nmetadata: {name: checkout}\n"
	const jsonPolicy = `{"apiVersion":"stagger.dev/v1alpha1","kind":"ShiftPolicy","metadata":{"name":"mine"},"spec":{"steps":[{"weight":"100%","hold":"1m"}],` +
		`"objectives":[{"name":"a","indicator":"Requests","target":"99%"}]}}`
	for name, c := range map[string]struct {
		text string
		says []string // a line each, from its beginning
	}{
		"lines that end as in Windows":   {strings.ReplaceAll(soundPolicy+"---\n"+soundPolicy, "\n", "\r\n"), []string{sound, sound}},
		"byte order marks":               {"\ufeff" + soundPolicy + "---\n\ufeff" + soundPolicy, []string{sound, sound}},
		"empty documents":                {"---\n---\n# none\n---\n" + soundPolicy + "---\n\n---\nnull\n---\n~\n", []string{sound}},
		"an anchor":                      {another(`hold: 1m}, {weight: "100%", hold: 1m`, `hold: &h 1m}, {weight: "100%", hold: *h`), []string{sound}},
		"JSON":                           {jsonPolicy, []string{sound}},
		"JSON with tabs":                 {strings.ReplaceAll(jsonPolicy, ",", ",\n\t"), []string{sound}},
		"JSON twice":                     {jsonPolicy + "\n" + jsonPolicy, []string{sound, sound}},
		"JSON with a brace too many":     {jsonPolicy + "}", []string{"✖ x.yaml: something follows after the end of the document"}},
		"a tab":                          {"kind:\n\tShiftPolicy\n", []string{"✖ x.yaml: this is no YAML (yaml: line 2: found character that cannot start any token)"}},
		"bytes that are no text":         {"\x80\xff: a", []string{"✖ x.yaml: this is no YAML"}},
		"a broken document between":      {soundPolicy + "---\na: [b\n---\n" + soundPolicy, []string{sound, "✖ x.yaml, document 2: this is no YAML", sound}},
		"a document after three dots":    {soundPolicy + "...\n" + soundPolicy, []string{"✖ x.yaml: something follows after the end of the document"}},
		"a key twice":                    {soundPolicy + "kind: ShiftPolicy\n", []string{`✖ x.yaml: line 7: key "kind" is set twice: keep one`}},
		"a key twice in JSON":            {`{"kind": "ShiftPolicy", "kind": "Service"}`, []string{`✖ x.yaml: line 1: key "kind" is set twice: keep one`}},
		"a template":                     {"{{- if .Values.x }}\n" + soundPolicy + "{{- end }}\n", []string{"✖ x.yaml: this is a template: give what is rendered of it"}},
		"the description of a chart":     {"apiVersion: v2\nname: web\nversion: 1.0.0\n---\n" + soundPolicy, []string{"- x.yaml: this is no object of Kubernetes", sound}},
		"a list":                         {"apiVersion: v1\nkind: List\nitems:\n- 5\n- " + jsonPolicy, []string{"✖ x.yaml: items[0] of List is no object", sound}},
		"a list of one kind":             {"apiVersion: stagger.dev/v1alpha1\nkind: ShiftPolicyList\nitems: [{metadata: {name: a}, spec: 5}]", []string{"✖ x.yaml: ShiftPolicy a:"}},
		"a list that is none":            {"apiVersion: v1\nkind: List\nitems: {a: b}", []string{"✖ x.yaml: items of List must be a list"}},
		"no kind":                        {"apiVersion: v1\nmetadata: {name: a}", []string{"✖ x.yaml: kind is missing: add it"}},
		"a kind that is a number":        {"apiVersion: v1\nkind: 5", []string{"✖ x.yaml: kind is 5, which is no text"}},
		"a kind that is none":            {another("kind: ShiftPolicy", "kind: ShiftPolice"), []string{"✖ x.yaml: ShiftPolice mine: kind is ShiftPolice, which stagger.dev does not have: write ShiftPolicy or TrafficShift"}},
		"another version":                {another("v1alpha1", "v1"), []string{"✖ x.yaml: ShiftPolicy mine: apiVersion is stagger.dev/v1: write stagger.dev/v1alpha1"}},
		"a kind of another group":        {another("stagger.dev", "example.com"), []string{"- x.yaml: ShiftPolicy mine: only a cluster can check it"}},
		"metadata that are none":         {another("{name: mine}", "[mine]"), []string{"✖ x.yaml: metadata must have fields"}},
		"no name":                        {another("{name: mine}", "{}"), []string{"✖ x.yaml: ShiftPolicy: metadata.name is missing: add it"}},
		"a name that is a number":        {another("mine", "5"), []string{"✖ x.yaml: metadata.name is 5, which is no text: put it in quotes"}},
		"a name with a blank":            {another("mine", "My Policy"), []string{`✖ x.yaml: ShiftPolicy My Policy: metadata.name is "My Policy": use small letters`}},
		"an annotation that is a number": {"apiVersion: v1\nkind: Service\nmetadata: {name: a, annotations: {stagger.dev/policy: 5}}", []string{"✖ x.yaml: metadata.annotations: stagger.dev/policy is 5, which is no text"}},
		"a weight without its unit":      {another(`"1%"`, `"5"`), []string{`✖ x.yaml: ShiftPolicy mine: spec.steps[0].weight is "5": write a percentage such as 5%`}},
		"a weight with two units":        {another(`"1%"`, `"5%%"`), []string{`✖ x.yaml: ShiftPolicy mine: spec.steps[0].weight is "5%%": write a percentage such as 5%`}},
		"a weight that is a time":        {another(`"1%"`, `"1h30"`), []string{`✖ x.yaml: ShiftPolicy mine: spec.steps[0].weight is "1h30": write a percentage such as 5%`}},
		"an empty weight":                {another(`"1%"`, `""`), []string{`✖ x.yaml: ShiftPolicy mine: spec.steps[0].weight is "": write a percentage such as 5%`}},
		"a time without its last unit":   {another("hold: 1m", "hold: 1h30"), []string{`✖ x.yaml: ShiftPolicy mine: spec.steps[0].hold is "1h30": write a length of time such as 5m`}},
		"numbers that are too large":     {another(`"1%", hold: 1m`, `"1e400%", hold: 99999999999999999999h`), []string{"✖ x.yaml: ShiftPolicy mine:", "    spec.steps[0].hold is too long", `    spec.steps[0].weight is "1e400%"`}},
		"a number that is none":          {another(`"99%"`, ".nan"), []string{"✖ x.yaml: this is no YAML (json: unsupported value: NaN)"}},
		"routes that are none":           {route + "spec: {hosts: [checkout], http: wrong, tcp: [5]}", []string{"✖ x.yaml: VirtualService checkout:", "    spec.http must be a list of routes", "    spec.tcp must be a list of routes"}},
		"routes of an older version": {"apiVersion: v1\nkind: Service\nmetadata: {name: checkout, annotations: {stagger.dev/policy: mine}}\n---\n" + route +
			"spec: {hosts: [checkout], http: [{route: [{destination: {host: checkout-canary}}]}]}", []string{"✔ x.yaml: Service checkout", "✖ x.yaml: VirtualService checkout: "}},
		"a TrafficShift with two problems": {"apiVersion: stagger.dev/v1alpha1\nkind: TrafficShift\nmetadata: {name: a}\nspec: {service: {name: a}, policyRef: {name: A B}, control: Stop}",
			[]string{"✖ x.yaml: TrafficShift a:", `    spec.control: Unsupported value: "Stop"`, `    spec.policyRef.name is "A B", which cannot be the name of a ShiftPolicy`}},
	} {
		t.Run(name, func(t *testing.T) {
			at := clitest.File(t, "x.yaml", c.text)
			code, out, talk := clitest.Run(t, "none", "lint", "--local", "-f", at)
			got := strings.Split(strings.TrimSpace(strings.ReplaceAll(out, filepath.Dir(at)+"/", "")), "\n")
			fits := len(got) == len(c.says) || strings.HasSuffix(c.says[0], ":")
			for i, want := range c.says {
				fits = fits && i < len(got) && strings.HasPrefix(got[i], want)
			}
			if failed := strings.Contains(out, "✖"); !fits || failed != (code == cli.ExitError) {
				t.Errorf("exit code %d, %q, output\n%s\nwant\n%s", code, talk, strings.Join(got, "\n"), strings.Join(c.says, "\n"))
			}
		})
	}
}

func TestLintGoesOnAfterWhatCannotBeRead(t *testing.T) {
	folder := t.TempDir()
	for name, text := range map[string]string{"a.yaml": soundPolicy, "d.yml": another("mine", "other"), "readme.md": "a: b: c"} {
		if err := os.WriteFile(filepath.Join(folder, name), []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	for name, to := range map[string]string{"b.yaml": "nowhere", "c.yaml": "a.yaml", "loop": "."} {
		if err := os.Symlink(to, filepath.Join(folder, name)); err != nil {
			t.Fatal(err)
		}
	}
	_, out, _ := clitest.Run(t, "none", "lint", "--local", "-R", "-f", folder+"/missing.yaml", "-f", folder)
	want := `✖ missing.yaml: there is no such file, or it is a link to one that is not there
✔ a.yaml: ShiftPolicy mine
✖ b.yaml: there is no such file, or it is a link to one that is not there
✔ c.yaml: ShiftPolicy mine
✔ d.yml: ShiftPolicy other
`
	if got := strings.ReplaceAll(out, folder+"/", ""); got != want {
		t.Errorf("got\n%swant\n%s", got, want)
	}
}

func TestSimulateTakesOneSoundPolicyAndNumbersThatMeanSomething(t *testing.T) {
	for name, c := range map[string]struct {
		text  string
		words []string
		want  string
	}{
		"no policy":              {text: "apiVersion: v1\nkind: Service\nmetadata: {name: a}", want: "no ShiftPolicy of stagger.dev/v1alpha1 is in"},
		"two policies":           {text: soundPolicy + "---\n" + soundPolicy, want: "2 ShiftPolicies of stagger.dev/v1alpha1 are in"},
		"a broken document":      {text: soundPolicy + "---\na: [b\n", want: "document 2: this is no YAML"},
		"another version":        {text: another("v1alpha1", "v1"), want: "apiVersion is stagger.dev/v1: write stagger.dev/v1alpha1"},
		"another group":          {text: another("stagger.dev", "example.com"), want: "no ShiftPolicy of stagger.dev/v1alpha1 is in"},
		"no name":                {text: another("{name: mine}", "{}"), want: "no release can go by ShiftPolicy of "},
		"a key twice":            {text: soundPolicy + "spec: {}\n", want: `key "spec" is set twice`},
		"a template":             {text: "{{ x }}\n" + soundPolicy, want: "this is a template"},
		"a weight with no unit":  {text: another(`"1%"`, `"5"`), want: `spec.steps[0].weight is "5"`},
		"several contradictions": {text: another(`"99%"`, `"100%"`) + "  confidence: {falseAbort: \"50%\"}\n", want: "spec.confidence.falseAbort: falseAbort must be from"},
		"a rate that is none":    {words: []string{"--rate", "NaN"}, want: "--rate must be from 0 to"},
		"a rate without an end":  {words: []string{"--rate", "Inf"}, want: "--rate must be from 0 to"},
		"a rate that is too big": {words: []string{"--rate", "1e300"}, want: "--rate must be from 0 to"},
		"a burst that is none":   {words: []string{"--burst", "NaN"}, want: "--burst must be from 1 to"},
		"a burst without an end": {words: []string{"--burst", "Inf"}, want: "--burst must be from 1 to"},
		"a factor that is none":  {words: []string{"--fault", "NaNx"}, want: "--fault must be a share such as 30%"},
		"no fault":               {words: []string{"--fault", "0%"}, want: "--fault must be a share such as 30%"},
	} {
		t.Run(name, func(t *testing.T) {
			if c.text == "" {
				c.text = soundPolicy
			}
			at := clitest.File(t, "x.yaml", c.text)
			code, out, talk := clitest.Run(t, "none", append([]string{"simulate", "-f", at, "--rate", "100", "--runs", "1"}, c.words...)...)
			if code != cli.ExitError || out != "" || !strings.Contains(talk, c.want) {
				t.Errorf("exit code %d, output %q, %q; want %q", code, out, talk, c.want)
			}
		})
	}
}
