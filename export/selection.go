package export

import (
	"context"
	"slices"

	"github.com/exportyard/exportyard/format"
	"github.com/exportyard/exportyard/internal/plan"
	"github.com/exportyard/exportyard/internal/selection"
	"github.com/exportyard/exportyard/source"
)

// pick picks the request's datasets and fields out of the catalog. It adds to p
// whatever is wrong.
func (r Request) pick(catalog []source.Dataset, f format.Formatter, p *problems) []plan.Dataset {
	w := selection.Wish{Tenant: r.Tenant, All: r.All, Areas: r.Areas, Bounded: r.bounded(), Format: f}
	for _, s := range r.Datasets {
		w.Datasets = append(w.Datasets, selection.Dataset(s))
	}
	out, wrong := w.Pick(catalog)
	for _, bad := range wrong {
		p.add(Code(bad.Code), bad.Field, bad.Hint, "%s", bad.Message)
	}
	exported := slices.ContainsFunc(out, func(d plan.Dataset) bool { return d.Skipped == "" })
	if len(*p) == 0 && !exported {
		p.add(CodeEmptySelection, "datasets", "choose others, or another range", "nothing of this selection can be exported")
	}
	return out
}

// datasets asks the catalog once more and picks, for the plan.
func (e *Engine) datasets(ctx context.Context, r Request, f format.Formatter) ([]plan.Dataset, error) {
	catalog, err := e.config.Source.Datasets(ctx, r.Tenant)
	if err != nil {
		return nil, err
	}
	var p problems
	out := r.pick(catalog, f, &p)
	return out, p.err()
}
