// Package version says which version of Stagger a program is: one answer for the operator and the plugin.
package version

import "runtime/debug"

// release is the version of a published build, such as v0.1.0. The linker sets it:
// -ldflags "-X github.com/stagger-dev/stagger/operator/version.release=v0.1.0".
var release string

// String is the version of a published build, otherwise what the Go module knows of itself. The revision it was built from follows it
// where the build recorded one.
func String() string {
	info, ok := debug.ReadBuildInfo()
	if !ok {
		return of(release, &debug.BuildInfo{})
	}
	return of(release, info)
}

func of(release string, info *debug.BuildInfo) string {
	version := release
	if version == "" {
		version = info.Main.Version
	}
	if version == "" {
		version = "unknown"
	}
	for _, s := range info.Settings {
		if s.Key == "vcs.revision" {
			version += " " + s.Value
		}
	}
	return version
}
