package sourcetest

import (
	"context"
	"errors"
	"fmt"
	"reflect"
	"slices"

	"github.com/exportyard/exportyard/source"
)

func catalogStable(ctx context.Context, s *suite) error {
	for _, tenant := range tenants {
		first, err := s.src.Datasets(ctx, tenant)
		if err != nil {
			return err
		}
		seen := make(map[string]bool)
		for _, d := range first {
			if seen[d.Name] {
				return fmt.Errorf("two datasets are named %q", d.Name)
			}
			seen[d.Name] = true
		}
		for range 5 {
			again, err := s.src.Datasets(ctx, tenant)
			if err != nil {
				return err
			}
			if !reflect.DeepEqual(first, again) {
				return fmt.Errorf("two calls for tenant %q differ:\n%+v\n%+v", tenant, first, again)
			}
		}
	}
	return nil
}

func catalogValid(ctx context.Context, s *suite) error {
	datasets, err := s.src.Datasets(ctx, tenantA)
	for _, d := range datasets {
		if problem := valid(d); problem != nil {
			err = errors.Join(err, fmt.Errorf("dataset %q: %w", d.Name, problem))
		}
	}
	return err
}

func valid(d source.Dataset) error {
	errs := []error{d.Schema.Validate()}
	if d.Name == "" {
		errs = append(errs, errors.New("it has no name"))
	}
	if (d.Tenant != "") == d.Unguarded {
		errs = append(errs, fmt.Errorf("tenant is %q and unguarded is %v: want exactly one of them", d.Tenant, d.Unguarded))
	}
	for _, name := range append([]string{d.Tenant, d.Time, d.Subject}, d.Key...) {
		if name != "" && d.Schema.Index(name) < 0 {
			errs = append(errs, fmt.Errorf("column %q has a role and is not in the schema", name))
		}
	}
	if i := d.Schema.Index(d.Time); i >= 0 && !d.Schema[i].Kind.Temporal() {
		errs = append(errs, fmt.Errorf("the time column is a %v", d.Schema[i].Kind))
	}
	for _, name := range d.Key {
		if i := d.Schema.Index(name); i >= 0 && !orders(d.Schema[i].Kind) {
			errs = append(errs, fmt.Errorf("key column %q is a %v", name, d.Schema[i].Kind))
		}
	}
	return errors.Join(errs...)
}

func orders(k source.Kind) bool {
	return k != source.Float64 && k != source.Bytes && k != source.JSON
}

func catalogComplete(ctx context.Context, s *suite) error {
	datasets, err := s.src.Datasets(ctx, tenantA)
	if err != nil {
		return err
	}
	for _, t := range s.tables {
		d, ok := source.Find(datasets, t.Dataset.Name)
		if !ok {
			return fmt.Errorf("no dataset %q", t.Dataset.Name)
		}
		if err := t.declared(d); err != nil {
			return fmt.Errorf("dataset %q: %w", d.Name, err)
		}
	}
	return nil
}

// declared compares a dataset with the table that it is about.
func (t Table) declared(d source.Dataset) error {
	want := t.Dataset
	if !slices.Equal(d.Key, want.Key) || d.Tenant != want.Tenant || d.Time != want.Time || d.Subject != want.Subject {
		return fmt.Errorf("key %q, tenant %q, time %q, subject %q; want %q, %q, %q, %q",
			d.Key, d.Tenant, d.Time, d.Subject, want.Key, want.Tenant, want.Time, want.Subject)
	}
	if !slices.Equal(d.Schema.Names(), want.Schema.Names()) {
		return fmt.Errorf("columns %q, want %q", d.Schema.Names(), want.Schema.Names())
	}
	for i, f := range d.Schema {
		if f.Kind != want.Schema[i].Kind {
			return fmt.Errorf("column %q is a %v, want %v", f.Name, f.Kind, want.Schema[i].Kind)
		}
		if f.Required && t.Rows.Col(i).Nulls() > 0 {
			return fmt.Errorf("column %q is required and has nulls", f.Name)
		}
	}
	return nil
}

func unknownDataset(ctx context.Context, s *suite) error {
	for _, name := range []string{"no such dataset", "", "Things", "things; --"} {
		q := s.things().all(tenantA)
		q.Dataset = name
		r, err := s.src.Open(ctx, q)
		if err == nil {
			err = errors.Join(errors.New("a reader"), r.Close())
		}
		if !errors.Is(err, source.ErrUnknownDataset) {
			return fmt.Errorf("open of %q gave: %w", name, err)
		}
		for what, err := range s.askEverything(ctx, q) {
			if !errors.Is(err, source.ErrUnknownDataset) && !errors.Is(err, source.ErrUnsupported) {
				return fmt.Errorf("%s of %q gave: %v", what, name, err)
			}
		}
	}
	return nil
}

// askEverything asks q of the source's optional interfaces.
func (s *suite) askEverything(ctx context.Context, q source.Query) map[string]error {
	errs := make(map[string]error)
	if c, ok := s.src.(source.Counter); ok {
		_, errs["count"] = c.Count(ctx, q)
	}
	if c, ok := s.src.(source.Splitter); ok {
		_, errs["split"] = c.Split(ctx, q, 10)
	}
	if c, ok := s.src.(source.Spanner); ok {
		_, _, _, errs["span"] = c.Span(ctx, q)
	}
	return errs
}
