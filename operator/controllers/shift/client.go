package shift

import (
	"fmt"
	"net"

	"k8s.io/client-go/rest"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/manager"

	"github.com/stagger-dev/stagger/operator/options"
)

// newLevering is the client that pulls levers, and reads past the caches what they wait for: without the limit that all other calls share, and by
// connections of its own, whose streams nobody else uses up.
func newLevering(m manager.Manager) (client.Client, error) {
	c := rest.CopyConfig(m.GetConfig())
	c.QPS, c.Burst, c.RateLimiter = -1, 0, nil
	c.Dial = (&net.Dialer{Timeout: callLimit}).DialContext // a dialer of its own keeps client-go from sharing connections
	http, err := rest.HTTPClientFor(c)
	if err != nil {
		return nil, fmt.Errorf("making the client for levers: %w", err)
	}
	levering, err := client.New(c, client.Options{HTTPClient: http, Scheme: m.GetScheme(), Mapper: m.GetRESTMapper(), FieldOwner: options.FieldOwner})
	if err != nil {
		return nil, fmt.Errorf("making the client for levers: %w", err)
	}
	return levering, nil
}
