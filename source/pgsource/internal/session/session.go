// Package session asks one query of one dataset in one read-only transaction on
// one connection.
package session

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/jackc/pgx/v5/pgconn"
	"github.com/jackc/pgx/v5/pgtype"
	"github.com/jackc/pgx/v5/pgxpool"

	"github.com/exportyard/exportyard/source"
	"github.com/exportyard/exportyard/source/pgsource/internal/statement"
	"github.com/exportyard/exportyard/source/pgsource/internal/wire"
)

// begin starts the transaction of a read, and BeginSnapshot one that holds a
// snapshot while nothing is asked of it.
const (
	begin         = "begin isolation level repeatable read read only"
	BeginSnapshot = begin + "; set local idle_in_transaction_session_timeout to 0"
)

// settings make what values look like as texts, and the order of what has no
// key, the same in every session. They end with the transaction.
const settings = `;
set local client_encoding to 'UTF8';
set local timezone to 'UTC';
set local datestyle to 'ISO, YMD';
set local intervalstyle to 'postgres';
set local extra_float_digits to 1;
set local bytea_output to 'hex';
set local synchronize_seqscans to off;
set local idle_in_transaction_session_timeout to 0`

const (
	// endTimeout bounds the statement that gives a connection back.
	endTimeout = 5 * time.Second
	// maxRow is the largest row that is taken from the server, in bytes.
	maxRow = 2 * source.MaxCell
)

// A Session is one query's read-only transaction.
type Session struct {
	conn     *pgxpool.Conn
	pg       *pgconn.PgConn
	q        statement.Query
	schema   source.Schema // of its rows
	decoders []wire.Decoder
	vouched  []int // columns whose text the server has checked, as it does all that it takes in or converts
	table    int64 // the OID of a plain table without a key

	// Of a session by ranges: their statement, and as the server has it.
	ranged   *statement.Statement
	prepared *pgconn.StatementDescription
}

// Options of a session.
type Options struct {
	// Timeout is how long a statement may take: 0 is what the session has,
	// negative no limit.
	Timeout time.Duration
	// Snapshot to read; empty is one of the session's own.
	Snapshot string
}

// Begin starts a transaction.
func Begin(ctx context.Context, pool *pgxpool.Pool, t *statement.Table, q source.Query, opts Options) (_ *Session, err error) {
	s := &Session{q: statement.Query{Table: t, Query: q}}
	if s.conn, err = pool.Acquire(ctx); err != nil {
		return nil, s.Failed(ctx, "connect for", "", err)
	}
	s.pg = s.conn.Conn().PgConn()
	s.pg.Frontend().SetMaxBodyLen(maxRow)
	defer func() {
		if err != nil {
			s.End()
		}
	}()
	start := begin
	if opts.Snapshot != "" {
		start = ""
		if err := s.exec(ctx, join(opts.Snapshot)); err != nil {
			return nil, s.Failed(ctx, "join the snapshot for", "", gone(err))
		}
	}
	timeout := ""
	if opts.Timeout != 0 {
		timeout = "; set local statement_timeout to " + strconv.FormatInt(max(0, opts.Timeout.Milliseconds()), 10)
	}
	if err := s.exec(ctx, start+settings+timeout); err != nil {
		return nil, s.Failed(ctx, "begin to read", "", err)
	}
	return s, s.learn(ctx)
}

// join begins a transaction on a snapshot that another one has exported.
func join(snapshot string) string {
	return begin + "; set transaction snapshot '" + strings.ReplaceAll(snapshot, "'", "''") + "'"
}

// gone says of an error of join whether it is the snapshot that is not there.
func gone(err error) error {
	var pg *pgconn.PgError
	if errors.As(err, &pg) && slices.Contains([]string{"22023", "42704", "55000"}, pg.Code) {
		return fmt.Errorf("%s: %w", pg.Message, source.ErrSnapshotGone)
	}
	return err
}

// Check returns an error when a snapshot is not held any more.
func Check(ctx context.Context, pool *pgxpool.Pool, snapshot string) error {
	s := new(Session)
	var err error
	if s.conn, err = pool.Acquire(ctx); err != nil {
		return fmt.Errorf("pgsource: connect for a snapshot: %w", err)
	}
	s.pg = s.conn.Conn().PgConn()
	defer s.End()
	if err := s.exec(ctx, join(snapshot)); err != nil {
		if ctx.Err() != nil {
			return ctx.Err()
		}
		return fmt.Errorf("pgsource: join a snapshot: %w", gone(err))
	}
	return nil
}

// End gives the connection back to the pool, which drops one that is not clean.
func (s *Session) End() {
	if s.conn == nil {
		return
	}
	if !s.pg.IsClosed() && !s.pg.IsBusy() {
		ctx, cancel := context.WithTimeout(context.Background(), endTimeout)
		defer cancel()
		_ = s.exec(ctx, "rollback") // nothing was written
		s.pg.Frontend().SetMaxBodyLen(0)
	}
	s.conn.Release()
	s.conn = nil
}

// exec runs statements without results.
func (s *Session) exec(ctx context.Context, sql string) error {
	return s.pg.Exec(ctx, sql).Close()
}

// learn asks for the types of the columns that the query needs.
func (s *Session) learn(ctx context.Context) error {
	t := s.q.Table
	needs, err := t.Needs(s.q.Query)
	if err != nil {
		return err
	}
	fields, err := s.describe(ctx, t.Describe(s.q.Query, needs).SQL())
	if err != nil {
		return err
	}
	if len(fields) != len(needs) {
		return fmt.Errorf("pgsource: dataset %q: the server described %d columns of %d", t.Name, len(fields), len(needs))
	}
	s.q.Columns = make(map[int]statement.Column, len(needs))
	for j, i := range needs {
		oid := fields[j].DataTypeOID
		if s.q.Columns[i], err = t.Resolve(i, oid, s.typeName(oid)); err != nil {
			return err
		}
	}
	selected := s.q.Selected()
	s.schema, s.decoders = layout(selected)
	for i, c := range selected {
		if c.Vouched {
			s.vouched = append(s.vouched, i)
		}
	}
	if t.Plain != "" && len(t.Key) == 0 {
		return s.learnStored(ctx)
	}
	return nil
}

func (s *Session) describe(ctx context.Context, sql string) ([]pgconn.FieldDescription, error) {
	d, err := s.pg.Prepare(ctx, "", sql, nil)
	if err != nil {
		return nil, s.Failed(ctx, "describe", sql, err)
	}
	return d.Fields, nil
}

// typeName is what errors call a type.
func (s *Session) typeName(oid uint32) string {
	if t, ok := s.conn.Conn().TypeMap().TypeForOID(oid); ok {
		return t.Name
	}
	return "a type of its own"
}

// learnStored finds out whether rows lie in a table and can be read as they do.
func (s *Session) learnStored(ctx context.Context) error {
	st := new(statement.Statement)
	st.Write("select (relkind in ('r', 'p', 'm'))::int::bigint, oid::bigint from pg_catalog.pg_class where oid = ")
	st.Arg("regclass", s.q.Plain)
	found, err := s.counts(ctx, st, "stored", "oid")
	if err != nil {
		return err
	}
	s.q.Stored, s.table = found[0] == 1, found[1]
	if !s.q.Stored {
		return nil
	}
	// Several scans would mix the rows differently each time.
	if err := s.exec(ctx, "set local max_parallel_workers_per_gather to 0"); err != nil {
		return s.Failed(ctx, "begin to read", "", err)
	}
	return nil
}

var countDecoder = wire.For(source.Field{Kind: source.Int64}, pgtype.Int8OID)

// binary is the format of all results.
var binary = []int16{pgtype.BinaryFormatCode}

// query starts a statement. Its result is closed before the next one.
func (s *Session) query(ctx context.Context, st *statement.Statement) *pgconn.ResultReader {
	return s.pg.ExecParams(ctx, st.SQL(), st.Args(), nil, nil, binary)
}

// read returns all rows of a statement.
func (s *Session) read(ctx context.Context, st *statement.Statement, columns ...statement.Column) (*source.Batch, error) {
	schema, decoders := layout(columns)
	b := source.NewBatch(schema, 0, 0)
	result := s.query(ctx, st)
	var row []byte
	var bad error
	for result.NextRow() && bad == nil {
		var column int
		if row, column = wire.AppendRow(row[:0], result.Values()); column < 0 {
			column, bad = wire.DecodeRows(b, decoders, row, 1)
		} else {
			bad = errTooLong
		}
		if bad != nil {
			bad = DataError(s.q.Name, schema[column].Name, bad)
			continue
		}
		b.EndRow()
	}
	if _, err := result.Close(); err != nil && bad == nil {
		return nil, s.Failed(ctx, "query", st.SQL(), err)
	}
	return b, bad
}

func layout(columns []statement.Column) (source.Schema, []wire.Decoder) {
	schema, decoders := make(source.Schema, len(columns)), make([]wire.Decoder, len(columns))
	for i, c := range columns {
		schema[i], decoders[i] = c.Field, c.Decode
	}
	return schema, decoders
}

// counts runs a statement whose row is counts.
func (s *Session) counts(ctx context.Context, st *statement.Statement, names ...string) ([]int64, error) {
	columns := make([]statement.Column, len(names))
	for i, name := range names {
		columns[i] = statement.Column{Field: source.Field{Name: name, Kind: source.Int64}, Decode: countDecoder}
	}
	b, err := s.read(ctx, st, columns...)
	if err != nil {
		return nil, err
	}
	if b.Len() != 1 {
		return nil, fmt.Errorf("pgsource: count dataset %q: the server gave %d rows", s.q.Name, b.Len())
	}
	out := make([]int64, len(names))
	for i := range out {
		out[i] = b.Col(i).Int64s()[0]
	}
	return out, nil
}

// Count returns the number of rows of the query.
func (s *Session) Count(ctx context.Context) (int64, error) {
	st, err := s.q.Count(false)
	if err != nil {
		return 0, err
	}
	n, err := s.counts(ctx, st, "count")
	if err != nil {
		return 0, err
	}
	return n[0], nil
}

// Split returns the key of every so many-th row but the last.
func (s *Session) Split(ctx context.Context, every int64) ([]source.Key, error) {
	t := s.q.Table
	if len(t.Key) == 0 || every <= 0 {
		return nil, fmt.Errorf("pgsource: dataset %q has no key to split by: %w", t.Name, source.ErrUnsupported)
	}
	st, err := s.q.Count(true)
	if err != nil {
		return nil, err
	}
	counts, err := s.counts(ctx, st, append([]string{"count"}, t.Key...)...)
	if err != nil {
		return nil, err
	}
	for j, n := range counts[1:] {
		if n != counts[0] {
			return nil, &source.DataError{Dataset: t.Name, Column: t.Key[j], Rule: "a key column holds nulls"}
		}
	}
	if counts[0] <= every {
		return nil, nil
	}
	st, columns, err := s.q.Split(every, counts[0])
	if err != nil {
		return nil, err
	}
	b, err := s.read(ctx, st, columns...)
	if err != nil {
		return nil, err
	}
	keys := make([]source.Key, b.Len())
	for row := range keys {
		keys[row] = make(source.Key, len(t.Key))
		for j := range t.Key {
			keys[row][j] = string(source.AppendText(nil, b.Col(j), row))
		}
	}
	return keys, nil
}

// Span returns the least and the greatest time of the rows of the query.
func (s *Session) Span(ctx context.Context) (first, last time.Time, ok bool, err error) {
	t := s.q.Table
	if t.Time == "" {
		return first, last, false, fmt.Errorf("pgsource: dataset %q has no time column: %w", t.Name, source.ErrUnsupported)
	}
	st, columns, err := s.q.Span()
	if err != nil {
		return first, last, false, err
	}
	b, err := s.read(ctx, st, columns...)
	if err != nil || b.Len() != 1 || b.Col(0).Null(0) {
		return first, last, false, err
	}
	k := columns[0].Field.Kind
	return source.Instant(k, b.Col(0).Int64s()[0]), source.Instant(k, b.Col(1).Int64s()[0]), true, nil
}
