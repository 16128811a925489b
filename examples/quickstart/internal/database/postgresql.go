package database

import (
	"context"
	"fmt"
	"net/url"
	"regexp"
	"strings"

	"github.com/jackc/pgx/v5/pgxpool"

	"github.com/exportyard/exportyard/source/pgsource"
)

func (o Options) openPostgreSQL(ctx context.Context) (*Data, error) {
	const flag, prefix = "-pg", "pgsource: discover: "
	pool, err := pgxpool.New(ctx, o.PostgreSQL)
	if err != nil {
		return nil, o.refused(ctx, err, flag, prefix)
	}
	closePool := func() error { pool.Close(); return nil }
	src, err := o.discoverPostgreSQL(ctx, pool, flag, prefix)
	if err != nil {
		pool.Close()
		return nil, err
	}
	return &Data{Source: src, close: closePool}, nil
}

func (o Options) discoverPostgreSQL(ctx context.Context, pool *pgxpool.Pool, flag, prefix string) (*pgsource.Source, error) {
	datasets, err := pgsource.Discover(ctx, pool, &pgsource.DiscoverOptions{
		Tables: o.Tables, TenantColumn: o.TenantColumn, Unguarded: true, TimeColumn: o.TimeColumn,
	})
	if err != nil {
		return nil, o.refused(ctx, fmt.Errorf("%s", strings.ReplaceAll(err.Error(), "\n\t", " ")), flag, prefix)
	}
	found := newFound(o, len(datasets), flag+": the database has no tables")
	for i := range datasets {
		found.add(datasets[i].Tenant, datasets[i].Time)
		if datasets[i].Unguarded {
			datasets[i].Off = o.off()
		}
	}
	if err := found.err(); err != nil {
		return nil, err
	}
	return pgsource.New(pool, datasets, nil)
}

var password = regexp.MustCompile(`(?i)(password\s*=\s*)('(\\.|[^'])*'|[^\s&]+)`)

// Redacted is a connection string without its passwords, fit to be kept and shown.
func Redacted(connection string) string {
	if u, err := url.Parse(connection); err == nil && u.User != nil {
		connection = u.Redacted()
	}
	return password.ReplaceAllString(connection, "${1}xxxxx")
}
