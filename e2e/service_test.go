package e2e

import (
	"strings"
	"testing"
)

func TestAnAnnotationOfNoPolicyIsAnsweredWithTheOneThatWasMeant(t *testing.T) {
	ns := newNamespace(t)
	apply(t, ns, `
apiVersion: v1
kind: Service
metadata: {name: checkout, annotations: {stagger.dev/policy: standart}}
spec: {selector: {app: checkout}, ports: [{name: http, port: 80}]}
`)
	startOperator(t, ns)
	waitFor(t, "an event on the Service names the policy", func() (bool, string) {
		out := kubectl(t, "-n", ns, "get", "events", "--field-selector=involvedObject.kind=Service,involvedObject.name=checkout", "-o", "jsonpath={.items[*].message}")
		return strings.Contains(out, `did you mean "standard"?`), out
	})
}
