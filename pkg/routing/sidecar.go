package routing

import (
	"fmt"
	"strings"

	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
)

// Unlisted returns one sentence that names a Sidecar whose egress list has the host of the Target's Service and not all of these hosts of the
// Target's namespace, and the lines to add; "" when it has them, or does not have the Service's. It reads what the list says: Istio adds
// the destinations of VirtualServices that the list takes in.
func Unlisted(sidecar *unstructured.Unstructured, t Target, hosts []string) string {
	spec, _ := sidecar.Object["spec"].(map[string]any)
	for i, item := range items(spec["egress"]) {
		listener, _ := item.(map[string]any)
		listed := items(listener["hosts"])
		by := t.listedBy(listed, sidecar.GetNamespace(), t.Host())
		if by == "" {
			continue
		}
		var lines []string
		for _, host := range hosts {
			if t.listedBy(listed, sidecar.GetNamespace(), host) == "" {
				lines = append(lines, fmt.Sprintf("%q", by+"/"+host))
			}
		}
		if len(lines) > 0 {
			return fmt.Sprintf("Sidecar %s lists the host %s and not those of its rings: add %s to spec.egress[%d].hosts.",
				named(sidecar), t.Host(), strings.Join(lines, ", "), i)
		}
	}
	return ""
}

// listedBy returns the namespace of the entry by which an egress list, in an object of a namespace, takes in a host of the Target's
// namespace; "" when none does. An entry whose namespace begins with "~" takes hosts out again.
func (t Target) listedBy(listed []any, namespace, host string) string {
	by := ""
	for _, item := range listed {
		text, _ := item.(string)
		in, name, _ := strings.Cut(text, "/")
		of, out := strings.CutPrefix(in, "~")
		here := of == "*" || of == t.Namespace || of == "." && namespace == t.Namespace || out && of == ""
		switch covers := name == host || wildcard(name, host); {
		case !here || !covers:
		case out:
			return ""
		case by == "":
			by = in
		}
	}
	return by
}
