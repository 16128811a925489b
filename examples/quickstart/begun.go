package main

import (
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"

	"github.com/exportyard/exportyard/examples/quickstart/internal/database"
)

// A begun is the note, beside the jobs, of the flags whose exports have not
// ended yet. An engine works on every job in its store: with other flags it
// would read what an unfinished export lacks from another database.
type begun struct {
	path string
	key  string
	// fresh says that no run before has begun the same.
	fresh bool
	// active says that a job may be active.
	active bool
}

// A note is what the file holds.
type note struct {
	Key   string
	Flags []string
}

// begin takes the note of these flags, and refuses while another's is there.
// The caller holds the lock.
func (o *options) begin() (*begun, error) {
	key, err := o.key()
	if err != nil {
		return nil, err
	}
	b := &begun{path: o.state + ".begun", key: key, fresh: true}
	data, err := os.ReadFile(b.path)
	switch {
	case errors.Is(err, os.ErrNotExist):
		return b, b.write(note{key, o.args})
	case err != nil:
		return nil, err
	}
	var found note
	if err := json.Unmarshal(data, &found); err != nil {
		return nil, fmt.Errorf("%s cannot be read: use another -state", b.path)
	}
	if found.Key != key {
		return nil, fmt.Errorf("-state %s has an unfinished export: end it by running again with %s; or use another -state", o.state, strings.Join(found.Flags, " "))
	}
	b.fresh, b.active = false, true
	return b, nil
}

// key tells exports apart by all that they depend on: the source, the request
// and where the files go.
func (o *options) key() (string, error) {
	db, err := filepath.Abs(o.db)
	if err != nil {
		return "", err
	}
	if o.pg != "" {
		db = database.Redacted(o.pg)
	}
	body, err := json.Marshal([]any{db, o.tenantColumn, o.timeColumn, o.out, o.requests()})
	if err != nil {
		return "", err
	}
	sum := sha256.Sum256(body)
	return hex.EncodeToString(sum[:]), nil
}

// write makes the file appear whole or not at all.
func (b *begun) write(n note) error {
	data, err := json.Marshal(n)
	if err != nil {
		return err
	}
	if err := os.WriteFile(b.path+".new", data, 0o600); err != nil {
		return err
	}
	return os.Rename(b.path+".new", b.path)
}

// end removes the note once no job of it is active.
func (b *begun) end() error {
	if b.active {
		return nil
	}
	return os.Remove(b.path)
}
