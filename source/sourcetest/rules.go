package sourcetest

import (
	"context"
	"fmt"
)

// rules lists the rules in the order in which a source comes to life: first
// the catalog, then rows, then how a reader behaves, then the rest.
func rules() []rule {
	return []rule{
		{"catalog_stable", "the catalog of a tenant is the same at every call, with unique names", "", catalogStable},
		{"catalog_valid", "every dataset is valid: fields, roles, and exactly one of Tenant and Unguarded", "", catalogValid},
		{"catalog_complete", "every table is a dataset with its columns, kinds, key and roles", "", catalogComplete},
		{"unknown_dataset", "a dataset that is not in the catalog is ErrUnknownDataset, whatever is asked of it", "", unknownDataset},

		{"rows_exact", "a query gives exactly its tenant's rows, in the order of the key, every digit kept", "", each(Table.wholeQueries)},
		{"rows_columns", "columns come in the order asked for, guard columns after them", "", rowsColumns},
		{"rows_stable", "the same query over the same data gives the same rows in the same order", "", rowsStable},
		{"tenant_text", "a tenant is matched by its whole text, and a text that is no tenant owns nothing", "", tenantText},
		{"time_range", "a time range is half-open, exact to the microsecond, and leaves null times out", "", each(Table.rangeQueries)},
		{"time_null", "NullTime gives exactly the rows whose time is null", "", each(Table.nullTimeQueries)},
		{"time_tiles", "periods that tile time, and the null times, give every row exactly once", "", timeTiles},
		{"filter_in", "a filter keeps exactly the rows whose column has one of its values, or null if it says so", "", filterIn},
		{"filter_refuse", "a filter that cannot be answered exactly is ErrUnsupported", "", filterRefuse},
		{"filter_many", "a filter may have a thousand values", "", filterMany},
		{"subject", "a subject gives exactly the rows about that person", "", each(Table.subjectQueries)},
		{"key_bounds", "key bounds keep After < key ≤ UpTo, in the order of the rows", "", each(Table.keyQueries)},
		{"mixed", "restrictions hold together", "", each(Table.mixedQueries)},
		{"refuse_role", "what a dataset has no column for is ErrUnsupported, never ignored", Keyless, refuseRole},

		{"read_end", "a read ends with io.EOF and an empty batch, and stays ended", "", readEnd},
		{"read_full", "a batch is filled until it is full, and no further", "", readFull},
		{"read_batches", "a reader fills the batch it is given now and keeps none that it was given before", "", readBatches},
		{"cancel_before", "nothing is read once ctx is canceled", "", cancelBefore},
		{"cancel_between", "a read whose ctx is canceled returns ctx's error, and then no more rows and no io.EOF", "", cancelBetween},
		{"close", "a reader can be closed early and twice, and gives back what it holds", "", closeEarly},
		{"concurrent", "a source may be read by many at once", "", concurrent},

		{"raw_rows", "raw rows, decoded, are the rows that Read gives, in their order", RawReader, rawRows},
		{"raw_end", "a raw read ends with io.EOF and an empty batch, and stays ended", RawReader, rawEnd},
		{"raw_full", "a raw batch is filled until it is full and no further, and the same rows are cut in the same places", RawReader, rawFull},
		{"raw_batches", "raw rows stay as they were cut, however late they are decoded, and cells do not share their bytes", RawReader, rawBatches},
		{"raw_concurrent", "Decode may run many times at once, also while ReadRaw goes on", RawReader, rawConcurrent},
		{"raw_cancel", "a raw read whose ctx is canceled returns ctx's error, and then no more rows and no io.EOF", RawReader, rawCancel},

		{"count", "Count is the number of rows that Open gives", Counter, count},
		{"split", "Split gives the last key of every range but the final one, and the ranges tile the rows", Splitter, split},
		{"split_keyless", "a dataset without a key is not split: ErrUnsupported", Splitter, splitKeyless},
		{"span", "Span is the least and the greatest time of the query's rows", Spanner, span},
		{"snapshot", "a snapshot can do what its source can, and gives the same rows here and under its name", Snapshotter, snapshot},
		{"snapshot_gone", "a snapshot that is closed is ErrSnapshotGone, under its name and to later reads", Snapshotter, snapshotGone},
		{"counted_reader", "a counted reader's count is the number of rows that it gives", CountedReader, countedReader},
	}
}

// each is the rule that every such query of every table gives what the model says.
func each(queries func(Table) []query) func(context.Context, *suite) error {
	return func(ctx context.Context, s *suite) error {
		for _, t := range s.tables {
			for _, q := range queries(t) {
				if err := s.expect(ctx, t, q); err != nil {
					return err
				}
			}
		}
		return nil
	}
}

// keyed returns the tables whose rows have an order.
func (s *suite) keyed() []Table {
	var out []Table
	for _, t := range s.tables {
		if len(t.Dataset.Key) > 0 {
			out = append(out, t)
		}
	}
	return out
}

// things returns the large table.
func (s *suite) things() Table { return s.tables[0] }

func in(t Table, what string, err error) error {
	if err == nil {
		return nil
	}
	return fmt.Errorf("dataset %q, %s: %w", t.Dataset.Name, what, err)
}
