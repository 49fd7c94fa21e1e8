package view

import (
	"fmt"
	"slices"
	"strings"

	"github.com/stagger-dev/stagger/pkg/apis/stagger/v1alpha1"
	"github.com/stagger-dev/stagger/pkg/text"
)

// versions names the canary and the stable of a release so that the difference is seen: "checkout:1.5.0" and "1.4.2".
func versions(shift *v1alpha1.TrafficShift) (canary, stable string) {
	r := shift.Status.Release
	old := stableOf(shift)
	for i, image := range r.Images {
		if i >= len(old.Images) || old.Images[i] == image {
			continue
		}
		canary, stable = shortImage(image), shortImage(old.Images[i])
		name, _, _ := cutTag(canary)
		if oldName, tag, found := cutTag(stable); found && oldName == name {
			stable = tag
		}
		if more := changed(r.Images, old.Images) - 1; more > 0 {
			canary += fmt.Sprintf(" and %d more", more)
		}
		return canary, stable
	}
	if slices.Equal(r.Images, old.Images) && len(old.Images) > 0 {
		// The same images in another template: only the revisions tell them apart.
		return "template " + clean(r.Revision), clean(old.Revision)
	}
	canary, stable = newest(v1alpha1.Version{Revision: r.Revision, Images: r.Images}), newest(old)
	if r.State == v1alpha1.StatePromoted && len(old.Images) == 0 {
		return canary, "" // a hash that nothing has any more says nothing
	}
	return canary, stable
}

// stableOf is the version beside which the release is judged: after a promotion it is no longer status.stable.
func stableOf(shift *v1alpha1.TrafficShift) v1alpha1.Version {
	r := shift.Status.Release
	if r.Stable == "" || r.Stable == shift.Status.Stable.Revision {
		if r.State == v1alpha1.StatePromoted && r.Stable == "" {
			return v1alpha1.Version{}
		}
		return shift.Status.Stable
	}
	for _, h := range shift.Status.History {
		if h.Revision == r.Stable && len(h.Images) > 0 {
			return v1alpha1.Version{Revision: h.Revision, Images: h.Images}
		}
	}
	return v1alpha1.Version{Revision: r.Stable}
}

func changed(a, b []string) int {
	n := 0
	for i := range min(len(a), len(b)) {
		if a[i] != b[i] {
			n++
		}
	}
	return n
}

// newest names a version by its first image, by its revision when it has none.
func newest(v v1alpha1.Version) string {
	if len(v.Images) > 0 && clean(v.Images[0]) != "" {
		return shortImage(v.Images[0])
	}
	return clean(v.Revision)
}

// shortImage leaves out registry and path, and all but the first digits of a digest.
func shortImage(image string) string {
	image = clean(image)
	name, digest, pinned := strings.Cut(image, "@")
	name = name[strings.LastIndexByte(name, '/')+1:]
	if _, _, tagged := cutTag(name); pinned && !tagged {
		_, hex, _ := strings.Cut(digest, ":")
		return name + "@" + text.CutRunes(hex, 12)
	}
	return name
}

func cutTag(image string) (name, tag string, found bool) {
	if i := strings.LastIndexAny(image, ":@"); i >= 0 {
		return image[:i], image[i+1:], true
	}
	return image, "", false
}
