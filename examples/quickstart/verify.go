package main

import (
	"context"
	"errors"
	"fmt"
	"os"

	"github.com/exportyard/exportyard/examples/quickstart/internal/screen"
	"github.com/exportyard/exportyard/export/manifest"
	"github.com/exportyard/exportyard/sink/filesink"
)

// verifyFolder proves every archive in a folder.
func verifyFolder(ctx context.Context, dir string, show *screen.Screen) (err error) {
	if info, err := os.Stat(dir); err != nil || !info.IsDir() {
		return &badFlags{[]string{fmt.Sprintf("-verify: %s is not a folder", dir)}}
	}
	disk, err := filesink.New(dir, nil)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, disk.Close()) }()
	keys, err := manifest.Find(ctx, disk, "")
	if err != nil {
		return err
	}
	if len(keys) == 0 {
		return fmt.Errorf("%s holds no archive: there is no manifest in it", dir)
	}
	var manifests []*manifest.Manifest
	for _, key := range keys {
		m, err := manifest.VerifyAt(ctx, disk, key, nil)
		if err != nil {
			return err
		}
		manifests = append(manifests, m)
	}
	return show.Report(dir, manifests)
}
