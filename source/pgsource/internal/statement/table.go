package statement

import (
	"strings"
	"time"

	"github.com/exportyard/exportyard/source"
)

// A Table is a dataset made ready. Its columns that have a role are among the fields.
type Table struct {
	Name          string
	Pieces        []Piece // of the from clause
	Plain         string  // the table's quoted name, empty for a declared query
	Schema        source.Schema
	Key           []string
	Tenant        string
	Time          string
	Subject       string
	KeepCollation bool
}

// from writes the wrapped query with its parameters.
func (t *Table) from(st *Statement, q source.Query) {
	for _, p := range t.Pieces {
		st.Write(p.SQL)
		switch p.Param {
		case "tenant":
			t.tenantParam(st, q.Tenant)
		case "from":
			t.timeParam(st, q.From, false)
		case "to":
			t.timeParam(st, q.To, true)
		}
	}
}

// tenantParam is the tenant as the declared query gets it: of the tenant
// column's kind where that is an integer or a UUID, else a text. A tenant that
// is no such value is null.
func (t *Table) tenantParam(st *Statement, tenant string) {
	sqlType, i := "text", t.Schema.Index(t.Tenant)
	if i >= 0 && (t.Schema[i].Kind == source.Int64 || t.Schema[i].Kind == source.UUID) {
		sqlType = typeOf(t.Schema[i].Kind, 0)
		if _, exact := t.cell(i, tenant); !exact {
			st.Null(sqlType)
			return
		}
	}
	if strings.ContainsRune(tenant, 0) {
		st.Null(sqlType)
		return
	}
	st.Arg(sqlType, tenant)
}

// timeParam is a bound as the declared query gets it, null when there is none or
// no row is beyond it.
func (t *Table) timeParam(st *Statement, bound time.Time, upper bool) {
	k := t.Schema[t.Schema.Index(t.Time)].Kind
	switch sqlType := typeOf(k, 0); {
	case bound.IsZero(), upper && bound.After(greatest):
		st.Null(sqlType)
	case k == source.Date:
		// Days at or after a bound are those at or after the next midnight.
		day := ceil(bound, 24*time.Hour)
		st.Arg(sqlType, string(source.AppendDate(nil, source.Day(within(day)))))
	default:
		st.Arg(sqlType, clock(ceil(bound, time.Microsecond)))
	}
}

// ceil returns t in UTC, rounded up to a whole unit: t ≤ x and x < t hold for
// the same whole units x as before.
func ceil(t time.Time, unit time.Duration) time.Time {
	down := t.UTC().Truncate(unit)
	if down.Before(t) {
		return down.Add(unit)
	}
	return down
}

// The times that cells hold.
var (
	least    = source.Instant(source.Timestamp, source.MinMicro)
	greatest = source.Instant(source.Timestamp, source.MaxMicro)
)

// within returns the nearest time that a cell holds.
func within(t time.Time) time.Time {
	switch {
	case t.Before(least):
		return least
	case t.After(greatest):
		return greatest
	}
	return t
}

// clock is the text of a bound. A timestamp without a zone takes the reading
// and overlooks the Z.
func clock(t time.Time) string {
	return string(source.AppendTimestamp(nil, within(t).UnixMicro()))
}

// cell returns a vector whose only cell has that text, and whether it is the
// cell's own text, as rows have it.
func (t *Table) cell(i int, text string) (v *source.Vector, exact bool) {
	v = source.NewBatch(t.Schema[i:i+1], 1, 0).Col(0)
	if strings.ContainsRune(text, 0) || source.ParseText(v, text) != nil {
		return v, false // no text of the database holds U+0000
	}
	return v, string(source.AppendText(nil, v, 0)) == text
}
