package column

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/exportyard/exportyard/source"
	"github.com/exportyard/exportyard/source/sqlsource/internal/dialect"
	"github.com/exportyard/exportyard/source/sqlsource/internal/stored"
)

// Form returns how the values of temporal column i are stored, which it makes
// sure of where the database does not.
func (v *View) Form(ctx context.Context, i int) (stored.Form, error) {
	d, name := v.Dialect, v.Schema[i].Name
	f, declared := v.Forms[name]
	switch c := v.Types[i]; {
	case declared && (f.Native || f.Unit > 0 && d != dialect.SQLite):
		return f, nil
	case declared || d == dialect.SQLite:
	case c == dialect.Textual || c == dialect.Integer:
		return stored.Form{}, fmt.Errorf("sqlsource: dataset %q, column %q: times are stored as text or integers: declare TimeStorage", v.Dataset, name)
	default:
		return stored.Form{Native: true}, nil
	}
	a, err := v.Look.Remember(i, func() (Answer, error) {
		if declared {
			return v.matching(ctx, i, "not all stored as %q, as declared", f.Spelled()...)
		}
		candidates, err := v.sample(ctx, i)
		if err != nil || len(candidates) == 0 {
			return Answer{Form: stored.AnyForm}, err
		}
		return v.matching(ctx, i, "not all stored as %q like the first: make them alike, or declare TimeStorage", candidates...)
	})
	return a.Form, err
}

// matching returns the first of the forms that every value has.
func (v *View) matching(ctx context.Context, i int, otherwise string, forms ...stored.Form) (Answer, error) {
	conditions := make([]string, len(forms))
	for j, f := range forms {
		conditions[j] = f.Matches(v.Dialect, v.Ref(i))
	}
	which, err := v.which(ctx, i, conditions)
	if err == nil && which < 0 {
		err = v.mixed(i, fmt.Sprintf(otherwise, forms[0].String()))
	}
	if err != nil {
		return Answer{}, err
	}
	return Answer{Form: forms[which]}, nil
}

// spelled returns which of the conditions holds for every value, -1 for none.
func (v *View) spelled(ctx context.Context, i int, conditions ...string) (int, error) {
	a, err := v.Look.Remember(i, func() (a Answer, err error) {
		a.Which, err = v.which(ctx, i, conditions)
		return a, err
	})
	return a.Which, err
}

// mixed is the error about a column whose values cannot be compared exactly.
func (v *View) mixed(i int, how string) error {
	return &source.DataError{Dataset: v.Dataset, Column: v.Schema[i].Name, Rule: "the values are " + how, Err: source.ErrUnsupported}
}

// which returns the first of the conditions that holds for every value of
// column i that is not null, -1 when none does, 0 when there is no value.
func (v *View) which(ctx context.Context, i int, conditions []string) (int, error) {
	selected := make([]string, len(conditions))
	holds, dest := make([]int64, len(conditions)), make([]any, len(conditions))
	for j, c := range conditions {
		selected[j], dest[j] = "coalesce(min(case when "+c+" then 1 else 0 end), 1)", &holds[j]
	}
	if err := v.Look.Values(ctx, strings.Join(selected, ", "), i, "", dest...); err != nil {
		return 0, err
	}
	return slices.Index(holds, 1), nil
}

// sample returns the forms that the times of column i may have, by the looks
// of one of them, or of the least and the greatest integer; none when there is no value.
func (v *View) sample(ctx context.Context, i int) ([]stored.Form, error) {
	var found any
	if err := v.Look.Values(ctx, "+"+v.Ref(i), i, " limit 1", &found); errors.Is(err, sql.ErrNoRows) {
		return nil, nil
	} else if err != nil {
		return nil, err
	}
	if text, ok := found.([]byte); ok { // as some drivers hand out texts
		found = string(text)
	}
	switch x := found.(type) {
	case int64:
		return v.unit(ctx, i)
	case string:
		st, ok := stored.ParseStamp(x)
		if k := v.Schema[i].Kind; !ok || !st.Form.Sorts() || !st.Form.Holds(k) {
			return nil, v.mixed(i, fmt.Sprintf("texts that do not sort as a %v does: store them in one layout in UTC, or declare a string", k))
		}
		return st.Form.Like(), nil
	default:
		return nil, v.mixed(i, "neither texts nor integers (a real number may be a Julian day, which is no exact time)")
	}
}

func (v *View) unit(ctx context.Context, i int) ([]stored.Form, error) {
	var least, greatest int64
	err := v.Look.Values(ctx, "min("+v.Ref(i)+"), max("+v.Ref(i)+")", i, " and typeof("+v.Ref(i)+") = 'integer'", &least, &greatest)
	if err != nil {
		return nil, err
	}
	f, ok := stored.UnitOf(least, greatest)
	if !ok {
		return nil, v.mixed(i, "integers whose unit cannot be told: declare TimeStorage as unix seconds, milliseconds or microseconds")
	}
	return []stored.Form{f}, nil
}

// ReadForms returns how the columns' times are to be read: as declared, or where
// SQLite holds integers, in the unit that these show. Texts show their own form.
func (v *View) ReadForms(ctx context.Context, columns []int) ([]stored.Form, error) {
	forms := make([]stored.Form, len(columns))
	for j, i := range columns {
		f, declared := v.Forms[v.Schema[i].Name]
		if declared || v.Dialect != dialect.SQLite || !v.Schema[i].Kind.Temporal() {
			forms[j] = f
			continue
		}
		a, err := v.Look.Remember(^i, func() (Answer, error) {
			candidates, err := v.sample(ctx, i)
			switch {
			case errors.Is(err, source.ErrUnsupported): // each value is asked by itself
				return Answer{}, nil
			case err != nil || len(candidates) == 0 || candidates[0].Unit == 0:
				return Answer{}, err
			}
			return Answer{Form: candidates[0]}, nil
		})
		if err != nil {
			return nil, err
		}
		forms[j] = a.Form
	}
	return forms, nil
}
