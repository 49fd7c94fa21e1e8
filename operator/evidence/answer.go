package evidence

import (
	"context"
	"errors"
	"maps"
	"slices"

	"github.com/stagger-dev/stagger/pkg/counting"
)

// answer is what a source says of one slice. When void is set, nothing else is.
type answer struct {
	void *currency
	by   map[counting.Indicator]said
}

// said is what an answer says by one indicator; freshness by carriers only. When void is set, nothing else counts.
type said struct {
	void      *currency
	freshness map[counting.Service]counting.Freshness
	counts    map[counting.Service]counting.Counts
}

// trouble is why something in the answer is void; the zero currency when nothing is.
func (a answer) trouble() currency {
	if a.void != nil {
		return *a.void
	}
	for _, s := range a.by {
		if s.void != nil {
			return *s.void
		}
	}
	return currency{}
}

// answer asks for the counts of a slice: one question for each indicator, of the releases that have it.
func (s *source) answer(ctx context.Context, r round) (answer, error) {
	a, err := s.freshness(ctx, r)
	if err != nil {
		return answer{}, err
	}
	return a, s.by(r, a, itself, func(b counting.Batch, to *said) error {
		expr, err := b.Increments(r.Length())
		if err != nil {
			return err
		}
		v, err := s.query(ctx, expr, r.End)
		if err != nil {
			return err
		}
		counts, err := b.Counts(v)
		if err != nil {
			return s.unusable(err)
		}
		to.counts = joined(to.counts, counts)
		return nil
	})
}

// freshness asks how current the scrapes are: one question for each carrier.
func (s *source) freshness(ctx context.Context, r round) (answer, error) {
	a := answer{by: map[counting.Indicator]said{}}
	return a, s.by(r, a, counting.Indicator.Carrier, func(b counting.Batch, to *said) error {
		v, err := s.query(ctx, b.Freshness(), r.End)
		if err != nil {
			return err
		}
		fresh, err := b.DecodeFreshness(v)
		if err != nil {
			return s.unusable(err)
		}
		to.freshness = joined(to.freshness, fresh)
		return nil
	})
}

func itself(i counting.Indicator) counting.Indicator { return i }

// by asks once for each of the round's indicators, or for what stands for them, and puts what was said into the answer. What
// cannot be used is void for that indicator alone.
func (s *source) by(r round, a answer, stands func(counting.Indicator) counting.Indicator, ask func(counting.Batch, *said) error) error {
	for _, i := range r.indicators(stands) {
		to := a.by[i]
		for _, having := range r.schemes(func(own counting.Indicator) bool { return stands(own) == i }) {
			b, err := s.batch(having, i)
			if err != nil {
				return err
			}
			if to.void == nil {
				err = ask(b, &to)
			}
			if u, ok := errors.AsType[unusable](err); ok {
				to.void = &u.currency
			} else if err != nil {
				return err
			}
		}
		a.by[i] = to
	}
	return nil
}

// schemes are the releases that have an indicator, those together whose arms are told apart by the same labels.
func (r round) schemes(has func(counting.Indicator) bool) [][]*release {
	var services, revisions []*release
	for _, x := range r.releases {
		switch {
		case !slices.ContainsFunc(x.Indicators, has):
		case x.Stable.Revision != "":
			revisions = append(revisions, x)
		default:
			services = append(services, x)
		}
	}
	return slices.DeleteFunc([][]*release{services, revisions}, func(those []*release) bool { return len(those) == 0 })
}

// joined adds what was said of some arms to what was said of others.
func joined[T any](all, more map[counting.Service]T) map[counting.Service]T {
	if all == nil {
		return more
	}
	maps.Copy(all, more)
	return all
}

// indicators are what stands for those of the round's releases, each once.
func (r round) indicators(stands func(counting.Indicator) counting.Indicator) []counting.Indicator {
	var all []counting.Indicator
	for _, x := range r.releases {
		for _, i := range x.Indicators {
			if i = stands(i); !slices.Contains(all, i) {
				all = append(all, i)
			}
		}
	}
	return all
}

// batch holds both arms of the releases.
func (s *source) batch(releases []*release, by counting.Indicator) (counting.Batch, error) {
	arms := make([]counting.Service, 0, 2*len(releases))
	for _, x := range releases {
		arms = append(arms, x.Stable, x.Canary)
	}
	return counting.NewBatch(s.scope, by, arms)
}
