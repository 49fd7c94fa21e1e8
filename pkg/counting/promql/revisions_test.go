package promql

import (
	"strings"
	"testing"
	"time"

	"github.com/prometheus/common/model"

	"github.com/stagger-dev/stagger/pkg/counting"
)

// ofRevisions are the questions about versions of one Service.
func ofRevisions(t *testing.T) []scenario {
	t.Helper()
	old, fresh := counting.Service{Namespace: "shop", Name: "checkout", Revision: "1.0"}, counting.Service{Namespace: "shop", Name: "checkout", Revision: "1.1"}
	a := newAsker(t, scope, old, fresh)
	labels := func(s counting.Service) string {
		return row(s, "200", "-") + `,destination_canonical_revision="` + s.Revision + `"`
	}
	requests := func(s counting.Service, values string) series {
		return series{Values: values, Series: `istio_requests_total{reporter="source",job="p",instance="a",` + labels(s) + `}`}
	}
	fact := func(s counting.Service, name string, value float64) sample {
		return sample{Value: value, Labels: `{fact="` + name + `",destination_service_namespace="shop",destination_service_name="checkout",destination_canonical_revision="` + s.Revision + `"}`}
	}
	other := counting.Service{Namespace: "shop", Name: "checkout", Revision: "0.9"}
	return []scenario{{
		Name:   "revisions of one Service are told apart",
		Series: []series{up("p", "a", "1x40"), requests(old, "0+10x40"), requests(fresh, "_x20 3+1x20"), requests(other, "0+1x40")},
		Asked: []asked{
			a.requests("100s", 5*time.Second, sample{Labels: "{" + labels(old) + "}", Value: 10}, sample{Labels: "{" + labels(fresh) + "}", Value: 3},
				sample{Labels: "{" + labels(other) + "}", Value: 1}),
			a.fresh("100s", slice, fact(old, factTargets, 1), fact(fresh, factTargets, 1), fact(other, factTargets, 1),
				fact(old, factFresh, 1), fact(fresh, factFresh, 1), fact(other, factFresh, 1),
				fact(old, factNewest, 100), fact(fresh, factNewest, 100), fact(other, factNewest, 100)),
		},
	}}
}

func TestRevisionsOfAServiceAreRead(t *testing.T) {
	old := counting.Service{Namespace: "shop", Name: "checkout", Revision: "1.0"}
	b, err := NewBatch(scope, counting.Indicator{}, []counting.Service{old, {Namespace: "shop", Name: "checkout", Revision: "1.1"}})
	if err != nil {
		t.Fatal(err)
	}
	got, err := b.Counts(model.Vector{answer(7, shop, labelCode, "200", labelRevision, "1.0"), answer(9, shop, labelCode, "200", labelRevision, "unknown")})
	if err != nil || len(got) != 1 || got[old].Requests != 7 {
		t.Errorf("got %v, %v", got, err)
	}
	if _, err := NewBatch(scope, counting.Indicator{}, []counting.Service{shop, old}); err == nil || !strings.Contains(err.Error(), "different labels") {
		t.Errorf("a Service and a revision in one batch: %v", err)
	}
}
