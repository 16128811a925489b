package sqlsource_test

import (
	"context"
	"database/sql"
	"database/sql/driver"
	"errors"
	"io"
	"strings"
	"sync"
)

// A fake is a driver with one table. It understands no conditions: it answers
// a count with the number of its rows, whether all values are alike with yes,
// and every other question with all of its rows.
type fake struct {
	columns []string
	rows    [][]driver.Value
	// give is how many rows it hands out before it says, without an error, that
	// there are no more. Default: all.
	give int
	// fail is the error of the row after those. Default: none.
	fail error

	mu   sync.Mutex
	said []string // the statements, in order
}

// db returns the database of the fake.
func (f *fake) db() *sql.DB { return sql.OpenDB(f) }

func (f *fake) Connect(context.Context) (driver.Conn, error) { return &fakeConn{f}, nil }
func (f *fake) Driver() driver.Driver                        { return nil }

func (f *fake) say(query string) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.said = append(f.said, query)
}

type fakeConn struct{ f *fake }

var errNotNeeded = errors.New("the source does not do this")

func (c *fakeConn) Prepare(string) (driver.Stmt, error) { return nil, errNotNeeded }
func (c *fakeConn) Begin() (driver.Tx, error)           { return nil, errNotNeeded }
func (c *fakeConn) Close() error                        { return nil }

func (c *fakeConn) ExecContext(_ context.Context, query string, _ []driver.NamedValue) (driver.Result, error) {
	c.f.say(query)
	return driver.ResultNoRows, nil
}

func (c *fakeConn) QueryContext(_ context.Context, query string, _ []driver.NamedValue) (driver.Rows, error) {
	c.f.say(query)
	switch {
	case strings.Contains(query, "count(*)"):
		return &fakeRows{columns: []string{"count"}, rows: [][]driver.Value{{int64(len(c.f.rows))}}}, nil
	case strings.Contains(query, "1 = 0"): // the types of the columns
		selected, _, _ := strings.Cut(query, " from ")
		return &fakeRows{columns: strings.Split(selected, ",")}, nil
	case strings.Contains(query, "min(case"):
		return &fakeRows{columns: []string{"yes"}, rows: [][]driver.Value{{int64(1)}}}, nil
	}
	r := &fakeRows{columns: c.f.columns, rows: c.f.rows, fail: c.f.fail}
	if c.f.give > 0 {
		r.rows = r.rows[:c.f.give]
	}
	return r, nil
}

type fakeRows struct {
	columns []string
	rows    [][]driver.Value
	fail    error
}

func (r *fakeRows) Columns() []string { return r.columns }
func (r *fakeRows) Close() error      { return nil }

func (r *fakeRows) Next(dest []driver.Value) error {
	if len(r.rows) == 0 {
		if r.fail != nil {
			return r.fail
		}
		return io.EOF
	}
	copy(dest, r.rows[0])
	r.rows = r.rows[1:]
	return nil
}
