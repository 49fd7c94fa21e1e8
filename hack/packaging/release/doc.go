// Package release holds tests of make image and make release: what they say when they cannot do what was asked, and what they leave then.
package release
