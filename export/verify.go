package export

import (
	"context"

	"github.com/exportyard/exportyard/export/manifest"
	"github.com/exportyard/exportyard/sink"
)

// Verify proves the one archive whose manifest lies under prefix, which may be
// empty. It is [manifest.Verify], which needs no engine, with an [*Error] that has
// one problem for each bad file.
func Verify(ctx context.Context, s sink.Sink, prefix string, opts *manifest.VerifyOptions) (*manifest.Manifest, error) {
	m, err := manifest.Verify(ctx, s, prefix, opts)
	if err != nil {
		return m, failure("", err)
	}
	return m, nil
}
