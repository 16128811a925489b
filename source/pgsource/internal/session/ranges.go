package session

import (
	"context"
	"encoding/json"
	"fmt"
	"io"

	"github.com/jackc/pgx/v5/pgtype"

	"github.com/exportyard/exportyard/source"
	"github.com/exportyard/exportyard/source/pgsource/internal/statement"
	"github.com/exportyard/exportyard/source/pgsource/internal/wire"
)

// byRanges leaves the planner nothing but the scan of a range of blocks.
const byRanges = `set local enable_tidscan to on;
set local enable_seqscan to off;
set local enable_indexscan to off;
set local enable_indexonlyscan to off;
set local enable_bitmapscan to off`

var planDecoder = wire.For(source.Field{Kind: source.JSON}, pgtype.JSONOID)

// Blocks returns of how many blocks the table is whose ranges give the query's
// rows as its scan does; 0 when they do not: there is a key, the server knows no
// scans of ranges (they came with version 14), other sessions do not see the
// table, or the planner has a better way than to scan all of it.
func (s *Session) Blocks(ctx context.Context) (int64, error) {
	if !s.q.Stored {
		return 0, nil
	}
	// All rows of the snapshot lie in the blocks of now: whatever is cut off since
	// the snapshot holds none of them.
	st := new(statement.Statement)
	st.Write(`select case when c.relkind in ('r', 'm') and c.relpersistence <> 't' and a.amname = 'heap'
                 and current_setting('server_version_num')::int >= 140000
            then pg_catalog.pg_relation_size(c.oid) / current_setting('block_size')::bigint else 0 end
from pg_catalog.pg_class as c left join pg_catalog.pg_am as a on a.oid = c.relam where c.oid = `)
	st.Arg("oid", fmt.Sprint(s.table))
	found, err := s.counts(ctx, st, "blocks")
	if err != nil || found[0] == 0 {
		return 0, err
	}
	scans, err := s.scans(ctx)
	if err != nil || !scans {
		return 0, err
	}
	return found[0], nil
}

// scans asks the planner whether it would scan the whole table and nothing else.
func (s *Session) scans(ctx context.Context) (bool, error) {
	rows, err := s.q.Rows()
	if err != nil {
		return false, err
	}
	b, err := s.read(ctx, rows.Explain(), statement.Column{Field: source.Field{Name: "plan", Kind: source.JSON}, Decode: planDecoder})
	if err != nil {
		return false, err
	}
	var plans []struct {
		Plan struct {
			NodeType string            `json:"Node Type"`
			Plans    []json.RawMessage // below it
		}
	}
	if b.Len() != 1 || json.Unmarshal(b.Col(0).Bytes(0), &plans) != nil || len(plans) != 1 {
		return false, nil
	}
	return plans[0].Plan.NodeType == "Seq Scan" && len(plans[0].Plan.Plans) == 0, nil
}

// Share returns the name of the session's snapshot, which others may join until
// the session ends.
func (s *Session) Share(ctx context.Context) (string, error) {
	st := new(statement.Statement)
	st.Write("select pg_catalog.pg_export_snapshot()")
	b, err := s.read(ctx, st, statement.Column{Field: source.Field{Name: "snapshot", Kind: source.String}, Decode: wire.For(source.Field{Kind: source.String}, pgtype.TextOID)})
	if err != nil {
		return "", err
	}
	return string(b.Col(0).Bytes(0)), nil
}

// SameTable reports whether two sessions read the same table.
func (s *Session) SameTable(other *Session) bool { return s.table == other.table }

// ByRanges makes the session one that reads ranges alone: it prepares their statement
// once. It takes all locks that ranges need, so that none of them waits later behind
// somebody who waits for another session of the same read.
func (s *Session) ByRanges(ctx context.Context) (err error) {
	if err := s.exec(ctx, byRanges); err != nil {
		return s.Failed(ctx, "begin to read", "", err)
	}
	if s.ranged, err = s.q.Range(); err != nil {
		return err
	}
	if s.prepared, err = s.pg.Prepare(ctx, "", s.ranged.SQL(), nil); err != nil {
		return s.Failed(ctx, "prepare to read", s.ranged.SQL(), err)
	}
	if _, err := s.Range(ctx, 0, 0).Next(ctx, nil); err != io.EOF {
		return err
	}
	return nil
}

// Range starts to read the rows that lie in the table's blocks first ≤ block < end,
// in their order; a negative end is none. The session is one by ranges, and the rows
// are closed before it is used again.
func (s *Session) Range(ctx context.Context, first, end int64) *Rows {
	s.ranged.Within(first, end)
	return &Rows{ses: s, sql: s.ranged.SQL(), result: s.pg.ExecStatement(ctx, s.prepared, s.ranged.Args(), nil, binary)}
}
