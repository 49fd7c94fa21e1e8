package pages

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// recorded is a page whose second command shows a screen of another version: with other numbers, a line that is called otherwise, one too many
// and one that is left out.
const recorded = "# A page\n\n```console\n$ kubectl apply -f policy.yaml\ncreated\n$ kubectl stagger status checkout\n" +
	"checkout  release 1  shop:1.1.0 over 1.0.0  ◑ Shifting  step 1 of 3, seen 0s ago\n  WEIGHT     want 10%  live 9% …\n  PODS       none\n" +
	"[…]\n  EXPOSED    13 requests, 3 failed\n  NEXT       nothing\n```\n\n## Then\n\n```console\n$ kubectl stagger watch checkout\n[…]\ncheckout: promoted\n```\n"

const screenNow = "checkout  release 1  shop:1.1.0 over 1.0.0  ◑ Shifting  step 1 of 3, last look 2s ago\n" +
	"  WEIGHT     want 10%  live 11%  held 3s\n  TRAFFIC    50 requests/s  \n\n  OBJECTIVE  …\n  EXPOSED    7 requests, 1 failed\n  BY         hand\n  NEXT       nothing\n"

func TestAPageIsWrittenAnewWithWhatIsSaidNow(t *testing.T) {
	file := filepath.Join(t.TempDir(), "page.md")
	if err := os.WriteFile(file, []byte(recorded), 0o600); err != nil {
		t.Fatal(err)
	}
	sections, err := Read(file)
	if err != nil {
		t.Fatal(err)
	}
	status, watch := sections[1].Commands[1], sections[2].Commands[0]
	var r Recording
	r.Add(file, sections[1].Commands[0], "created\n")
	r.Add(file, status, screenNow)
	r.Add(file, watch, "checkout: begun\ncheckout: promoted after 3s\n")
	if err := r.Write(); err != nil {
		t.Fatal(err)
	}
	text, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	want := strings.NewReplacer("step 1 of 3, seen 0s ago", "step 1 of 3, last look 2s ago", "  PODS       none\n", "",
		"13 requests, 3 failed\n", "7 requests, 1 failed\n  BY         hand\n", "checkout: promoted\n", "checkout: promoted after 3s\n").Replace(recorded)
	if diff := cmp.Diff(want, string(text)); diff != "" {
		t.Errorf("-want +got:\n%s", diff)
	}
	if sections, err = Read(file); err != nil {
		t.Fatal(err)
	}
	if before, now := Differs(status.Shown, screenNow), Differs(sections[1].Commands[1].Shown, screenNow); before == "" || now != "" {
		t.Errorf("what was said differs from the page before by %q, now by %q", before, now)
	}
}

func TestWhatHasNothingInCommonWithAPageIsNotRecorded(t *testing.T) {
	file := filepath.Join(t.TempDir(), "page.md")
	if err := os.WriteFile(file, []byte(recorded), 0o600); err != nil {
		t.Fatal(err)
	}
	sections, err := Read(file)
	if err != nil {
		t.Fatal(err)
	}
	var r Recording
	r.Add(file, sections[2].Commands[0], "error: the server is gone\n")
	err = r.Write()
	if err == nil || !strings.Contains(err.Error(), "page.md:18: nothing that is shown of $ kubectl stagger watch checkout is said any more") {
		t.Errorf("%v", err)
	}
	if text, err := os.ReadFile(file); err != nil || string(text) != recorded {
		t.Errorf("the page was changed, %v", err)
	}
}

func TestWhatIsLeftOutIsLeftOutOnce(t *testing.T) {
	anew, err := Command{Shown: []string{"[…]", "begun", "[…]", "half", "", "[…]", "done"}}.record("begun\nonward\ndone\n")
	if want := []string{"[…]", "begun", "[…]", "", "done"}; err != nil || cmp.Diff(want, anew) != "" {
		t.Errorf("%v, %s", err, cmp.Diff(want, anew))
	}
}

// What is shown of the second screen that begins alike is found there, though the first begins as it does.
func TestAScreenIsFoundBehindOneThatBeginsAlike(t *testing.T) {
	const said = "checkout  Shifting\n  WEIGHT  10%\n\ncheckout  Shifting\n  PODS  2\n"
	shown := []string{"[…]", "checkout  Shifting", "  PODS  1"}
	if diff := Differs(shown, said); diff != "" {
		t.Error(diff)
	}
	if diff := Differs([]string{"[…]", "checkout  Shifting", "  ROUTES"}, said); !strings.HasPrefix(diff, `want "  ROUTES", got "  WEIGHT`) {
		t.Error(diff)
	}
	anew, err := Command{Shown: shown}.record(said)
	if want := []string{"[…]", "checkout  Shifting", "  PODS  2"}; err != nil || cmp.Diff(want, anew) != "" {
		t.Errorf("%v, %s", err, cmp.Diff(want, anew))
	}
}

// Where an operator runs is another name on each machine.
func TestTheMachineOfTheOperatorIsNotNamed(t *testing.T) {
	page := t.TempDir() + "/page.md"
	shown := "```console\n$ kubectl stagger status checkout\n  OPERATOR   one leads; it renewed its Lease 2s ago\n```\n"
	if err := os.WriteFile(page, []byte(shown), 0o600); err != nil {
		t.Fatal(err)
	}
	read, err := Read(page)
	if err != nil {
		t.Fatal(err)
	}
	command := read[0].Commands[0]
	const said = "  OPERATOR   another leads; it renewed its Lease 0s ago\n"
	if differs := Differs(command.Shown, said); differs != "" {
		t.Errorf("another machine: %s", differs)
	}
	var r Recording
	r.Add(page, command, said)
	if err := r.Write(); err != nil {
		t.Fatal(err)
	}
	if now, err := os.ReadFile(page); err != nil || !strings.Contains(string(now), "OPERATOR   localhost leads;") {
		t.Errorf("%s, %v", now, err)
	}
}
