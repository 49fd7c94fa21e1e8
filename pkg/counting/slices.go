package counting

import "time"

const (
	// DefaultStep is the length of a slice.
	DefaultStep = 5 * time.Second
	// MaxSlices is the largest number of slices Slices returns at once.
	MaxSlices = 120

	// stride is how many steps a slice has at the most: a minute of default steps, as long as the longest evidence tick.
	stride = 12
	// backlog is how many steps behind is too far to catch up in single steps: a source that is slow gets less to answer, and what is new
	// is told the sooner.
	backlog = 2 * stride
)

// Interval is the time (Start, End]: a sample taken at End is in it, one taken at Start is not.
type Interval struct {
	Start time.Time
	End   time.Time
}

// Length returns End - Start.
func (i Interval) Length() time.Duration { return i.End.Sub(i.Start) }

// LongestSlice is the length of the longest slice that Slices returns.
func LongestSlice(step time.Duration) time.Duration { return stride * step }

// Slices returns the slices that follow from and are over: contiguous, oldest first, the last ending at or before now - lag.
// The first starts at from, rounded down to the millisecond (PromQL's precision), and all end on a grid of whole steps since
// the epoch; so any caller, at any time, after any restart, cuts time into slices that add up to the same. More than 24
// steps behind, slices are 12 steps long and end on a grid of their own. At most MaxSlices are returned: ask again from the
// end of the last. step is at least a millisecond; otherwise, or when nothing is over, the result is nil.
func Slices(from, now time.Time, lag, step time.Duration) []Interval {
	if step < time.Millisecond {
		return nil
	}
	start, end := from.Truncate(time.Millisecond), gridAt(now.Add(-lag), step)
	var cut []Interval
	for len(cut) < MaxSlices {
		length := step
		if end.Sub(start) > backlog*step && start.Equal(gridAt(start, LongestSlice(step))) {
			length = LongestSlice(step)
		}
		next := gridAt(start, length).Add(length)
		if next.After(end) {
			break
		}
		cut = append(cut, Interval{Start: start, End: next})
		start = next
	}
	return cut
}

// gridAt returns the last point of the grid at or before t. Time's own Truncate counts from the year 1; both grids agree
// for every step that divides a day, and only this one is PromQL's for the others.
func gridAt(t time.Time, step time.Duration) time.Time {
	ms, grid := t.UnixMilli(), step.Milliseconds()
	return time.UnixMilli(ms - (ms%grid+grid)%grid).UTC()
}
