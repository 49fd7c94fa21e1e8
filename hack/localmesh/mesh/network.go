package mesh

import (
	"fmt"
	"net"

	"github.com/vishvananda/netlink"
	"golang.org/x/sys/unix"
)

// localNetworks are the addresses of Services and pods.
var localNetworks = [...]string{"10.96.0.0/16", "10.244.0.0/16"}

// setUpNetwork makes every address of a cluster one of the loopback device, in the network namespace of this process.
func setUpNetwork() error {
	lo, err := netlink.LinkByName("lo")
	if err != nil {
		return fmt.Errorf("finding the loopback device: %w", err)
	}
	if err := netlink.LinkSetUp(lo); err != nil {
		return fmt.Errorf("bringing the loopback device up (not root? some systems also want "+
			"sysctl kernel.apparmor_restrict_unprivileged_userns=0): %w", err)
	}
	for _, cidr := range localNetworks {
		_, dst, err := net.ParseCIDR(cidr)
		if err != nil {
			return fmt.Errorf("parsing %s: %w", cidr, err)
		}
		route := &netlink.Route{
			LinkIndex: lo.Attrs().Index, Dst: dst, Table: unix.RT_TABLE_LOCAL,
			Type: unix.RTN_LOCAL, Scope: netlink.SCOPE_HOST, Protocol: unix.RTPROT_BOOT,
		}
		if err := netlink.RouteReplace(route); err != nil {
			return fmt.Errorf("adding the route to %s: %w", cidr, err)
		}
	}
	return nil
}
