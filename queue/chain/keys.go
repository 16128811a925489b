package chain

import (
	"errors"
	"fmt"
	"io"
	"log/slog"
	"slices"
)

// MinSecret is how many bytes a secret has at least.
const MinSecret = 32

// A Key makes and proves links. It does not show its secret in logs or in JSON.
type Key struct {
	// ID names the key in every link that it made: 1 to 64 bytes, and never used again
	// for another secret.
	ID string
	// Secret is random, of [MinSecret] bytes or more.
	Secret []byte
}

// Keys are those of a store: one that makes links, and older ones whose links are still
// to be proved. They do not show themselves.
type Keys struct {
	list []Key // the newest first
}

// NewKeys returns keys of which the first makes the next links.
func NewKeys(newest Key, older ...Key) (*Keys, error) {
	k := &Keys{}
	for _, key := range append([]Key{newest}, older...) {
		switch _, twice := k.find(key.ID); {
		case key.ID == "", len(key.ID) > 64:
			return nil, errors.New("chain: the id of a key has 1 to 64 bytes")
		case twice:
			return nil, fmt.Errorf("chain: two keys have the id %q", key.ID)
		case len(key.Secret) < MinSecret:
			return nil, fmt.Errorf("chain: the secret of key %q has less than %d bytes", key.ID, MinSecret)
		}
		k.list = append(k.list, Key{ID: key.ID, Secret: slices.Clone(key.Secret)})
	}
	return k, nil
}

func (k *Keys) find(id string) (Key, bool) {
	i := slices.IndexFunc(k.list, func(key Key) bool { return key.ID == id })
	if i < 0 {
		return Key{}, false
	}
	return k.list[i], true
}

// Format hides the secret from package fmt.
func (k Key) Format(f fmt.State, _ rune) { _, _ = io.WriteString(f, k.hidden()) }

// LogValue hides the secret from package log/slog.
func (k Key) LogValue() slog.Value { return slog.StringValue(k.hidden()) }

// MarshalText hides the secret from encodings.
func (k Key) MarshalText() ([]byte, error) { return []byte(k.hidden()), nil }

func (k Key) hidden() string { return "key " + k.ID }

// Format hides the secrets from package fmt.
func (k Keys) Format(f fmt.State, _ rune) { _, _ = io.WriteString(f, k.hidden()) }

// LogValue hides the secrets from package log/slog.
func (k Keys) LogValue() slog.Value { return slog.StringValue(k.hidden()) }

func (k Keys) hidden() string { return fmt.Sprintf("%d keys", len(k.list)) }
