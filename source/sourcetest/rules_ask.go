package sourcetest

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/exportyard/exportyard/source"
)

func count(ctx context.Context, s *suite) error {
	c, ok := s.src.(source.Counter)
	if !ok {
		return errors.New("the source is no Counter, and the harness does not say that it lacks it")
	}
	for _, t := range s.tables {
		for _, q := range t.everyQuery() {
			got, err := c.Count(ctx, q.Query)
			if want := len(t.want(q.Query)); err == nil && got != int64(want) {
				err = fmt.Errorf("counted %d, want %d", got, want)
			}
			if err != nil {
				return in(t, q.what, err)
			}
		}
	}
	return nil
}

func split(ctx context.Context, s *suite) error {
	splitter, ok := s.src.(source.Splitter)
	if !ok {
		return errors.New("the source is no Splitter, and the harness does not say that it lacks it")
	}
	for _, t := range s.keyed() {
		queries := slices.Concat(t.wholeQueries(), t.mixedQueries(), t.nullTimeQueries(), t.keyQueries())
		for _, q := range queries {
			for _, rows := range []int{1, 7, 30, 1000} {
				keys, err := splitter.Split(ctx, q.Query, int64(rows))
				if err == nil {
					err = t.checkSplit(q.Query, keys, rows)
				}
				if err != nil {
					return in(t, fmt.Sprintf("%s by %d rows", q.what, rows), err)
				}
			}
		}
		if err := s.readRanges(ctx, t, splitter); err != nil {
			return in(t, "reading the ranges", err)
		}
	}
	return nil
}

// checkSplit compares the keys with the model's.
func (t Table) checkSplit(q source.Query, keys []source.Key, rows int) error {
	var want []source.Key
	positions := t.want(q)
	for i := rows; i < len(positions); i += rows {
		want = append(want, t.key(positions[i-1]))
	}
	if !slices.EqualFunc(keys, want, slices.Equal) {
		return fmt.Errorf("got keys %q, want %q", keys, want)
	}
	return nil
}

// readRanges reads a table range by range, as parts do.
func (s *suite) readRanges(ctx context.Context, t Table, splitter source.Splitter) error {
	q := t.all(tenantA)
	keys, err := splitter.Split(ctx, q, 9)
	if err != nil {
		return err
	}
	var got [][]string
	for i := range len(keys) + 1 {
		part := q
		if i > 0 {
			part.After = keys[i-1]
		}
		if i < len(keys) {
			part.UpTo = keys[i]
		}
		rows, err := s.read(ctx, t, part)
		if err != nil {
			return err
		}
		got = append(got, rows...)
	}
	return t.compare(q, got)
}

func splitKeyless(ctx context.Context, s *suite) error {
	splitter, ok := s.src.(source.Splitter)
	if !ok {
		return errors.New("the source is no Splitter, and the harness does not say that it lacks it")
	}
	for _, t := range s.tables {
		if len(t.Dataset.Key) > 0 {
			continue
		}
		if keys, err := splitter.Split(ctx, t.all(tenantA), 5); !errors.Is(err, source.ErrUnsupported) {
			return in(t, "splitting", fmt.Errorf("got %d keys and: %v", len(keys), err))
		}
	}
	return nil
}

func span(ctx context.Context, s *suite) error {
	spanner, is := s.src.(source.Spanner)
	if !is {
		return errors.New("the source is no Spanner, and the harness does not say that it lacks it")
	}
	for _, t := range s.tables {
		if t.Dataset.Time == "" {
			continue
		}
		for _, q := range t.everyQuery() {
			var times []time.Time
			for _, row := range t.want(q.Query) {
				if at, ok := t.time(row); ok {
					times = append(times, at)
				}
			}
			first, last, ok, err := spanner.Span(ctx, q.Query)
			switch {
			case err != nil:
			case ok != (len(times) > 0):
				err = fmt.Errorf("found a time: %v, and %d rows have one", ok, len(times))
			case ok && (!first.Equal(slices.MinFunc(times, time.Time.Compare)) || !last.Equal(slices.MaxFunc(times, time.Time.Compare))):
				err = fmt.Errorf("got %v to %v, want %v to %v", first, last,
					slices.MinFunc(times, time.Time.Compare), slices.MaxFunc(times, time.Time.Compare))
			}
			if err != nil {
				return in(t, q.what, err)
			}
		}
	}
	return nil
}

func countedReader(ctx context.Context, s *suite) error {
	for _, t := range s.tables {
		for _, q := range slices.Concat(t.wholeQueries(), t.mixedQueries(), t.nullTimeQueries()) {
			if err := s.countRead(ctx, t, q.Query); err != nil {
				return in(t, q.what, err)
			}
		}
	}
	return nil
}

// countRead reads a query and asks its reader for the count before and after.
func (s *suite) countRead(ctx context.Context, t Table, q source.Query) (err error) {
	r, err := s.open(ctx, q)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, r.Close()) }()
	c, ok := r.(source.CountedReader)
	if !ok {
		return errors.New("the reader is no CountedReader, and the harness does not say that it lacks it")
	}
	before, known := c.Count()
	if !known {
		return errors.New("the count is not known")
	}
	rows, err := drain(ctx, r, t.batch(q, 0, 0))
	if err != nil {
		return err
	}
	if after, _ := c.Count(); before != int64(len(rows)) || after != before {
		return fmt.Errorf("counted %d before and %d after %d rows", before, after, len(rows))
	}
	return nil
}
