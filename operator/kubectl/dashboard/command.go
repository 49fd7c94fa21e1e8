package dashboard

import (
	"encoding/json"
	"errors"
	"net/http"

	apierrors "k8s.io/apimachinery/pkg/api/errors"

	"github.com/stagger-dev/stagger/operator/kubectl/cli"
	"github.com/stagger-dev/stagger/operator/kubectl/steer"
)

// longestOrder bounds the body of a command, in bytes.
const longestOrder = 4 << 10

// command carries one order out.
func (s *server) command(w http.ResponseWriter, r *http.Request) {
	var o steer.Request
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
	text, err := steer.Do(r.Context(), s.cluster, o, s.env.Token(), s.env.Now)
	if err != nil {
		code := http.StatusConflict
		if apierrors.IsForbidden(err) || apierrors.IsUnauthorized(err) {
			code = http.StatusForbidden
		}
		refuse(w, code, cli.Explain(err).Error())
		return
	}
	answer(w, http.StatusOK, map[string]string{"done": text})
}

// senseless is why an order is not even tried; 0 when it is.
func (s *server) senseless(o steer.Request) (code int, why string) {
	if s.cluster.Namespace != "" && o.Namespace != s.cluster.Namespace {
		return http.StatusForbidden, "this dashboard shows namespace " + s.cluster.Namespace + " only"
	}
	if shift, _ := s.board.one(o.Namespace + "/" + o.Name); shift == nil {
		return http.StatusNotFound, s.absent(o.Namespace, o.Name)
	}
	return 0, ""
}
