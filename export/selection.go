package export

import (
	"context"
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"

	"github.com/exportyard/exportyard/export/manifest"
	"github.com/exportyard/exportyard/format"
	"github.com/exportyard/exportyard/internal/calendar"
	"github.com/exportyard/exportyard/internal/plan"
	"github.com/exportyard/exportyard/source"
)

// resolve picks the request's datasets and fields out of the catalog. It adds
// to p whatever is wrong.
func (r Request) resolve(catalog []source.Dataset, f format.Formatter, p *problems) []plan.Dataset {
	var out []plan.Dataset
	if len(r.Datasets) > 0 {
		out = r.resolveNamed(catalog, f, p)
	} else {
		out = r.resolveAll(catalog, f, p)
	}
	exported := slices.ContainsFunc(out, func(d plan.Dataset) bool { return d.Skipped == "" })
	if len(*p) == 0 && !exported {
		p.add(CodeEmptySelection, "datasets", "choose others, or another range", "nothing of this selection can be exported")
	}
	return out
}

func (r Request) resolveNamed(catalog []source.Dataset, f format.Formatter, p *problems) []plan.Dataset {
	var out []plan.Dataset
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

func (r Request) resolveAll(catalog []source.Dataset, f format.Formatter, p *problems) []plan.Dataset {
	var out []plan.Dataset
	for i, area := range r.Areas {
		if !slices.ContainsFunc(catalog, func(d source.Dataset) bool { return d.Area == area }) {
			p.add(CodeUnknownDataset, fmt.Sprintf("areas[%d]", i), "choose one of the catalog", "no area %q", area)
		}
	}
	for _, d := range catalog {
		switch {
		case !r.All && !slices.Contains(r.Areas, d.Area):
		case d.Off != "":
			out = append(out, plan.Dataset{Name: d.Name, Skipped: d.Off})
		case r.bounded() && d.Time == "":
			out = append(out, plan.Dataset{Name: d.Name, Skipped: "it has no time column"})
		default:
			out = append(out, r.take(d, Selection{Name: d.Name}, fmt.Sprintf("dataset %q", d.Name), f, p))
		}
	}
	return out
}

// take selects the fields of one dataset.
func (r Request) take(d source.Dataset, sel Selection, field string, f format.Formatter, p *problems) plan.Dataset {
	s := plan.Dataset{
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
	if _, err := s.Guard(r.Tenant, calendar.Period{}); err != nil {
		p.add(CodeUnsupported, field, "correct the source's catalog", "%v", err)
	}
	if f != nil {
		if err := canHold(f, s.Written()); err != nil {
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

func defaultColumns(d source.Dataset) (columns []string, omitted []manifest.Omission) {
	for _, f := range d.Schema {
		switch {
		case f.Sensitivity == source.Secret:
			omitted = append(omitted, manifest.Omission{Field: f.Name, Reason: "secret"})
		case f.OffByDefault:
			omitted = append(omitted, manifest.Omission{Field: f.Name, Reason: "off by default"})
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
func (e *Engine) resolve(ctx context.Context, r Request, f format.Formatter) ([]plan.Dataset, error) {
	catalog, err := e.config.Source.Datasets(ctx, r.Tenant)
	if err != nil {
		return nil, err
	}
	var p problems
	out := r.resolve(catalog, f, &p)
	return out, p.err()
}
