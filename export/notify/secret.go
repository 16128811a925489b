package notify

import (
	"crypto/hmac"
	"crypto/rand"
	"crypto/sha256"
	"encoding/base64"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"strconv"
	"strings"
	"time"
)

const (
	secretPrefix = "whsec_"
	hidden       = secretPrefix + "…"
)

// A Secret signs webhooks. It does not show itself in logs or in JSON.
type Secret struct{ key []byte }

// NewSecret returns a new random secret.
func NewSecret() Secret {
	key := make([]byte, 32)
	// It never fails: without randomness the program ends.
	_, _ = rand.Read(key)
	return Secret{key}
}

// ParseSecret reads a secret as Standard Webhooks writes it: "whsec_" and the base64
// of 24 to 64 bytes.
func ParseSecret(text string) (Secret, error) {
	encoded, ok := strings.CutPrefix(text, secretPrefix)
	key, err := base64.StdEncoding.Strict().DecodeString(encoded)
	// The decoder passes over line breaks.
	if !ok || err != nil || strings.ContainsAny(encoded, "\r\n") || len(key) < 24 || len(key) > 64 {
		return Secret{}, errors.New(`notify: a secret is "whsec_" and the base64 of 24 to 64 bytes`)
	}
	return Secret{key}, nil
}

// Reveal returns the text that [ParseSecret] reads, to be stored and to be shown to the
// receiver.
func (s Secret) Reveal() string { return secretPrefix + base64.StdEncoding.EncodeToString(s.key) }

// sign returns the signature of a message's attempt.
func (s Secret) sign(id string, at time.Time, body []byte) string {
	mac := hmac.New(sha256.New, s.key)
	_, _ = io.WriteString(mac, id+"."+strconv.FormatInt(at.Unix(), 10)+".") // a hash never fails
	_, _ = mac.Write(body)
	return "v1," + base64.StdEncoding.EncodeToString(mac.Sum(nil))
}

// Format hides the secret from package fmt.
func (s Secret) Format(f fmt.State, _ rune) { _, _ = io.WriteString(f, hidden) }

// LogValue hides the secret from package log/slog.
func (s Secret) LogValue() slog.Value { return slog.StringValue(hidden) }

// MarshalText hides the secret from encodings: use [Secret.Reveal] to store it.
func (s Secret) MarshalText() ([]byte, error) { return []byte(hidden), nil }
