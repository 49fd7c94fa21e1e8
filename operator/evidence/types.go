package evidence

import "github.com/stagger-dev/stagger/pkg/cluster"

// What the loop is told, and what it says, in the words of the model of the cluster.
type (
	// Following is all that the record of a TrafficShift wants of the loop.
	Following = cluster.Following
	// Target is what is counted of a release.
	Target = cluster.Target
	// Weight is what the record of a release says about its weight now.
	Weight = cluster.Weight
	// Suspicion are pods to ask about.
	Suspicion = cluster.Suspicion
	// Reading is what is known of a release.
	Reading = cluster.Reading
	// Past is what a stable's past says.
	Past = cluster.Past
)
