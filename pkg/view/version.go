package view

import (
	"fmt"
	"slices"
	"strconv"
	"strings"

	"github.com/stagger-dev/stagger/pkg/apis/stagger/v1alpha1"
	"github.com/stagger-dev/stagger/pkg/text"
)

// Versions names the versions of a TrafficShift's release so that the difference is seen, such as "checkout:1.5.0 over 1.4.2" or "settings: 2
// keys changed over checkout:1.4.2"; empty before the first release.
func Versions(shift *v1alpha1.TrafficShift) string {
	if shift.Status.Release == nil {
		return ""
	}
	return versionPair(versions(shift))
}

// versions names the canary and the stable of a release so that the difference is seen: "checkout:1.5.0" and "1.4.2".
func versions(shift *v1alpha1.TrafficShift) (canary, stable string) {
	return versionsOf(shift, shift.Status.Release)
}

// versionsOf is versions for any release of the TrafficShift.
func versionsOf(shift *v1alpha1.TrafficShift, r *v1alpha1.Release) (canary, stable string) {
	old := stableOf(shift, r)
	for i, image := range r.Images {
		if i >= len(old.Images) || old.Images[i] == image {
			continue
		}
		canary, stable = shortImage(image), shortImage(old.Images[i])
		name, _, _ := cutTag(canary)
		if oldName, tag, found := cutTag(stable); found && oldName == name {
			stable = tag
		}
		return withMore(canary, max(changed(r.Images, old.Images), countOf(r.Changes))-1), stable
	}
	if change := headline(r.Changes); change != "" && !pictured(r.Changes) {
		return change, newest(v1alpha1.Version{Revision: old.Revision, Images: r.Images}) // the stable has the same images
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

// stableOf is the version beside which a release is judged: after a promotion it is no longer status.stable.
func stableOf(shift *v1alpha1.TrafficShift, r *v1alpha1.Release) v1alpha1.Version {
	switch {
	case len(r.StableImages) > 0:
		return v1alpha1.Version{Revision: r.Stable, Images: r.StableImages}
	case r.Stable == "" && r != shift.Status.Release:
		return v1alpha1.Version{}
	}
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

// released names the version of a release alone: by its first image, or by what else it changed where it changed no image.
func released(revision string, images, changes []string) string {
	if change := headline(changes); change != "" && !pictured(changes) {
		return change
	}
	return newest(v1alpha1.Version{Revision: revision, Images: images})
}

// headline is the first of the changes, without the names of its keys, and how many there are beside it; "" where none is known.
func headline(changes []string) string {
	if len(changes) == 0 {
		return ""
	}
	first, _, _ := strings.Cut(clean(changes[0]), " (")
	return withMore(first, countOf(changes)-1)
}

// countOf is how many changes there are: the last of a full list may count those that it has no room for.
func countOf(changes []string) int {
	more := 1
	if n := len(changes); n > 0 {
		if k, rest, found := strings.Cut(changes[n-1], " "); found && rest == "more" {
			more, _ = strconv.Atoi(k)
		}
	}
	return max(len(changes)-1+more, 0)
}

func withMore(s string, more int) string {
	if more > 0 {
		s += fmt.Sprintf(" and %d more", more)
	}
	return s
}

// pictured says whether an image is among the changes.
func pictured(changes []string) bool {
	return slices.ContainsFunc(changes, func(c string) bool { return strings.HasPrefix(c, "image of ") })
}

// Changes says what a release changes in one line; "" where that is no more than one image.
func Changes(r *v1alpha1.Release) string { return changesOf(r.Changes) }

// changesOf are the changes of a release in one line; "" where there is nothing to tell beside one image.
func changesOf(changes []string) string {
	if len(changes) == 0 || len(changes) == 1 && pictured(changes) {
		return ""
	}
	return clean(strings.Join(changes, "; "))
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
