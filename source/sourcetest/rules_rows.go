package sourcetest

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strconv"
	"time"

	"github.com/exportyard/exportyard/source"
)

func rowsColumns(ctx context.Context, s *suite) error {
	for _, t := range s.tables {
		names := t.Dataset.Schema.Names()
		backwards := slices.Clone(names)
		slices.Reverse(backwards)
		q := t.all(tenantA)
		for what, columns := range map[string][2][]string{
			"backwards":                    {backwards, nil},
			"one column":                   {names[len(names)-1:], nil},
			"guards that are not selected": {backwards[:2], backwards[2:]},
			"a guard alone":                {names[1:2], names[:1]},
		} {
			q.Columns, q.Guard = columns[0], columns[1]
			if err := s.expect(ctx, t, query{what, q}); err != nil {
				return err
			}
		}
	}
	return nil
}

func rowsStable(ctx context.Context, s *suite) error {
	for _, t := range s.keyed() {
		q := t.all(tenantA)
		first, err := s.read(ctx, t, q)
		if err != nil {
			return in(t, "first read", err)
		}
		for range 3 {
			again, err := s.read(ctx, t, q)
			if err != nil {
				return in(t, "another read", err)
			}
			if !slices.EqualFunc(first, again, slices.Equal) {
				return in(t, "another read", errors.New("it gave other rows, or another order"))
			}
		}
	}
	return nil
}

func tenantText(ctx context.Context, s *suite) error {
	for _, t := range s.tables {
		for _, tenant := range []string{"ACME", "acm", "acme ", " acme", "acm_", "%", "' or '1'='1", "acme\x00", ""} {
			rows, err := s.read(ctx, t, t.all(tenant))
			if len(rows) > 0 {
				return fmt.Errorf("dataset %q: tenant %q got %d rows", t.Dataset.Name, tenant, len(rows))
			}
			if err != nil && tenant != "" && tenant != "acme\x00" {
				return in(t, fmt.Sprintf("tenant %q", tenant), err)
			}
		}
	}
	return nil
}

func timeTiles(ctx context.Context, s *suite) error {
	for _, t := range s.tables {
		if t.Dataset.Time == "" {
			continue
		}
		cuts := []time.Time{{}}
		for i, at := range t.times() {
			if i%2 == 0 {
				cuts = append(cuts, at)
			}
		}
		cuts = append(cuts, time.Time{})
		var got [][]string
		for i := range len(cuts) - 1 {
			q := t.all(tenantA)
			q.From, q.To = cuts[i], cuts[i+1]
			if i == 0 && cuts[1].Equal(source.Instant(source.Timestamp, source.MinMicro)) {
				continue // nothing is before the year 1, and From and To of zero are no bounds
			}
			rows, err := s.read(ctx, t, q)
			if err != nil {
				return in(t, "a period", err)
			}
			got = append(got, rows...)
		}
		q := t.all(tenantA)
		q.NullTime = true
		rows, err := s.read(ctx, t, q)
		if err != nil {
			return in(t, "null times", err)
		}
		if want := len(t.want(t.all(tenantA))); len(got)+len(rows) != want {
			return in(t, "periods and null times together", fmt.Errorf("%d and %d rows of %d", len(got), len(rows), want))
		}
	}
	return nil
}

func filterIn(ctx context.Context, s *suite) error {
	return each(func(t Table) []query { return t.filterQueries(exactFilter) })(ctx, s)
}

func filterRefuse(ctx context.Context, s *suite) error {
	for _, t := range s.tables {
		for _, q := range t.filterQueries(func(k source.Kind) bool { return !exactFilter(k) }) {
			if err := s.expect(ctx, t, q); err != nil && !errors.Is(err, source.ErrUnsupported) {
				return err
			}
		}
	}
	return nil
}

func filterMany(ctx context.Context, s *suite) error {
	t := s.things()
	var values []string
	for i := range 1000 {
		values = append(values, strconv.Itoa(i*3))
	}
	values = append(values, t.values("id")...)
	q := t.all(tenantA)
	q.Filters = []source.Filter{{Column: "id", In: values}}
	return s.expect(ctx, t, query{"a thousand values", q})
}

func refuseRole(ctx context.Context, s *suite) error {
	i := slices.IndexFunc(s.tables, func(t Table) bool { return t.Dataset.Name == "plain" })
	t := s.tables[i]
	from, null, person := t.all(tenantA), t.all(tenantA), t.all(tenantA)
	from.From = time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC)
	null.NullTime = true
	person.Subject = "x"
	for what, q := range map[string]source.Query{"a time range": from, "null times": null, "a subject": person} {
		r, err := s.src.Open(ctx, q)
		if err == nil {
			err = errors.Join(errors.New("a reader"), r.Close())
		}
		if !errors.Is(err, source.ErrUnsupported) {
			return in(t, what+" where there is no such column", fmt.Errorf("open gave: %w", err))
		}
	}
	return nil
}
