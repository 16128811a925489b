// Package selection picks datasets and fields out of a source's catalog, and says
// everything that is wrong with a choice.
package selection

import (
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

// The codes of problems, as package export has them.
const (
	UnknownDataset = "unknown_dataset"
	DatasetOff     = "dataset_off"
	UnknownField   = "unknown_field"
	DuplicateField = "duplicate_field"
	SecretField    = "secret_field"
	Exclusive      = "exclusive"
	EmptySelection = "empty_selection"
	NoTimeColumn   = "no_time_column"
	BadFilter      = "bad_filter"
	Unsupported    = "unsupported"
)

// A Problem is one thing that is wrong with a choice.
type Problem struct {
	Code    string
	Field   string // the path into the request
	Message string
	Hint    string
}

type problems []Problem

func (p *problems) add(code, field, hint, message string, args ...any) {
	*p = append(*p, Problem{Code: code, Field: field, Message: fmt.Sprintf(message, args...), Hint: hint})
}

// A Wish is a choice of all datasets, of areas, or of named datasets.
type Wish struct {
	Tenant   string
	All      bool
	Areas    []string
	Datasets []Dataset
	// Bounded says that rows are restricted by time.
	Bounded bool
	// Format has to hold the columns; nil when it is not known.
	Format format.Formatter
}

// A Dataset is a choice within a dataset.
type Dataset struct {
	Name string
	// Columns in output order; none for those that are on by default.
	Columns []string
	Filters []source.Filter
}

// Pick returns the datasets of the catalog that are wished for, with those that had to
// be left out, and everything that is wrong.
func (w Wish) Pick(catalog []source.Dataset) ([]plan.Dataset, []Problem) {
	var p problems
	pick := w.pickAll
	if len(w.Datasets) > 0 {
		pick = w.pickNamed
	}
	out := pick(catalog, &p)
	return out, p
}

func (w Wish) pickNamed(catalog []source.Dataset, p *problems) []plan.Dataset {
	var out []plan.Dataset
	seen := make(map[string]bool)
	for i, sel := range w.Datasets {
		field := fmt.Sprintf("datasets[%d]", i)
		d, ok := source.Find(catalog, sel.Name)
		switch {
		case !ok:
			p.add(UnknownDataset, field, "choose one of the catalog", "no dataset %q", sel.Name)
			continue
		case seen[sel.Name]:
			p.add(Exclusive, field, "name each dataset once", "dataset %q is named twice", sel.Name)
			continue
		case d.Off != "":
			p.add(DatasetOff, field, "leave it out", "dataset %q is off: %s", sel.Name, d.Off)
			continue
		case w.Bounded && d.Time == "":
			p.add(NoTimeColumn, field, "leave out from, to and interval, or the dataset", "dataset %q has no time column", sel.Name)
		}
		seen[sel.Name] = true
		out = append(out, w.take(d, sel, field, p))
	}
	return out
}

func (w Wish) pickAll(catalog []source.Dataset, p *problems) []plan.Dataset {
	var out []plan.Dataset
	for i, area := range w.Areas {
		if !slices.ContainsFunc(catalog, func(d source.Dataset) bool { return d.Area == area }) {
			p.add(UnknownDataset, fmt.Sprintf("areas[%d]", i), "choose one of the catalog", "no area %q", area)
		}
	}
	for _, d := range catalog {
		switch {
		case !w.All && !slices.Contains(w.Areas, d.Area):
		case d.Off != "":
			out = append(out, plan.Dataset{Name: d.Name, Skipped: d.Off})
		case w.Bounded && d.Time == "":
			out = append(out, plan.Dataset{Name: d.Name, Skipped: "it has no time column"})
		default:
			out = append(out, w.take(d, Dataset{Name: d.Name}, fmt.Sprintf("dataset %q", d.Name), p))
		}
	}
	return out
}

// take selects the fields of one dataset.
func (w Wish) take(d source.Dataset, sel Dataset, field string, p *problems) plan.Dataset {
	s := plan.Dataset{
		Name: d.Name, Filters: sel.Filters, Key: d.Key, Tenant: d.Tenant, Unguarded: d.Unguarded, Rows: -1,
	}
	before := len(*p)
	if err := checkDataset(d); err != nil {
		p.add(Unsupported, field, "correct the source's catalog", "%v", err)
		return s
	}
	if w.Bounded {
		s.Time = d.Time
	}
	columns := sel.Columns
	if len(columns) == 0 {
		columns, s.Omitted = defaultColumns(d)
		if len(columns) == 0 {
			p.add(EmptySelection, field, "name its columns", "dataset %q has no field that is on by default", d.Name)
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
	if _, err := s.Guard(w.Tenant, calendar.Period{}); err != nil {
		p.add(Unsupported, field, "correct the source's catalog", "%v", err)
	}
	if w.Format != nil {
		if err := canHold(w.Format, s.Written()); err != nil {
			p.add(Unsupported, field, "choose other columns or another format", "%v", err)
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
			p.add(UnknownField, at, "choose one of "+strings.Join(d.Schema.Names(), ", "), "dataset %q has no field %q", d.Name, name)
		case d.Schema[j].Sensitivity == source.Secret:
			p.add(SecretField, at, "leave it out", "field %q of dataset %q is secret", name, d.Name)
		case seen[name]:
			p.add(DuplicateField, at, "name each column once", "column %q is named twice", name)
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
			p.add(UnknownField, at, "choose one of "+strings.Join(d.Schema.Names(), ", "), "dataset %q has no field %q", d.Name, filter.Column)
			continue
		case d.Schema[j].Sensitivity == source.Secret:
			p.add(SecretField, at, "leave it out", "field %q of dataset %q is secret", filter.Column, d.Name)
			continue
		case len(filter.In) == 0 && !filter.Null:
			p.add(BadFilter, at, "give at least one value", "no row can pass a filter without values")
		}
		v := source.NewBatch(d.Schema[j:j+1], 0, 0).Col(0)
		for k, text := range filter.In {
			if err := source.ParseText(v, text); err != nil {
				p.add(BadFilter, fmt.Sprintf("%s.in[%d]", at, k), "give a value of the column's kind", "%v", err)
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
