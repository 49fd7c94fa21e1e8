package dashboard

import (
	"encoding/json"
	"errors"
	"net/http"

	apierrors "k8s.io/apimachinery/pkg/api/errors"
)

// longestOrder bounds the body of a command, in bytes.
const longestOrder = 4 << 10

// command carries one order out.
func (s *Server) command(w http.ResponseWriter, r *http.Request) {
	var o Order
	body := json.NewDecoder(http.MaxBytesReader(w, r.Body, longestOrder))
	body.DisallowUnknownFields()
	if err := body.Decode(&o); err != nil {
		var large *http.MaxBytesError
		if errors.As(err, &large) {
			refuse(w, http.StatusRequestEntityTooLarge, "the command is too long")
			return
		}
		refuse(w, http.StatusBadRequest, "the command cannot be read: "+err.Error())
		return
	}
	if code, why := s.senseless(o); code != 0 {
		refuse(w, code, why)
		return
	}
	text, err := s.config.Do(r.Context(), o)
	if err != nil {
		code := http.StatusConflict
		if apierrors.IsForbidden(err) || apierrors.IsUnauthorized(err) {
			code = http.StatusForbidden
		}
		refuse(w, code, s.config.Explain(err).Error())
		return
	}
	answer(w, http.StatusOK, map[string]string{"done": text})
}

// senseless is why an order is not even tried; 0 when it is.
func (s *Server) senseless(o Order) (code int, why string) {
	if s.config.Namespace != "" && o.Namespace != s.config.Namespace {
		return http.StatusForbidden, "this dashboard shows namespace " + s.config.Namespace + " only"
	}
	if shift, _ := s.board.one(o.Namespace + "/" + o.Name); shift == nil {
		return http.StatusNotFound, s.absent(o.Namespace, o.Name)
	}
	return 0, ""
}
