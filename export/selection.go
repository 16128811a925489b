package export

import (
	"context"
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"

	"github.com/exportyard/exportyard/format"
	"github.com/exportyard/exportyard/internal/calendar"
	"github.com/exportyard/exportyard/internal/guard"
	"github.com/exportyard/exportyard/source"
)

// A selected is one dataset of an export: what is written of it, what is read
// to check it, and what was left out and why. It is stored in the plan.
type selected struct {
	Name      string          `json:"name"`
	Schema    source.Schema   `json:"schema,omitempty"` // of the columns, then the guards
	Columns   int             `json:"columns,omitempty"`
	Filters   []source.Filter `json:"filters,omitempty"`
	Key       []string        `json:"key,omitempty"`
	Tenant    string          `json:"tenant_column,omitempty"`
	Unguarded bool            `json:"unguarded,omitempty"`
	Time      string          `json:"time_column,omitempty"` // only when rows are restricted by it
	Omitted   []Omission      `json:"omitted,omitempty"`
	Skipped   string          `json:"skipped,omitempty"`
	// Rows as counted by the plan; -1 when it did not count.
	Rows         int64 `json:"rows"`
	NullTimeRows int64 `json:"null_time_rows,omitempty"`
	Split        bool  `json:"split,omitempty"` // into several parts
}

// columns returns the fields that are written.
func (s *selected) columns() source.Schema { return s.Schema[:s.Columns] }

// query returns the query for all rows of a tenant's dataset in a period.
func (s *selected) query(tenant string, p calendar.Period) source.Query {
	names := s.Schema.Names()
	q := source.Query{
		Tenant: tenant, Dataset: s.Name, Filters: s.Filters,
		Columns: names[:s.Columns], Guard: names[s.Columns:],
	}
	if s.Time != "" {
		q.From, q.To = p.From, p.To
		if s.timeKind() != source.Timestamp {
			q.From, q.To = p.WallFrom, p.WallTo
		}
	}
	return q
}

// guard returns the check of every row of a tenant's dataset in a period.
func (s *selected) guard(tenant string, p calendar.Period) (*guard.Guard, error) {
	q := s.query(tenant, p)
	return guard.New(guard.Rule{
		Dataset: s.Name, Schema: s.Schema, TenantColumn: s.Tenant, Tenant: tenant,
		TimeColumn: s.Time, From: q.From, To: q.To,
	})
}

func (s *selected) timeKind() source.Kind {
	return s.Schema[s.Schema.Index(s.Time)].Kind
}

// resolve picks the request's datasets and fields out of the catalog. It adds
// to p whatever is wrong.
func (r Request) resolve(catalog []source.Dataset, f format.Formatter, p *problems) []selected {
	var out []selected
	if len(r.Datasets) > 0 {
		out = r.resolveNamed(catalog, f, p)
	} else {
		out = r.resolveAll(catalog, f, p)
	}
	exported := slices.ContainsFunc(out, func(s selected) bool { return s.Skipped == "" })
	if len(*p) == 0 && !exported {
		p.add(CodeEmptySelection, "datasets", "choose others, or another range", "nothing of this selection can be exported")
	}
	return out
}

func (r Request) resolveNamed(catalog []source.Dataset, f format.Formatter, p *problems) []selected {
	var out []selected
	seen := make(map[string]bool)
	for i, sel := range r.Datasets {
		field := fmt.Sprintf("datasets[%d]", i)
		d, ok := source.Find(catalog, sel.Name)
		switch {
		case !ok:
			p.add(CodeUnknownDataset, field, "choose one of the catalog", "no dataset %q", sel.Name)
			continue
		case seen[sel.Name]:
			p.add(CodeExclusive, field, "name each dataset once", "dataset %q is named twice", sel.Name)
			continue
		case d.Off != "":
			p.add(CodeDatasetOff, field, "leave it out", "dataset %q is off: %s", sel.Name, d.Off)
			continue
		case r.bounded() && d.Time == "":
			p.add(CodeNoTimeColumn, field, "leave out from, to and interval, or the dataset", "dataset %q has no time column", sel.Name)
		}
		seen[sel.Name] = true
		out = append(out, r.take(d, sel, field, f, p))
	}
	return out
}

func (r Request) resolveAll(catalog []source.Dataset, f format.Formatter, p *problems) []selected {
	var out []selected
	for i, area := range r.Areas {
		if !slices.ContainsFunc(catalog, func(d source.Dataset) bool { return d.Area == area }) {
			p.add(CodeUnknownDataset, fmt.Sprintf("areas[%d]", i), "choose one of the catalog", "no area %q", area)
		}
	}
	for _, d := range catalog {
		switch {
		case !r.All && !slices.Contains(r.Areas, d.Area):
		case d.Off != "":
			out = append(out, selected{Name: d.Name, Skipped: d.Off})
		case r.bounded() && d.Time == "":
			out = append(out, selected{Name: d.Name, Skipped: "it has no time column"})
		default:
			out = append(out, r.take(d, Selection{Name: d.Name}, fmt.Sprintf("dataset %q", d.Name), f, p))
		}
	}
	return out
}

// take selects the fields of one dataset.
func (r Request) take(d source.Dataset, sel Selection, field string, f format.Formatter, p *problems) selected {
	s := selected{
		Name: d.Name, Filters: sel.Filters, Key: d.Key, Tenant: d.Tenant, Unguarded: d.Unguarded, Rows: -1,
	}
	before := len(*p)
	if err := checkDataset(d); err != nil {
		p.add(CodeUnsupported, field, "correct the source's catalog", "%v", err)
		return s
	}
	if r.bounded() {
		s.Time = d.Time
	}
	columns := sel.Columns
	if len(columns) == 0 {
		columns, s.Omitted = defaultColumns(d)
		if len(columns) == 0 {
			p.add(CodeEmptySelection, field, "name its columns", "dataset %q has no field that is on by default", d.Name)
		}
	} else {
		checkColumns(d, columns, field, p)
	}
	checkFilters(d, sel.Filters, field, p)
	if len(*p) > before {
		return s
	}
	names := columns
	for _, guard := range []string{s.Tenant, s.Time} {
		if guard != "" && !slices.Contains(names, guard) {
			names = append(slices.Clip(names), guard)
		}
	}
	s.Columns = len(columns)
	s.Schema, _ = d.Schema.Select(names) // every name was checked
	if _, err := s.guard(r.Tenant, calendar.Period{}); err != nil {
		p.add(CodeUnsupported, field, "correct the source's catalog", "%v", err)
	}
	if f != nil {
		if err := canHold(f, s.columns()); err != nil {
			p.add(CodeUnsupported, field, "choose other columns or another format", "%v", err)
		}
	}
	return s
}

// checkDataset holds a catalog to its contract.
func checkDataset(d source.Dataset) error {
	errs := []error{d.Schema.Validate()}
	if (d.Tenant == "") != d.Unguarded {
		errs = append(errs, fmt.Errorf("dataset %q must name its tenant column or say Unguarded, and not both", d.Name))
	}
	named := append([]string{d.Tenant, d.Time, d.Subject}, d.Key...)
	for _, name := range named {
		if name != "" && d.Schema.Index(name) < 0 {
			errs = append(errs, fmt.Errorf("dataset %q has no field %q", d.Name, name))
		}
	}
	if i := d.Schema.Index(d.Time); d.Time != "" && i >= 0 && !d.Schema[i].Kind.Temporal() {
		errs = append(errs, fmt.Errorf("the time column %q of dataset %q is of kind %v", d.Time, d.Name, d.Schema[i].Kind))
	}
	return errors.Join(errs...)
}

func defaultColumns(d source.Dataset) (columns []string, omitted []Omission) {
	for _, f := range d.Schema {
		switch {
		case f.Sensitivity == source.Secret:
			omitted = append(omitted, Omission{Field: f.Name, Reason: "secret"})
		case f.OffByDefault:
			omitted = append(omitted, Omission{Field: f.Name, Reason: "off by default"})
		default:
			columns = append(columns, f.Name)
		}
	}
	return columns, omitted
}

func checkColumns(d source.Dataset, columns []string, field string, p *problems) {
	seen := make(map[string]bool)
	for i, name := range columns {
		at := fmt.Sprintf("%s.columns[%d]", field, i)
		j := d.Schema.Index(name)
		switch {
		case j < 0:
			p.add(CodeUnknownField, at, "choose one of "+strings.Join(d.Schema.Names(), ", "), "dataset %q has no field %q", d.Name, name)
		case d.Schema[j].Sensitivity == source.Secret:
			p.add(CodeSecretField, at, "leave it out", "field %q of dataset %q is secret", name, d.Name)
		case seen[name]:
			p.add(CodeDuplicateField, at, "name each column once", "column %q is named twice", name)
		}
		seen[name] = true
	}
}

func checkFilters(d source.Dataset, filters []source.Filter, field string, p *problems) {
	for i, filter := range filters {
		at := fmt.Sprintf("%s.filters[%d]", field, i)
		j := d.Schema.Index(filter.Column)
		switch {
		case j < 0:
			p.add(CodeUnknownField, at, "choose one of "+strings.Join(d.Schema.Names(), ", "), "dataset %q has no field %q", d.Name, filter.Column)
			continue
		case d.Schema[j].Sensitivity == source.Secret:
			p.add(CodeSecretField, at, "leave it out", "field %q of dataset %q is secret", filter.Column, d.Name)
			continue
		case len(filter.In) == 0 && !filter.Null:
			p.add(CodeBadFilter, at, "give at least one value", "no row can pass a filter without values")
		}
		v := source.NewBatch(d.Schema[j:j+1], 0, 0).Col(0)
		for k, text := range filter.In {
			if err := source.ParseText(v, text); err != nil {
				p.add(CodeBadFilter, fmt.Sprintf("%s.in[%d]", at, k), "give a value of the column's kind", "%v", err)
			}
		}
	}
}

// canHold asks the format whether it can hold rows of that schema.
func canHold(f format.Formatter, schema source.Schema) error {
	if blocks, ok := f.(format.BlockFormatter); ok {
		_, err := blocks.Blocks(schema)
		return err
	}
	_, err := f.NewWriter(io.Discard, schema)
	return err
}

// catalog reads and resolves in one step, for the plan.
func (e *Engine) resolve(ctx context.Context, r Request, f format.Formatter) ([]selected, error) {
	catalog, err := e.config.Source.Datasets(ctx, r.Tenant)
	if err != nil {
		return nil, err
	}
	var p problems
	out := r.resolve(catalog, f, &p)
	return out, p.err()
}
