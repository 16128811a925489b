package sqlstore_test

import (
	"context"
	"database/sql"
	"database/sql/driver"
	"errors"
	"fmt"
	"strings"
	"sync"
	"testing"

	"github.com/stretchr/testify/require"
)

// An edit changes statements on their way to the database. Space counts as one blank.
type edit struct {
	// old is a piece of the statements that are changed, and new what stands for it.
	old, new string
	// before is executed on the connection before each of them.
	before []string
}

// A rewriter sits between database/sql and the driver and edits statements. It notes
// which of its edits were used, and what the database could not read.
type rewriter struct {
	edits []edit

	mu     sync.Mutex
	known  map[string]rewritten
	used   []bool
	unread error
}

// A rewritten statement is what is executed instead of one.
type rewritten struct {
	query  string
	before []string
	edited bool
}

func newRewriter(edits []edit) *rewriter {
	return &rewriter{edits: edits, known: map[string]rewritten{}, used: make([]bool, len(edits))}
}

func (r *rewriter) rewrite(query string) rewritten {
	r.mu.Lock()
	defer r.mu.Unlock()
	if known, ok := r.known[query]; ok {
		return known
	}
	now := rewritten{query: strings.Join(strings.Fields(query), " ")}
	for i, e := range r.edits {
		if !strings.Contains(now.query, e.old) {
			continue
		}
		now.edited, r.used[i] = true, true
		now.before = append(now.before, e.before...)
		now.query = strings.ReplaceAll(now.query, e.old, e.new)
	}
	if !now.edited {
		now.query = query // its comments may need their ends of lines
	}
	r.known[query] = now
	return now
}

// note notes an error that says that an edited statement is none.
func (r *rewriter) note(query string, err error) {
	if !noStatement(err) {
		return
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	r.unread = fmt.Errorf("%s: %w", query, err)
}

// unfit says if there was nothing to edit, or if the edits made no statement.
func (r *rewriter) unfit() error {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.unread != nil {
		return fmt.Errorf("the edits make no statement: %w", r.unread)
	}
	for i, used := range r.used {
		if !used {
			return fmt.Errorf("no statement has %q", r.edits[i].old)
		}
	}
	return nil
}

// noStatement reports whether a database says that it could not read a statement.
func noStatement(err error) bool {
	var state interface{ SQLState() string }
	if errors.As(err, &state) {
		return strings.HasPrefix(state.SQLState(), "42") // syntax error or access rule violation
	}
	var code interface{ Code() int }
	return errors.As(err, &code) && code.Code() == 1 // SQLITE_ERROR
}

// rewritten opens the place through a rewriter.
func (p place) rewritten(tb testing.TB, r *rewriter) *sql.DB {
	tb.Helper()
	plain, err := sql.Open(p.Driver, p.DSN)
	require.NoError(tb, err)
	db := sql.OpenDB(rewritingConnector{connector{driver: plain.Driver(), dsn: p.DSN, tap: &tap{}}, r})
	db.SetMaxOpenConns(16)
	db.SetMaxIdleConns(16)
	tb.Cleanup(func() {
		require.NoError(tb, db.Close())
		require.NoError(tb, plain.Close())
	})
	return db
}

type rewritingConnector struct {
	connector
	rewriter *rewriter
}

func (c rewritingConnector) Connect(ctx context.Context) (driver.Conn, error) {
	conn, err := c.connector.Connect(ctx)
	if err != nil {
		return nil, err
	}
	return &rewritingConn{conn.(*tappedConn), c.rewriter}, nil
}

type rewritingConn struct {
	*tappedConn
	rewriter *rewriter
}

func (c *rewritingConn) ExecContext(ctx context.Context, query string, args []driver.NamedValue) (res driver.Result, err error) {
	err = c.rewriting(ctx, query, func(query string) error {
		res, err = c.tappedConn.ExecContext(ctx, query, args)
		return err
	})
	return res, err
}

func (c *rewritingConn) QueryContext(ctx context.Context, query string, args []driver.NamedValue) (rows driver.Rows, err error) {
	err = c.rewriting(ctx, query, func(query string) error {
		rows, err = c.tappedConn.QueryContext(ctx, query, args)
		return err
	})
	return rows, err
}

func (c *rewritingConn) rewriting(ctx context.Context, query string, do func(query string) error) error {
	now := c.rewriter.rewrite(query)
	for _, before := range now.before {
		if _, err := c.tappedConn.ExecContext(ctx, before, nil); err != nil {
			return err
		}
	}
	err := do(now.query)
	if now.edited {
		c.rewriter.note(now.query, err)
	}
	return err
}
