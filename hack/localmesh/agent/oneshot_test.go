package agent

import (
	"context"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	corev1 "k8s.io/api/core/v1"
)

func TestARequestEndsByItsAnswer(t *testing.T) {
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		switch r.URL.Path {
		case "/bad":
			http.Error(w, "failed as told", http.StatusBadGateway)
		case "/moved":
			http.Redirect(w, r, "/bad", http.StatusFound)
		case "/cut":
			w.Header().Set("content-length", "9")
			fmt.Fprint(w, "p-1")
		case "/long":
			fmt.Fprint(w, strings.Repeat("x", 2*told))
		default:
			fmt.Fprintln(w, r.Host, r.Header.Get("x-cohort"), r.Header.Get("cookie"))
		}
	}))
	defer server.Close()
	closed := httptest.NewServer(http.NotFoundHandler())
	closed.Close()
	cases := map[string]struct {
		args    []string
		code    int
		reason  string
		mention string
	}{
		"a good answer": {
			[]string{"--request=" + server.URL, "--host=checkout-preview.shop", "--header=x-cohort=staff", "--header=cookie=a=b"},
			0, "Completed", "200 OK: checkout-preview.shop staff a=b",
		},
		"no host of its own":        {[]string{"--request=" + server.URL}, 0, "Completed", "200 OK: " + strings.TrimPrefix(server.URL, "http://")},
		"an answer that fails":      {[]string{"--request=" + server.URL + "/bad"}, 1, "Error", "502 Bad Gateway: failed as told"},
		"an exit code of its own":   {[]string{"--request=" + server.URL + "/bad", "--exit-code=7"}, 7, "Error", "502"},
		"a redirect is not pursued": {[]string{"--request=" + server.URL + "/moved"}, 0, "Completed", "302 Found"},
		"half an answer":            {[]string{"--request=" + server.URL + "/cut"}, 1, "Error", "reading the answer"},
		"a long answer":             {[]string{"--request=" + server.URL + "/long"}, 0, "Completed", "200 OK: xxx"},
		"nobody there":              {[]string{"--request=" + closed.URL}, 1, "Error", "connection refused"},
	}
	for name, c := range cases {
		t.Run(name, func(t *testing.T) {
			spec := corev1.Container{Image: "shop:1", Args: c.args, Ports: []corev1.ContainerPort{{ContainerPort: 8080}}}
			b, err := ParseBehaviour(spec)
			if err != nil {
				t.Fatal(err)
			}
			if ports := portsOf(spec, b); len(ports) > 0 {
				t.Errorf("it listens on %v", ports)
			}
			got := (&app{b: b}).run(t.Context(), nil, nil)
			if got.code != c.code || got.reason != c.reason || !strings.Contains(got.text, c.mention) {
				t.Errorf("ended by %+v, want code %d, %s and %q", got, c.code, c.reason, c.mention)
			}
			if len(got.text) > told+100 {
				t.Errorf("%d bytes are told", len(got.text))
			}
		})
	}
}

func TestARequestThatIsNotAnsweredEndsWhenItIsTold(t *testing.T) {
	for name, answer := range map[string]string{"before an answer": "", "in the middle of one": "p-1 "} {
		t.Run(name, func(t *testing.T) {
			ctx, end := context.WithCancel(t.Context())
			server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
				if _, err := io.WriteString(w, answer); err != nil {
					t.Error(err)
				}
				if answer != "" {
					if err := http.NewResponseController(w).Flush(); err != nil {
						t.Error(err)
					}
				}
				end()
				<-r.Context().Done()
			}))
			defer server.Close()
			got := (&app{b: Behaviour{Request: server.URL, ExitCode: 1}}).run(ctx, nil, nil)
			if got.code != 143 || got.reason != "Error" {
				t.Errorf("ended by %+v, want code 143", got)
			}
		})
	}
}
