package sourcetest

import (
	"bytes"
	"cmp"
	"slices"
	"strings"
	"time"

	"github.com/exportyard/exportyard/source"
)

// The model says which rows a query must give. It is written for clarity, and
// reads cells as texts wherever that is exact.

// want returns the positions of q's rows, in the order of the key where the
// table has one.
func (t Table) want(q source.Query) []int {
	var rows []int
	for row := range t.Rows.Len() {
		if t.matches(q, row) {
			rows = append(rows, row)
		}
	}
	if len(t.Dataset.Key) > 0 {
		slices.SortFunc(rows, func(a, b int) int { return cmp.Compare(t.ranks[a], t.ranks[b]) })
	}
	return rows
}

func (t Table) matches(q source.Query, row int) bool {
	if t.cell(row, t.Dataset.Tenant) != q.Tenant || !t.inTime(q, row) {
		return false
	}
	if q.Subject != "" && t.cell(row, t.Dataset.Subject) != q.Subject {
		return false
	}
	for _, f := range q.Filters {
		text := t.cell(row, f.Column)
		if text == null && !f.Null || text != null && !slices.Contains(f.In, text) {
			return false
		}
	}
	return (len(q.After) == 0 || t.ranks[row] > t.rankOf(q.After)) &&
		(len(q.UpTo) == 0 || t.ranks[row] <= t.rankOf(q.UpTo))
}

func (t Table) inTime(q source.Query, row int) bool {
	if q.From.IsZero() && q.To.IsZero() && !q.NullTime {
		return true
	}
	at, ok := t.time(row)
	if q.NullTime || !ok {
		return q.NullTime && !ok
	}
	return (q.From.IsZero() || !at.Before(q.From)) && (q.To.IsZero() || at.Before(q.To))
}

// time returns the row's time; ok is false when it is null.
func (t Table) time(row int) (at time.Time, ok bool) {
	col := t.Dataset.Schema.Index(t.Dataset.Time)
	v := t.Rows.Col(col)
	return source.Instant(v.Kind(), v.Int64s()[row]), !v.Null(row)
}

// cell returns the text of the named column, or null.
func (t Table) cell(row int, column string) string {
	text, isNull := t.Text(row, t.Dataset.Schema.Index(column))
	if isNull {
		return null
	}
	return text
}

// cells returns the texts of the named columns.
func (t Table) cells(row int, columns []string) []string {
	out := make([]string, len(columns))
	for i, name := range columns {
		out[i] = t.cell(row, name)
	}
	return out
}

func (t Table) key(row int) source.Key { return t.cells(row, t.Dataset.Key) }

// rankOf returns the place of a row's key among all. The bounds that the rules
// ask for are keys of rows.
func (t Table) rankOf(key source.Key) int {
	rank, ok := t.rank[strings.Join(key, null)]
	if !ok {
		panic("sourcetest: a bound that is no row's key")
	}
	return rank
}

// rankKeys orders the keys of all rows.
func (t *Table) rankKeys() {
	order := make([]int, t.Rows.Len())
	for row := range order {
		order[row] = row
	}
	slices.SortFunc(order, func(a, b int) int { return t.compareKeys(t.key(a), t.key(b)) })
	t.ranks, t.rank = make([]int, len(order)), make(map[string]int, len(order))
	for rank, row := range order {
		t.ranks[row] = rank
		t.rank[strings.Join(t.key(row), null)] = rank
	}
}

func (t Table) compareKeys(a, b source.Key) int {
	for i, name := range t.Dataset.Key {
		if c := compareTexts(t.Dataset.Schema[t.Dataset.Schema.Index(name)].Kind, a[i], b[i]); c != 0 {
			return c
		}
	}
	return 0
}

// compareTexts orders two texts of a kind by the values that they stand for.
func compareTexts(k source.Kind, a, b string) int {
	v := source.NewBatch(source.Schema{{Name: "key", Kind: k}}, 2, 0).Col(0)
	for _, text := range []string{a, b} {
		if err := source.ParseText(v, text); err != nil {
			return cmp.Compare(a, b)
		}
	}
	switch k.Base() {
	case source.Int64, source.Date, source.Timestamp, source.DateTime:
		return cmp.Compare(v.Int64s()[0], v.Int64s()[1])
	case source.AnyDecimal:
		return v.Decimal(0).Cmp(v.Decimal(1))
	case source.UUID:
		return bytes.Compare(v.UUIDs()[0][:], v.UUIDs()[1][:])
	default:
		return cmp.Compare(a, b)
	}
}

// queries are what the rules ask of a table, by what they are about.

type query struct {
	what string
	source.Query
}

// all returns the query for a tenant's every row and column.
func (t Table) all(tenant string) source.Query {
	return source.Query{Tenant: tenant, Dataset: t.Dataset.Name, Columns: t.Dataset.Schema.Names()}
}

func (t Table) wholeQueries() []query {
	var out []query
	for _, tenant := range tenants {
		out = append(out, query{"all rows of " + tenant, t.all(tenant)})
	}
	return out
}

// rangeQueries touch every distinct time of the table with both ends.
func (t Table) rangeQueries() []query {
	if t.Dataset.Time == "" {
		return nil
	}
	var out []query
	add := func(what string, from, to time.Time) {
		q := t.all(tenantA)
		q.From, q.To = from, to
		out = append(out, query{what, q})
	}
	for _, at := range t.times() {
		text := at.Format(time.RFC3339Nano)
		next := at.Add(t.tick())
		add("from "+text, at, time.Time{})
		add("to "+text, time.Time{}, at)
		if next.Year() <= 9999 {
			add("one tick from "+text, at, next)
			add("from a tick after "+text, next, time.Time{})
		}
	}
	march := time.Date(2026, 3, 1, 0, 0, 0, 0, time.UTC)
	add("March 2026", march, march.AddDate(0, 1, 0))
	if t.timeKind() == source.Timestamp {
		east := time.FixedZone("", 5*60*60+30*60)
		add("March 2026 said in another zone", march.In(east), march.AddDate(0, 1, 0).In(east))
	}
	return out
}

func (t Table) nullTimeQueries() []query {
	if t.Dataset.Time == "" {
		return nil
	}
	q := t.all(tenantA)
	q.NullTime = true
	return []query{{"rows without a time", q}}
}

func (t Table) timeKind() source.Kind {
	return t.Dataset.Schema[t.Dataset.Schema.Index(t.Dataset.Time)].Kind
}

// tick is the least difference of two times.
func (t Table) tick() time.Duration {
	if t.timeKind() == source.Date {
		return 24 * time.Hour
	}
	return time.Microsecond
}

// times returns the distinct times of the table in ascending order.
func (t Table) times() []time.Time {
	var out []time.Time
	for row := range t.Rows.Len() {
		if at, ok := t.time(row); ok {
			out = append(out, at)
		}
	}
	slices.SortFunc(out, time.Time.Compare)
	return slices.CompactFunc(out, time.Time.Equal)
}

// filterQueries filter by every column whose kind every source must filter by.
func (t Table) filterQueries(wanted func(source.Kind) bool) []query {
	var out []query
	for _, f := range t.Dataset.Schema {
		if !wanted(f.Kind) {
			continue
		}
		values := t.values(f.Name)
		add := func(what string, filters ...source.Filter) {
			q := t.all(tenantA)
			q.Filters = filters
			out = append(out, query{"column " + f.Name + ": " + what, q})
		}
		for _, value := range values {
			add("a value", source.Filter{Column: f.Name, In: []string{value}})
		}
		first, second := values[:min(1, len(values))], values[min(1, len(values)):min(2, len(values))]
		add("two values", source.Filter{Column: f.Name, In: values[:min(2, len(values))]})
		add("null alone", source.Filter{Column: f.Name, Null: true})
		add("a value or null", source.Filter{Column: f.Name, In: first, Null: true})
		add("no value at all", source.Filter{Column: f.Name})
		add("two filters that exclude each other", source.Filter{Column: f.Name, In: first}, source.Filter{Column: f.Name, In: second})
	}
	return out
}

// values returns up to twenty-five distinct values of a column that are not null.
func (t Table) values(column string) []string {
	var out []string
	for row := range t.Rows.Len() {
		text := t.cell(row, column)
		if text != null && text != "NaN" && !slices.Contains(out, text) && len(out) < 25 {
			out = append(out, text)
		}
	}
	return out
}

func (t Table) subjectQueries() []query {
	if t.Dataset.Subject == "" {
		return nil
	}
	var out []query
	for _, who := range t.values(t.Dataset.Subject) {
		if who != "" {
			q := t.all(tenantA)
			q.Subject = who
			out = append(out, query{"subject " + who, q})
		}
	}
	return out
}

// keyQueries cut at the ends, in the middle and around one row.
func (t Table) keyQueries() []query {
	if len(t.Dataset.Key) == 0 {
		return nil
	}
	var out []query
	rows := t.want(t.all(tenantA))
	for i := 0; i < len(rows); i += 1 + len(rows)/9 {
		after, both := t.all(tenantA), t.all(tenantA)
		after.After = t.key(rows[i])
		upTo := t.all(tenantA)
		upTo.UpTo = t.key(rows[i])
		both.After, both.UpTo = t.key(rows[i/2]), t.key(rows[i])
		out = append(out, query{"after a key", after}, query{"up to a key", upTo}, query{"between two keys", both})
	}
	last := t.all(tenantA)
	last.After = t.key(rows[len(rows)-1])
	return append(out, query{"after the last key", last})
}

// mixedQueries restrict in several ways at once.
func (t Table) mixedQueries() []query {
	if t.Dataset.Time == "" || len(t.Dataset.Key) == 0 {
		return nil
	}
	rows := t.want(t.all(tenantA))
	q := t.all(tenantA)
	q.From = time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC)
	q.To = time.Date(2026, 3, 31, 0, 0, 0, 0, time.UTC)
	q.After, q.UpTo = t.key(rows[len(rows)/8]), t.key(rows[len(rows)*7/8])
	out := []query{{"a time range between two keys", q}}
	if t.Dataset.Schema.Index("order") >= 0 {
		q.Filters = []source.Filter{{Column: "order", In: []string{"1", "2", "3", "5"}}, {Column: "person", In: []string{"ann@acme.example"}, Null: true}}
		out = append(out, query{"a time range between two keys, filtered twice", q})
	}
	return out
}

// everyQuery is the spread that counting, splitting and spans are checked with.
func (t Table) everyQuery() []query {
	return slices.Concat(t.wholeQueries(), t.rangeQueries(), t.nullTimeQueries(), t.filterQueries(exactFilter),
		t.subjectQueries(), t.keyQueries(), t.mixedQueries())
}

// exactFilter reports whether every source must filter by columns of that kind.
func exactFilter(k source.Kind) bool {
	return k != source.Float64 && k != source.Bytes && k != source.JSON
}
