// Package policy says whether releases can go by a ShiftPolicy: what its schema cannot say, because it takes two fields or the mesh to see
// it. It is asked by the operator for the policy's status, and by kubectl stagger lint before a policy is applied.
package policy
