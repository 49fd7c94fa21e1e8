package release_test

import (
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/stagger-dev/stagger/pkg/release"
)

func TestARefusedCommandIsAnsweredOnce(t *testing.T) {
	t.Parallel()
	cases := map[string]struct {
		before  []string
		command string
		want    string
	}{
		"before any release":         {nil, "abort 1 t", "there is no release yet"},
		"for another release":        {[]string{"push v2"}, "abort 2 t", "release 2 is not the present one, which is 1"},
		"retry while it runs":        {[]string{"push v2"}, "retry 1 t", "release 1 is still running; retry is for a template that was taken back"},
		"promote of a weight before": {[]string{"push v2", "wait 30s"}, "promote 1/0 t why", "release 1 has gone to another weight since the command was given"},
		"promote before traffic":     {[]string{"push v2"}, "promote 1 t why", "the release has no traffic yet; promote leaves a step"},
		"promote unproven":           {[]string{"push v2", "wait 30s"}, "promote 1 t", "the evidence does not clear the next step; say why it is to be left all the same"},
		"promote at the last step":   {[]string{"policy 100%/1m", "push v2", "wait 30s"}, "promote 1 t why", "the release is at its last step; only evidence hands it over, or promote-full with a reason"},
		"abort twice":                {[]string{"push v2", "command abort 1 s"}, "abort 1 t", "release 1 is being taken back already: aborted by command"},
		"abort after the handover": {
			[]string{"policy 100%/30s", "push v2", "wait 1m10s"}, "abort 1 t", "release 1 was handed over; to go back, give the Deployment the template it had",
		},
		"abort when it is over": {[]string{"push v2", "wait 15m"}, "abort 1 t", "release 1 is over"},
		"retry of nothing":      {[]string{"push v2", "wait 15m"}, "retry 1 t", "no template is waiting to be tried again"},
	}
	for name, c := range cases {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			w := newWorld()
			w.playAll(t, append([]string{"wait 5s"}, c.before...))
			w.command(c.command, "")
			d := release.Decide(w.observe().Facts, w.store.Now)
			if diff := cmp.Diff(&release.Answer{Token: "t", Message: c.want}, d.Answer); diff != "" {
				t.Errorf("answer (-want +got):\n%s\n%s", diff, w.out.tail())
			}
			w.settle(t)
			if d := release.Decide(w.observe().Facts, w.store.Now); d.Answer != nil {
				t.Errorf("answered again: %+v", d.Answer)
			}
		})
	}
}
