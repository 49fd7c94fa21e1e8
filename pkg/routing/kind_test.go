package routing

import (
	"errors"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
)

// three is a spec with a route to the Service in each kind.
const three = `{hosts: [checkout], ` +
	`http: [{name: all, route: [{destination: {host: checkout}}]}], ` +
	`tls: [{match: [{sniHosts: [checkout.example.com]}], route: [{destination: {host: checkout}}]}], ` +
	`tcp: [{route: [{destination: {host: pay}}]}, {match: [{port: 9000}], route: [{destination: {host: checkout}, weight: 20}, {destination: {host: cart}, weight: 80}]}]}`

func TestRoutesOfEveryKind(t *testing.T) {
	live := raised(t, withSpec(t, three), checkout(), 10_000, seven())
	want := []Route{
		{Kind: "http", Name: "all", Share: 10_000, Stable: 990_000, Canary: 10_000},
		{Kind: "tls", Share: 10_000, Stable: 990_000, Canary: 10_000},
		{Kind: "tcp", Index: 1, Share: 10_000, Stable: 990_000, Canary: 10_000, Foreign: 4_000_000},
	}
	if diff := cmp.Diff(want, Routes(live, checkout())); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
	live = apply(t, live, []byte(`[{"op":"replace","path":"/spec/tcp/1/route/1/weight","value":330000}]`))
	if lowest, highest, _ := Share(live, checkout()); lowest != 10_000 || highest != 250_000 {
		t.Errorf("shares are %d to %d", lowest, highest)
	}
}

// TestForeignNamesTheWriterOfTheKind edits one kind and then writes the others with another manager.
func TestForeignNamesTheWriterOfTheKind(t *testing.T) {
	canaries := map[string]string{"http": "/spec/http/0/route/1", "tls": "/spec/tls/0/route/1", "tcp": "/spec/tcp/1/route/1"}
	edits := map[EditKind]string{
		Raised:  `[{"op":"replace","path":"CANARY/weight","value":900000}]`,
		Lowered: `[{"op":"replace","path":"CANARY/weight","value":1}]`,
		Removed: `[{"op":"remove","path":"CANARY"}]`,
	}
	at := time.Date(2026, 1, 2, 3, 4, 5, 0, time.UTC)
	for kind, canary := range canaries {
		for edit, text := range edits {
			t.Run(kind+" "+string(edit), func(t *testing.T) {
				vs := raised(t, withSpec(t, three), checkout(), 50_000, seven())
				vs = apply(t, vs, []byte(strings.ReplaceAll(text, "CANARY", canary)))
				var writers []metav1.ManagedFieldsEntry
				for i, other := range kinds() {
					when, manager := metav1.NewTime(at.Add(time.Duration(i+1)*time.Minute)), "helm"
					if other == kind {
						when, manager = metav1.NewTime(at), "argocd"
					}
					writers = append(writers, metav1.ManagedFieldsEntry{Manager: manager, Time: &when, FieldsV1: metav1.NewFieldsV1(`{"f:spec":{"f:` + other + `":{}}}`)})
				}
				vs.SetManagedFields(writers)
				got, found := Foreign(vs, checkout(), 50_000, "stagger")
				if !found || got.Kind != edit || got.Route.Kind != kind || got.Manager != "argocd" || !got.Time.Equal(at) {
					t.Errorf("got %+v, %v", got, found)
				}
			})
		}
	}
}

func TestTwoShiftsShareNoTCPRoute(t *testing.T) {
	cart := Target{Namespace: "shop", Service: "cart"}
	_, err := Split(raised(t, withSpec(t, three), checkout(), 10_000, seven()), cart, 10_000, Mark{Shift: "shop/cart", Number: 3}, Raise{ResourceVersion: "41"})
	if !errors.Is(err, ErrOwned) || !strings.Contains(err.Error(), "tcp[1] is split for TrafficShift shop/checkout") {
		t.Errorf("got %v", err)
	}
}

// TestTwoShiftsMayMatchTheSameInTwoKinds has routes of two Services that differ in nothing but their kind and their host.
func TestTwoShiftsMayMatchTheSameInTwoKinds(t *testing.T) {
	user := withSpec(t, `{tls: [{match: [{port: 1}], route: [{destination: {host: checkout}}]}], tcp: [{match: [{port: 1}], route: [{destination: {host: cart}}]}]}`)
	cart := Target{Namespace: "shop", Service: "cart"}
	live := raised(t, raised(t, user, checkout(), 10_000, seven()), cart, 20_000, Mark{Shift: "shop/cart", Number: 3})
	for _, c := range []struct {
		target Target
		shift  string
	}{{checkout(), shift}, {cart, "shop/cart"}} {
		p, err := Restore(live, c.target, c.shift)
		if err != nil {
			t.Fatal(err)
		}
		live = apply(t, live, mustJSON(t, p))
	}
	if diff := cmp.Diff(user.Object, live.Object); diff != "" {
		t.Errorf("restored (-want +got):\n%s", diff)
	}
}
