package mesh

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"encoding/json"
	"errors"
	"fmt"
	"log"
	"net"
	"net/http"
	"net/url"
	"os"
	"strconv"
	"time"

	"github.com/stagger-dev/stagger/hack/localmesh/apifault"
	"github.com/stagger-dev/stagger/hack/localmesh/state"
)

// serveFaultyAPI is a second address of the API server, whose requests meet the rules. It presents the API server's own certificate.
func (s *supervisor) serveFaultyAPI() (end func(), err error) {
	server, err := url.Parse(state.APIServer)
	if err != nil {
		return nil, fmt.Errorf("parsing the API server's address: %w", err)
	}
	faulty, err := url.Parse(state.FaultyAPIServer)
	if err != nil {
		return nil, fmt.Errorf("parsing the faulty API server's address: %w", err)
	}
	ca, err := os.ReadFile(s.dir.Path("certs", "ca.crt"))
	if err != nil {
		return nil, fmt.Errorf("reading the mesh's authority: %w", err)
	}
	pool := x509.NewCertPool()
	pool.AppendCertsFromPEM(ca)
	transport := &http.Transport{TLSClientConfig: &tls.Config{RootCAs: pool}, ForceAttemptHTTP2: true, DisableCompression: true}
	l, err := net.Listen("tcp", faulty.Host)
	if err != nil {
		return nil, fmt.Errorf("listening for requests to spoil: %w", err)
	}
	proxy := &http.Server{Handler: apifault.Handler(server, transport, &s.rules), ReadHeaderTimeout: 30 * time.Second}
	go func() {
		err := proxy.ServeTLS(l, s.dir.Path("certs", "apiserver.crt"), s.dir.Path("certs", "apiserver.key"))
		if !errors.Is(err, http.ErrServerClosed) {
			log.Printf("Serving the faulty API: %v", err)
		}
	}()
	return func() { _ = proxy.Close() }, nil
}

func (s *supervisor) serveAddRule(w http.ResponseWriter, r *http.Request) {
	var rule apifault.Rule
	d := json.NewDecoder(r.Body)
	d.DisallowUnknownFields()
	if err := d.Decode(&rule); err != nil {
		http.Error(w, fmt.Sprintf("reading the rule: %v", err), http.StatusBadRequest)
		return
	}
	known, err := s.rules.Add(rule)
	if err != nil {
		http.Error(w, err.Error(), http.StatusBadRequest)
		return
	}
	answer(w, known)
}

func (s *supervisor) serveRules(w http.ResponseWriter, _ *http.Request) { answer(w, s.rules.List()) }

func (s *supervisor) serveClearRules(w http.ResponseWriter, r *http.Request) {
	var ids []int
	for _, text := range r.URL.Query()["id"] {
		id, err := strconv.Atoi(text)
		if err != nil {
			http.Error(w, fmt.Sprintf("%q is no rule's number", text), http.StatusBadRequest)
			return
		}
		ids = append(ids, id)
	}
	if err := s.rules.Clear(ids...); err != nil {
		http.Error(w, err.Error(), http.StatusNotFound)
	}
}

func answer(w http.ResponseWriter, what any) {
	w.Header().Set("Content-Type", "application/json")
	if err := json.NewEncoder(w).Encode(what); err != nil {
		log.Printf("Answering: %v", err)
	}
}

// AddRule puts a rule into force at the faulty API server of the mesh in dir.
func AddRule(ctx context.Context, dir state.Dir, rule apifault.Rule) (apifault.Known, error) {
	var known apifault.Known
	data, err := json.Marshal(rule)
	if err != nil {
		return known, fmt.Errorf("encoding the rule: %w", err)
	}
	body, err := ask(ctx, dir, http.MethodPost, "/rules", data)
	if err != nil {
		return known, err
	}
	if err := json.Unmarshal(body, &known); err != nil {
		return known, fmt.Errorf("reading the mesh's answer: %w", err)
	}
	return known, nil
}

// RuleList returns the rules of the mesh in dir that were not cleared.
func RuleList(ctx context.Context, dir state.Dir) ([]apifault.Known, error) {
	body, err := ask(ctx, dir, http.MethodGet, "/rules", nil)
	if err != nil {
		return nil, err
	}
	var all []apifault.Known
	if err := json.Unmarshal(body, &all); err != nil {
		return nil, fmt.Errorf("reading the mesh's answer: %w", err)
	}
	return all, nil
}

// ClearRules takes rules away, all of them where none is named by its number.
func ClearRules(ctx context.Context, dir state.Dir, ids ...string) error {
	path := "/rules"
	if len(ids) > 0 {
		path += "?" + url.Values{"id": ids}.Encode()
	}
	_, err := ask(ctx, dir, http.MethodDelete, path, nil)
	return err
}
