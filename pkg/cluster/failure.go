package cluster

import (
	"errors"
	"fmt"
	"strings"

	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/stagger-dev/stagger/pkg/apis/stagger/v1alpha1"
	"github.com/stagger-dev/stagger/pkg/release"
	"github.com/stagger-dev/stagger/pkg/routing"
)

// Failure is a Write that did not succeed.
type Failure struct {
	Write Write
	Err   error
	// Lasting says that it has failed again and again, whatever was read in between.
	Lasting bool
}

// Error says what was to be done, and why it was not.
func (f *Failure) Error() string { return fmt.Sprintf("to %s: %v", f.Write.Action, f.Err) }

// Unwrap returns the cause.
func (f *Failure) Unwrap() error { return f.Err }

// Stale says that the object is not the one that was read, so that the next pass knows better.
func (f *Failure) Stale() bool {
	return apierrors.IsConflict(f.Err) && !denied(f.Err) || apierrors.IsAlreadyExists(f.Err) || apierrors.IsNotFound(f.Err) && f.Write.Kind != Create ||
		notApplied(f.Err)
}

// Denied says that somebody who may refuse writes has refused this one: an admission policy, a webhook, a quota, the rights of the
// operator, or the rules of the object's kind. It would be refused again.
func (f *Failure) Denied() bool {
	return !f.Stale() && (denied(f.Err) || apierrors.IsForbidden(f.Err) || apierrors.IsInvalid(f.Err) || apierrors.IsBadRequest(f.Err) ||
		apierrors.IsRequestEntityTooLargeError(f.Err) || apierrors.IsMethodNotSupported(f.Err) || apierrors.IsUnauthorized(f.Err))
}

// Unanswered says that nobody knows whether the write was done: the request ran out of time, or the connection broke.
func (f *Failure) Unanswered() bool {
	status := apierrors.APIStatus(nil)
	return f.Write.Err == nil && (!errors.As(f.Err, &status) || apierrors.IsTimeout(f.Err) || apierrors.IsServerTimeout(f.Err))
}

// Reason is what people are told.
func (f *Failure) Reason() v1alpha1.Reason {
	switch {
	case errors.Is(f.Err, routing.ErrOwned):
		return v1alpha1.ReasonRouteConflict
	case f.Stale() && !f.Lasting: // the next pass knows better, and nobody has to
		return v1alpha1.ReasonWaiting
	case f.Write.Action.OnRoutes() && f.Denied():
		return v1alpha1.ReasonRouteWriteDenied
	case f.Denied():
		return v1alpha1.ReasonWriteDenied
	}
	return v1alpha1.ReasonWriteFailed
}

// Message is one sentence for people: what was to be written, and who did not let it be, or why it failed.
func (f *Failure) Message() string {
	switch what := f.Write.String(); {
	case f.Stale():
		return what + ": the object has changed since it was read"
	case f.Denied():
		return fmt.Sprintf("%s: denied: %v", what, f.Err)
	default:
		return fmt.Sprintf("%s: %v", what, f.Err)
	}
}

// notApplied says that a JSON patch did not fit the object, in most cases by one of its tests. The API server answers that with 422, about
// no object, and in words that it uses for nothing else; the rules of a kind and admission name the object or themselves.
func notApplied(err error) bool {
	status := apierrors.APIStatus(nil)
	if !errors.As(err, &status) {
		return false
	}
	s := status.Status()
	about := s.Details != nil && (s.Details.Kind != "" || s.Details.Name != "")
	return s.Reason == metav1.StatusReasonInvalid && !about && strings.HasPrefix(s.Message, "the server rejected our request due to an error in our request")
}

// denied says that admission has refused the write, by the words in which the API server says so, whatever the status code: a policy and
// a webhook choose theirs.
func denied(err error) bool {
	text := err.Error()
	return strings.Contains(text, "denied request") || strings.Contains(text, "denied the request")
}

// After is a decision whose writes did not all succeed, as people are told of it. What was not done is not recorded; the beginning of an
// abort is, but not what it had to put back.
func (f *Failure) After(v *View, d release.Decision) (release.Decision, *v1alpha1.Release) {
	rec := d.Release
	d.Reason, d.Message, d.Refused = f.Reason(), f.Message()+"; it is tried again", v.Facts.Refused
	if f.Denied() {
		d.Denied = f.Message()
	}
	if !rec.Aborting() {
		d.Answer = nil
		return d, nil
	}
	if was := v.Facts.Release; was != nil {
		rec = rec.DeepCopy()
		rec.Overridden = was.Overridden
	}
	return d, rec
}
