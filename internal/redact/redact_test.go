package redact_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"

	"github.com/exportyard/exportyard/internal/redact"
)

func TestR40_Text(t *testing.T) {
	t.Parallel()
	tests := []struct{ name, text, want string }{
		{"nothing", `open "acme/j1/runs.csv": permission denied`, `open "acme/j1/runs.csv": permission denied`},
		{"an address", `Put "https://store.example:9000/c/a": refused`, `Put "https://store.example:9000/c/a": refused`},
		{"a signed address", `Put "https://store.example/c/a?X-Amz-Signature=CANARY&x=1": refused`, `Put "https://store.example/c/a?…": refused`},
		{"a user in an address", `dial postgres://ann:CANARY@db/app: refused`, `dial postgres://db/app: refused`},
		{"user and query", `dial postgres://ann:CANARY@db/app?sslpassword=CANARY: refused`, `dial postgres://db/app?… refused`},
		{"a fragment", `get https://a.example/x#token=CANARY`, `get https://a.example/x?…`},
		{"a broken address", `dial postgres://ann:CANARY%zz@db/app now`, `dial postgres://… now`},
		{"key and value", `host=db user=ann password=CANARY dbname=app`, `host=db user=ann password=… dbname=app`},
		{"quoted", `{"secret_access_key": "CANARY x", "region":"eu"}`, `{"secret_access_key": …, "region":"eu"}`},
		{"quoted singly", `password='CANARY x' port=1`, `password=… port=1`},
		{"upper case", `AWS_SECRET_ACCESS_KEY=CANARY; AccessKeyId=CANARY`, `AWS_SECRET_ACCESS_KEY=…; AccessKeyId=…`},
		{"a signature", `query sig=CANARY&se=2026`, `query sig=…&se=2026`},
		{"a bearer", `Authorization: Bearer CANARYCANARY`, `Authorization: Bearer …`},
		{"a webhook's secret", `whsec_CANARYCANARYCANARY= is used`, `whsec_… is used`},
		{"a name in prose", `the token was refused`, `the token was refused`},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			require.Equal(t, tt.want, redact.Text(tt.text))
		})
	}
}

// Text is done when it was done once, and text without marks passes unchanged.
func TestText(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		s := rapid.StringMatching(`[a-z :/?&="@.]{0,60}(https://u:p@h/x\?a=b )?(password=x )?[a-z ]{0,9}`).Draw(t, "text")
		once := redact.Text(s)
		require.Equal(t, once, redact.Text(once))
		plain := rapid.StringMatching(`[a-z0-9 ,."]{0,60}`).Draw(t, "plain")
		require.Equal(t, plain, redact.Text(plain))
	})
}

type valuer struct{ error }

func (v valuer) LogValue() slog.Value {
	return slog.GroupValue(slog.String("said", v.Error()), slog.String("stack", "file.go:1"))
}

func TestR40_Error(t *testing.T) {
	t.Parallel()
	require.NoError(t, redact.Error(nil))
	cause := errors.New("password=CANARY")
	err := redact.Error(fmt.Errorf("read: %w", cause))
	require.EqualError(t, err, "read: password=…")
	require.ErrorIs(t, err, cause)
	require.Equal(t, "read: password=…", slog.AnyValue(err).Resolve().String())
	shown := slog.AnyValue(redact.Error(fmt.Errorf("read: %w", valuer{cause}))).Resolve()
	require.Equal(t, "[said=password=… stack=file.go:1]", shown.String())
}

func TestR40_Logger(t *testing.T) {
	t.Parallel()
	var out bytes.Buffer
	log := redact.Logger(slog.New(slog.NewTextHandler(&out, nil)))
	require.Same(t, log, redact.Logger(log), "once is enough")
	secret := fmt.Errorf("get: %w", errors.New("https://u:CANARY@h/x?sig=CANARY"))
	log.With("err", secret).WithGroup("g").WarnContext(context.Background(), "failed",
		"err", secret, "text", "password=CANARY", "valuer", valuer{secret}, slog.Group("inner", "err", secret), "n", 7)
	require.NotContains(t, out.String(), "CANARY")
	require.Contains(t, out.String(), `err="get: https://h/x?…" g.err="get: https://h/x?…" g.text="password=…" g.valuer.said="get: https://h/x?…" g.valuer.stack=file.go:1 g.inner.err="get: https://h/x?…" g.n=7`)
	out.Reset()
	log.Debug("not wanted")
	require.Empty(t, strings.TrimSpace(out.String()))
}
