package clitest

import (
	"net/http"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
)

// deployment serves what the Services have behind them.
func (s *Server) deployment(w http.ResponseWriter, r *http.Request) {
	s.Mu.Lock()
	defer s.Mu.Unlock()
	found, ok := s.Deployments[r.PathValue("ns")+"/"+r.PathValue("name")]
	if !ok {
		s.refuse(w, http.StatusForbidden, metav1.StatusReasonForbidden, "deployments.apps may not be read")
		return
	}
	if found == nil {
		s.refuse(w, http.StatusInternalServerError, metav1.StatusReasonInternalError, "etcd does not answer")
		return
	}
	s.answer(w, http.StatusOK, found)
}
