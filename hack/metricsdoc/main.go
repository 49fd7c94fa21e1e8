// Metricsdoc prints the reference page of the operator's metrics.
package main

import (
	"fmt"

	"github.com/stagger-dev/stagger/pkg/metrics"
)

func main() { fmt.Print(metrics.Reference()) }
