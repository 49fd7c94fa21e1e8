package clitest

import (
	"net/http"

	coordination "k8s.io/api/coordination/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
)

// leases serves the Lease of the operator.
func (s *Server) leases(w http.ResponseWriter, _ *http.Request) {
	if s.Lease == nil {
		s.refuse(w, http.StatusForbidden, metav1.StatusReasonForbidden, "leases.coordination.k8s.io may not be listed")
		return
	}
	s.answer(w, http.StatusOK, coordination.LeaseList{TypeMeta: metav1.TypeMeta{APIVersion: "coordination.k8s.io/v1", Kind: "LeaseList"}, Items: []coordination.Lease{*s.Lease}})
}
