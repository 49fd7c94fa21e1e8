package cli

import (
	"fmt"

	"github.com/stagger-dev/stagger/pkg/view"
)

// Exit codes of the plugin.
const (
	// ExitOK: what was asked for is done. Where a release is looked at, it was promoted, goes on, or there is none.
	ExitOK = 0
	// ExitError: wrong usage, or the cluster refused or did not answer.
	ExitError = 1
	// ExitAborted: the release was aborted, or is being taken back.
	ExitAborted = 2
	// ExitHeld: the release is held or paused, or waits for people.
	ExitHeld = 3
	// ExitTimeout: what was waited for did not come in time.
	ExitTimeout = 4
	// ExitUnattended: nobody looks after the release, or after what was pushed.
	ExitUnattended = 5
	// ExitSuperseded: the version that was followed gave way to another one before its release was decided.
	ExitSuperseded = 6
)

// ExitHelp is the part of a help that explains the exit codes.
const ExitHelp = `Exit codes:
  0  done; with watch, --wait or --exit-code: promoted, going on, or nothing is being released
  1  wrong usage, or the cluster refused or did not answer
  2  with watch, --wait or --exit-code: the release was aborted
  3  with --exit-code: the release is held or paused, or waits for people
  4  with --wait or watch: it took longer than --timeout
  5  with --exit-code: no operator works, or looks after what is shown
  6  with watch: another version took the place of the one that is followed`

// ExitCodeOf is the exit code of what a screen shows, for scripts that look at one Service.
func ExitCodeOf(s view.Screen) int {
	if s.Unattended {
		return ExitUnattended
	}
	switch s.State {
	case view.StateAborted, view.StateAborting, view.StateDraining:
		return ExitAborted
	case view.StateRestoring:
		if s.Outcome != nil && s.Outcome.Result == view.StateAborted {
			return ExitAborted
		}
	case view.StateHeld, view.StatePaused, view.StateWaiting, view.StateStalled:
		return ExitHeld
	}
	return ExitOK
}

// ExitStatus is the exit code of a verb that did what it was told. Nothing more is printed.
type ExitStatus struct{ Code int }

func (e ExitStatus) Error() string { return fmt.Sprintf("exit code %d", e.Code) }

// TimeoutError says what did not come in time. The plugin exits with ExitTimeout.
type TimeoutError struct{ Message string }

func (e TimeoutError) Error() string { return e.Message }
