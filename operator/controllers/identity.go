package controllers

import (
	"context"
	"fmt"
	"regexp"
	"time"

	admissionv1 "k8s.io/api/admissionregistration/v1"
	authenticationv1 "k8s.io/api/authentication/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apimachinery/pkg/api/meta"
	"k8s.io/apimachinery/pkg/types"
	"sigs.k8s.io/controller-runtime/pkg/client"
)

// identityLimit is how long the check of the operator's name may take.
const identityLimit = 30 * time.Second

// operatorVariable is the variable of an admission policy that holds the operator's user name, as a CEL string.
const operatorVariable = "operator"

// celString is a CEL string without anything to unquote.
var celString = regexp.MustCompile(`^'([^'\\]*)'$`)

// namingPolicies are the admission policies of the manifests that let the operator do what they keep others from.
func namingPolicies() []string { return []string{"stagger-hold", "stagger-narrow"} }

// CheckIdentity asks the API server who the operator is, and returns an error when an admission policy that is installed takes somebody else
// for the operator: it would put back what the operator writes to end a release, for ever. The reader goes past the caches, which are
// empty at the start. Where no policy is installed there is nothing to disagree with.
func CheckIdentity(ctx context.Context, c client.Writer, r client.Reader) error {
	ctx, stop := context.WithTimeout(ctx, identityLimit)
	defer stop()
	review := &authenticationv1.SelfSubjectReview{}
	if err := c.Create(ctx, review, client.DisableReadYourWritesConsistency); err != nil { // nothing that could be watched is made
		return fmt.Errorf("asking the API server who the operator is: %w", err)
	}
	me := review.Status.UserInfo.Username
	for _, name := range namingPolicies() {
		var p admissionv1.MutatingAdmissionPolicy
		err := r.Get(ctx, types.NamespacedName{Name: name}, &p)
		switch {
		case meta.IsNoMatchError(err) || apierrors.IsNotFound(err):
			continue
		case err != nil:
			return fmt.Errorf("reading the admission policy %s: %w", name, err)
		}
		known, found := operatorIn(p)
		if !found {
			return fmt.Errorf("admission policy %s does not say in a variable named %s who the operator is, and this operator is %s, so its writes may be put back: "+
				"install the admission policies that belong to this version, by the chart or by manifests/kustomize", name, operatorVariable, me)
		}
		if known != me {
			return fmt.Errorf("admission policy %s takes %s for the operator, and this operator is %s, so its writes would be put back for ever: "+
				"install the chart in this namespace with this serviceAccount.name, or apply an overlay of manifests/kustomize that says so "+
				"by \"namespace\" and \"transformers: [.../manifests/operator-name]\", "+
				"or run the operator as the one that is named", name, known, me)
		}
	}
	return nil
}

// operatorIn is the user name that the policy takes for the operator's, where it says so.
func operatorIn(p admissionv1.MutatingAdmissionPolicy) (string, bool) {
	for _, v := range p.Spec.Variables {
		if m := celString.FindStringSubmatch(v.Expression); v.Name == operatorVariable && m != nil {
			return m[1], true
		}
	}
	return "", false
}
