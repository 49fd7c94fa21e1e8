package dashboard_test

import (
	"net/http"
	"strings"
	"testing"

	"github.com/stagger-dev/stagger/operator/kubectl/clitest"
)

func TestTheDashboardRefusesWhatIsNotItsOwnPage(t *testing.T) {
	header := func(name, value string) func(*http.Request) {
		return func(r *http.Request) { r.Header.Set(name, value) }
	}
	cookie := func(r *http.Request) {
		r.Header.Set("Cookie", "Stagger-Token="+r.Header.Get("Stagger-Token"))
		r.Header.Del("Stagger-Token")
	}
	both := func(r *http.Request) {
		r.Header.Set("Sec-Fetch-Site", "same-origin")
		r.Header.Set("Origin", "https://evil.example")
	}
	order := `{"namespace":"shop","name":"checkout","verb":"abort","number":7}`
	cases := map[string]struct {
		method, path, body string
		change             func(*http.Request)
		want               int
		says               string
	}{
		"the page without a token":           {"GET", "/", "", header("Stagger-Token", ""), http.StatusOK, "<title>Stagger</title>"},
		"the page by another name":           {"GET", "/", "", func(r *http.Request) { r.Host = "rebound.example" }, http.StatusMisdirectedRequest, "open http://127.0.0.1:"},
		"the page by localhost":              {"GET", "/", "", func(r *http.Request) { r.Host = "localhost" + r.Host[strings.LastIndexByte(r.Host, ':'):] }, http.StatusMisdirectedRequest, "open http://127.0.0.1:"},
		"a write to the page":                {"POST", "/", "", nil, http.StatusMethodNotAllowed, "only read"},
		"data without a token":               {"GET", "/api/board", "", header("Stagger-Token", ""), http.StatusUnauthorized, "the token is not that of this dashboard"},
		"data with another token":            {"GET", "/api/board", "", header("Stagger-Token", "t0ken9"), http.StatusUnauthorized, "the token is not that of this dashboard"},
		"data with a longer token":           {"GET", "/api/board", "", header("Stagger-Token", "t0ken11"), http.StatusUnauthorized, "the token is not that of this dashboard"},
		"data by another name":               {"GET", "/api/board", "", func(r *http.Request) { r.Host = "rebound.example:80" }, http.StatusMisdirectedRequest, "this is not rebound.example:80"},
		"data for another page":              {"GET", "/api/board", "", header("Sec-Fetch-Site", "cross-site"), http.StatusForbidden, "another page may not ask this"},
		"data for another port":              {"GET", "/api/board", "", header("Sec-Fetch-Site", "same-site"), http.StatusForbidden, "another page may not ask this"},
		"data by an address that was typed":  {"GET", "/api/board", "", header("Sec-Fetch-Site", "none"), http.StatusForbidden, "another page may not ask this"},
		"data with the token in a cookie":    {"GET", "/api/board", "", cookie, http.StatusUnauthorized, "the token is not that of this dashboard"},
		"a stream without a token":           {"GET", "/api/stream", "", header("Stagger-Token", ""), http.StatusUnauthorized, "the token is not that of this dashboard"},
		"what there is not":                  {"GET", "/api/secrets", "", nil, http.StatusNotFound, "not served here"},
		"a Service that there is not":        {"GET", "/api/service/shop/nothing", "", nil, http.StatusNotFound, "kubectl annotate service nothing -n shop stagger.dev/policy=standard"},
		"a Service of another namespace":     {"GET", "/api/service/books/orders", "", nil, http.StatusNotFound, "this dashboard shows namespace shop only"},
		"a command without a token":          {"POST", "/api/command", order, header("Stagger-Token", ""), http.StatusUnauthorized, "the token is not that of this dashboard"},
		"a command of another page":          {"POST", "/api/command", order, header("Origin", "https://evil.example"), http.StatusForbidden, "another page may not command"},
		"a command of a page in a file":      {"POST", "/api/command", order, header("Origin", "null"), http.StatusForbidden, "another page may not command"},
		"a command of no page":               {"POST", "/api/command", order, func(r *http.Request) { r.Header.Del("Origin") }, http.StatusForbidden, "another page may not command"},
		"a command of this page by https":    {"POST", "/api/command", order, func(r *http.Request) { r.Header.Set("Origin", "https://"+r.URL.Host) }, http.StatusForbidden, "another page may not command"},
		"a command of two pages":             {"POST", "/api/command", order, both, http.StatusForbidden, "another page may not command"},
		"a command of another port":          {"POST", "/api/command", order, header("Sec-Fetch-Site", "same-site"), http.StatusForbidden, "another page may not ask this"},
		"a command as a form":                {"POST", "/api/command", order, header("Content-Type", "text/plain"), http.StatusUnsupportedMediaType, "a command is JSON"},
		"a command that is read":             {"GET", "/api/command", "", nil, http.StatusNotFound, "not served here"},
		"a command that is none":             {"POST", "/api/command", `{"verb":`, nil, http.StatusBadRequest, "cannot be read"},
		"a command with more than one knows": {"POST", "/api/command", `{"verb":"abort","force":true}`, nil, http.StatusBadRequest, "force"},
		"a command without end":              {"POST", "/api/command", `{"reason":"` + strings.Repeat("x", 5000) + `"}`, nil, http.StatusRequestEntityTooLarge, "too long"},
		"a command in another namespace":     {"POST", "/api/command", `{"namespace":"books","name":"orders","verb":"abort","number":7}`, nil, http.StatusForbidden, "this dashboard shows namespace shop only"},
		"a command for nothing":              {"POST", "/api/command", `{"namespace":"shop","name":"nothing","verb":"abort","number":7}`, nil, http.StatusNotFound, "no Service named nothing"},
		"a verb that there is not":           {"POST", "/api/command", `{"namespace":"shop","name":"checkout","verb":"explode","number":7}`, nil, http.StatusConflict, `is no verb of the dashboard`},
	}
	s := clitest.NewServer(t, clitest.Shift("shop", "checkout"), clitest.Shift("books", "orders"))
	d := serve(t, s)
	d.listed("checkout")
	for name, c := range cases {
		t.Run(name, func(t *testing.T) {
			response := d.ask(c.method, c.path, c.body, c.change)
			if text := d.text(response); response.StatusCode != c.want || !strings.Contains(text, c.says) {
				t.Errorf("%s %s: %s, %s; want %d with %q", c.method, c.path, response.Status, text, c.want, c.says)
			}
			for name, want := range map[string]string{"X-Content-Type-Options": "nosniff", "Cache-Control": "no-store", "X-Frame-Options": "DENY"} {
				if got := response.Header.Get(name); got != want {
					t.Errorf("%s is %q, want %q", name, got, want)
				}
			}
			csp := response.Header.Get("Content-Security-Policy")
			if !strings.Contains(csp, "default-src 'none'") || !strings.Contains(csp, "frame-ancestors 'none'") || strings.Contains(csp, "unsafe") {
				t.Errorf("the policy for content is %q", csp)
			}
		})
	}
	if len(s.Patches) != 0 {
		t.Errorf("written: %q", s.Patches)
	}
}
