// Package chart holds tests of the chart that need no cluster: what Helm, and the Prometheus operator by its own types, think of it.
package chart
