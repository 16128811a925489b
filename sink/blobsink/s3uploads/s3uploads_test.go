package s3uploads_test

import (
	"fmt"
	"net/http"
	"net/http/httptest"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/credentials"
	"github.com/aws/aws-sdk-go-v2/service/s3"
	"github.com/stretchr/testify/require"

	"github.com/exportyard/exportyard/sink/blobsink"
	"github.com/exportyard/exportyard/sink/blobsink/s3uploads"
)

// store answers requests for the bucket exports, and says how often it was asked.
func store(t *testing.T, answer http.HandlerFunc) *s3.Client {
	t.Helper()
	server := httptest.NewServer(answer)
	t.Cleanup(server.Close)
	return s3.New(s3.Options{
		BaseEndpoint:     aws.String(server.URL),
		Credentials:      credentials.NewStaticCredentialsProvider("key", "secret", ""),
		HTTPClient:       server.Client(),
		Region:           "eu-central-1",
		UsePathStyle:     true,
		RetryMaxAttempts: 1,
	})
}

func newUploads(t *testing.T, client *s3.Client, opts *s3uploads.Options) *s3uploads.Uploads {
	t.Helper()
	u, err := s3uploads.New(client, "exports", opts)
	require.NoError(t, err)
	return u
}

// page is one of a listing: an upload of a key, and where the next page begins.
func page(key, next string) string {
	more := ""
	if next != "" {
		more = fmt.Sprintf("<IsTruncated>true</IsTruncated><NextKeyMarker>%s</NextKeyMarker><NextUploadIdMarker>id</NextUploadIdMarker>", next)
	}
	return fmt.Sprintf(`<ListMultipartUploadsResult>%s<Upload><Key>%s</Key><UploadId>id</UploadId>`+
		`<Initiated>2026-10-01T12:00:00Z</Initiated></Upload></ListMultipartUploadsResult>`, more, key)
}

func problem(w http.ResponseWriter, status int, code string) {
	w.WriteHeader(status)
	fmt.Fprintf(w, "<Error><Code>%s</Code></Error>", code)
}

// list collects what is listed before the end or an error.
func list(t *testing.T, u *s3uploads.Uploads, prefix string) (found []blobsink.Upload, err error) {
	t.Helper()
	for up, err := range u.List(t.Context(), prefix) {
		if err != nil {
			return found, err
		}
		found = append(found, up)
	}
	return found, nil
}

func TestR25_ListTurnsPages(t *testing.T) {
	t.Parallel()
	client := store(t, func(w http.ResponseWriter, r *http.Request) {
		q := r.URL.Query()
		switch {
		case q.Get("prefix") != "team/a/":
			problem(w, http.StatusBadRequest, "WrongPrefix")
		case q.Get("key-marker") == "":
			fmt.Fprint(w, page("team/a/1", "team/a/1"))
		case q.Get("key-marker") == "team/a/1" && q.Get("upload-id-marker") == "id":
			fmt.Fprint(w, page("team/a/2", ""))
		default:
			problem(w, http.StatusBadRequest, "WrongMarker")
		}
	})
	started := time.Date(2026, 10, 1, 12, 0, 0, 0, time.UTC)
	u := newUploads(t, client, &s3uploads.Options{Prefix: "team/"})
	found, err := list(t, u, "a/")
	require.NoError(t, err)
	require.Equal(t, []blobsink.Upload{{Key: "a/1", ID: "id", Started: started}, {Key: "a/2", ID: "id", Started: started}}, found)
	for up, err := range u.List(t.Context(), "a/") {
		require.NoError(t, err)
		require.Equal(t, "a/1", up.Key)
		break // and no second page is asked for
	}
}

func TestR25_ListEnds(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct {
		name   string
		answer http.HandlerFunc
		found  int
		want   string // in the error; empty for none
	}{
		{"nothing was ever uploaded", func(w http.ResponseWriter, _ *http.Request) { problem(w, http.StatusNotFound, "NoSuchUpload") }, 0, ""},
		{"refused", func(w http.ResponseWriter, _ *http.Request) { problem(w, http.StatusForbidden, "AccessDenied") }, 0, "AccessDenied"},
		{"pages in a circle", func(w http.ResponseWriter, _ *http.Request) { fmt.Fprint(w, page("a", "a")) }, 2, "not from where on"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			found, err := list(t, newUploads(t, store(t, tt.answer), nil), "")
			require.Len(t, found, tt.found)
			if tt.want == "" {
				require.NoError(t, err)
				return
			}
			require.ErrorContains(t, err, "s3uploads: list: ")
			require.ErrorContains(t, err, tt.want)
		})
	}
}

func TestR25_Abandon(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct {
		name   string
		status int
		code   string
		want   string // in the error; empty for none
	}{
		{"there", http.StatusNoContent, "", ""},
		{"gone already", http.StatusNotFound, "NoSuchUpload", ""},
		{"refused", http.StatusForbidden, "AccessDenied", `s3uploads: abandon an upload of "a/1"`},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			client := store(t, func(w http.ResponseWriter, r *http.Request) {
				if r.Method != http.MethodDelete || r.URL.Path != "/exports/team/a/1" || r.URL.Query().Get("uploadId") != "id" {
					problem(w, http.StatusBadRequest, "WrongRequest")
					return
				}
				if tt.code == "" {
					w.WriteHeader(tt.status)
					return
				}
				problem(w, tt.status, tt.code)
			})
			err := newUploads(t, client, &s3uploads.Options{Prefix: "team/"}).Abandon(t.Context(), blobsink.Upload{Key: "a/1", ID: "id"})
			if tt.want == "" {
				require.NoError(t, err)
				return
			}
			require.ErrorContains(t, err, tt.want)
		})
	}
}

func TestNewRefuses(t *testing.T) {
	t.Parallel()
	_, err := s3uploads.New(nil, "exports", nil)
	require.ErrorContains(t, err, "s3uploads: ")
	_, err = s3uploads.New(s3.New(s3.Options{}), "", nil)
	require.ErrorContains(t, err, "s3uploads: ")
}
