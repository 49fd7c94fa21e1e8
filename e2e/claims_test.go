package e2e

import (
	"cmp"
	"context"
	"fmt"
	"net/http"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/stagger-dev/stagger/e2e/bed"
)

// byClaim answers by itself: who has the claim is answered by version early.
const byClaim = `
apiVersion: networking.istio.io/v1
kind: VirtualService
metadata: {name: claims}
spec:
  hosts: [%[1]s.example.com]
  gateways: [istio-ingress/gw]
  http:
  - match: [{headers: {"@request.auth.claims.channel": {exact: early}}}]
    headers: {response: {set: {x-version: early}}}
    directResponse: {status: 200}
  - headers: {response: {set: {x-version: everybody}}}
    directResponse: {status: 200}
`

// The gateway's filters change for all, so that the story is told while no other is.
func TestTheClaimsOfATokenChooseTheRouteAtTheGateway(t *testing.T) {
	ns := newNamespace(t)
	issuer, forger := issues(t, ns), issues(t, ns)
	authentication, err := issuer.Authentication(ns)
	if err != nil {
		t.Fatal(err)
	}
	apply(t, "istio-ingress", authentication)
	t.Cleanup(func() {
		if _, err := try(context.Background(), "", "-n", "istio-ingress", "delete", "requestauthentication", ns); err != nil {
			t.Errorf("removing the tokens' keys: %v", err)
		}
	})
	apply(t, ns, fmt.Sprintf(byClaim, ns))
	early, late := bearer(t, issuer, "early", time.Hour), bearer(t, issuer, "late", time.Hour)
	waitFor(t, "a token has its route", func() (bool, string) {
		version, code := answeredBy(t, ns, early)
		return version == "early", fmt.Sprint(version, code)
	})
	cohorts := []bed.Cohort{
		{Name: "early", Share: 0.2, Headers: early},
		{Name: "late", Share: 0.2, Headers: late},
		{Name: "pretending", Share: 0.2, Headers: map[string]string{"channel": "early", "x-channel": "early"}},
		{Name: "forging", Share: 0.1, Headers: bearer(t, forger, "early", time.Hour)},
		{Name: "expired", Share: 0.1, Headers: bearer(t, issuer, "early", -time.Hour)},
	}
	load, err := bed.StartLoad(t.Context(), filepath.Join(t.TempDir(), "load.jsonl"), "gateway", ns+".example.com", perSecond, cohorts...)
	if err != nil {
		t.Fatal(err)
	}
	waitFor(t, "the load was answered", func() (bool, string) {
		all, err := load.Seconds(time.Time{})
		return err == nil && bed.Sent(all) > 2*perSecond, fmt.Sprint(bed.Sent(all), err)
	})
	if err := load.Stop(); err != nil {
		t.Fatal(err)
	}
	all, err := load.Seconds(time.Time{})
	if err != nil {
		t.Fatal(err)
	}
	for name, version := range map[string]string{
		"early": "early", "late": "everybody", "pretending": "everybody", bed.Others: "everybody", "forging": "", "expired": "",
	} {
		its := bed.Of(all, name)
		failed, _ := bed.Failed(its)
		met, sent := bed.Met(its), bed.Sent(its)
		delete(met, version)
		if sent == 0 || len(met) > 0 || version != "" && failed > 0 || version == "" && failed != sent {
			t.Errorf("%s sent %d, of which %d failed, and met also %v; want %q alone", name, sent, failed, met, version)
		}
	}
}

// issues is an issuer of tokens, of whom there may be several by a name: all but one forge.
func issues(t *testing.T, ns string) *bed.Issuer {
	t.Helper()
	i, err := bed.NewIssuer("https://" + ns + ".example.com")
	if err != nil {
		t.Fatal(err)
	}
	return i
}

// bearer is the header that shows a token with the claim channel, good for so long.
func bearer(t *testing.T, i *bed.Issuer, channel string, good time.Duration) map[string]string {
	t.Helper()
	token, err := i.Token(map[string]any{"channel": channel}, time.Now().Add(good))
	if err != nil {
		t.Fatal(err)
	}
	return bed.Bearer(token)
}

// answeredBy is who answers a request with these headers at the gateway, and how.
func answeredBy(t *testing.T, ns string, headers map[string]string) (version string, code int) {
	t.Helper()
	r, err := http.NewRequestWithContext(t.Context(), http.MethodGet, "http://"+cmp.Or(os.Getenv("GATEWAY"), "10.244.200.1:18080")+"/", nil)
	if err != nil {
		t.Fatal(err)
	}
	r.Host = ns + ".example.com"
	for name, value := range headers {
		r.Header.Set(name, value)
	}
	answer, err := http.DefaultClient.Do(r)
	if err != nil {
		return err.Error(), 0
	}
	if err := answer.Body.Close(); err != nil {
		t.Error(err)
	}
	return answer.Header.Get("x-version"), answer.StatusCode
}
