package dashboard

import (
	"crypto/subtle"
	"encoding/json"
	"mime"
	"net/http"
	"strings"
)

// tokenHeader carries the token.
const tokenHeader = "Stagger-Token"

const policy = "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; connect-src 'self'; " +
	"base-uri 'none'; form-action 'none'; frame-ancestors 'none'; require-trusted-types-for 'script'"

// guard lets through only what the page of this very run asks for.
func (s *server) guard(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		h := w.Header()
		h.Set("Content-Security-Policy", policy)
		h.Set("X-Content-Type-Options", "nosniff")
		h.Set("X-Frame-Options", "DENY")
		h.Set("Cache-Control", "no-store")
		h.Set("Referrer-Policy", "no-referrer")
		h.Set("Cross-Origin-Opener-Policy", "same-origin")
		h.Set("Cross-Origin-Resource-Policy", "same-origin")
		if code, why := s.refusal(r); code != 0 {
			refuse(w, code, why)
			return
		}
		next.ServeHTTP(w, r)
	})
}

// refusal is why a request is not answered; 0 when it is.
func (s *server) refusal(r *http.Request) (code int, why string) {
	switch site := r.Header.Get("Sec-Fetch-Site"); {
	case r.Host != s.host:
		return http.StatusMisdirectedRequest, "this is not " + r.Host + "; open http://" + s.host + "/ with the token that was printed"
	case !strings.HasPrefix(r.URL.Path, "/api/") && r.Method != http.MethodGet:
		return http.StatusMethodNotAllowed, "the page is only read"
	case !strings.HasPrefix(r.URL.Path, "/api/"):
		return 0, ""
	case site != "" && site != "same-origin":
		return http.StatusForbidden, "another page may not ask this"
	case subtle.ConstantTimeCompare([]byte(r.Header.Get(tokenHeader)), []byte(s.token)) != 1:
		return http.StatusUnauthorized, "the token is not that of this dashboard; open the address that kubectl stagger dashboard printed"
	case r.Method == http.MethodGet:
		return 0, ""
	case r.Header.Get("Origin") != "http://"+s.host:
		return http.StatusForbidden, "another page may not command"
	}
	if kind, _, err := mime.ParseMediaType(r.Header.Get("Content-Type")); err != nil || kind != "application/json" {
		return http.StatusUnsupportedMediaType, "a command is JSON"
	}
	return 0, ""
}

// refuse answers with one sentence.
func refuse(w http.ResponseWriter, code int, why string) {
	answer(w, code, map[string]string{"error": why})
}

// answer writes JSON. A browser that has gone does not miss it.
func answer(w http.ResponseWriter, code int, value any) {
	w.Header().Set("Content-Type", "application/json")
	w.WriteHeader(code)
	_ = json.NewEncoder(w).Encode(value)
}
