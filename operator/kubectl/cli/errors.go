package cli

import (
	"context"
	"errors"
	"fmt"
	"net/url"

	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/client-go/tools/clientcmd"

	"github.com/stagger-dev/stagger/pkg/apis/stagger/v1alpha1"
	"github.com/stagger-dev/stagger/pkg/text"
)

// NotManagedError says that a Service has no TrafficShift, and what to do about it.
type NotManagedError struct {
	service, namespace string
	// Exists says that there is such a Service.
	Exists bool
	// Policy is the one in its annotation, "" when it has none.
	Policy string
	// near is a managed Service of a like name, elsewhere a namespace where the name is managed.
	near, elsewhere string
}

func (a NotManagedError) Error() string {
	switch {
	case a.Policy != "":
		return fmt.Sprintf("Service %s is annotated with policy %s, but Stagger has not looked at it yet; check that the operator runs: kubectl get pods -A -l app.kubernetes.io/name=stagger", a.service, a.Policy)
	case a.Exists:
		return fmt.Sprintf("Service %s in namespace %s is not managed; manage it with: kubectl annotate service %s -n %s %s=standard",
			a.service, a.namespace, a.service, a.namespace, v1alpha1.PolicyAnnotation)
	}
	text := fmt.Sprintf("no Service named %s is managed in namespace %s", a.service, a.namespace)
	switch {
	case a.near != "":
		return text + "; did you mean " + a.near + "?"
	case a.elsewhere != "":
		return text + "; it is in namespace " + a.elsewhere + ": add -n " + a.elsewhere
	}
	return text + "; list what is managed with: kubectl stagger status -A"
}

// ErrNotInstalled says that the cluster does not know Stagger's kinds.
var ErrNotInstalled = fmt.Errorf("this cluster does not serve %s, so Stagger is not installed in it; install it, or choose another cluster with --context",
	v1alpha1.GroupVersion)

// IsNotServed says that the cluster does not know the kind at all.
func IsNotServed(err error) bool {
	return apierrors.IsNotFound(err) && apierrors.HasStatusCause(err, metav1.CauseTypeUnexpectedServerResponse)
}

// Explain makes of errors that people meet often one sentence with the next step.
func Explain(err error) error {
	var unreachable *url.Error
	switch {
	case IsNotServed(err):
		return ErrNotInstalled
	case isForbiddenPolicy(err):
		return fmt.Errorf("you may not read ShiftPolicies (%w); ask for the role stagger-policy-view, which the chart gives to everybody by policies.readableByAll", err)
	case apierrors.IsForbidden(err):
		return fmt.Errorf("you may not do this (%w); ask for the role view to look, or edit to command", err)
	case apierrors.IsUnauthorized(err):
		return errors.New("the cluster does not know you; log in again, or choose other credentials with --context or --user")
	case clientcmd.IsEmptyConfig(err):
		return errors.New("no cluster is configured; name a file with --kubeconfig or KUBECONFIG")
	case clientcmd.IsContextNotFound(err):
		return errors.New("the kubeconfig has no such context; list those it has with: kubectl config get-contexts")
	case errors.Is(err, context.Canceled):
		return errors.New("interrupted")
	case errors.As(err, &unreachable):
		return fmt.Errorf("the cluster does not answer (%w); check --context and --kubeconfig", unreachable.Err)
	}
	return err
}

// isForbiddenPolicy says that somebody lacks the right to read ShiftPolicies, which no role of a namespace gives.
func isForbiddenPolicy(err error) bool {
	var answer apierrors.APIStatus
	return apierrors.IsForbidden(err) && errors.As(err, &answer) && answer.Status().Details != nil && answer.Status().Details.Kind == "shiftpolicies"
}

// Nearest is the name that is a slip of the finger or two away from what was written; "" when none is.
func Nearest(written string, names []string) string {
	return text.Nearest(written, names, min(2, len(written)/3))
}

// NamespaceText is how a sentence names a namespace: "namespace shop", "any namespace".
func NamespaceText(namespace string) string {
	if namespace == metav1.NamespaceAll {
		return "any namespace"
	}
	return "namespace " + namespace
}
