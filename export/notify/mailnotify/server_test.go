package mailnotify_test

import (
	"bufio"
	"context"
	"crypto/tls"
	"crypto/x509"
	"fmt"
	"io"
	"net"
	"net/http/httptest"
	"strconv"
	"strings"
	"sync"
	"testing"

	"github.com/stretchr/testify/require"
	"github.com/wneessen/go-mail"
	"go.uber.org/goleak"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// A sent is a mail as the server took it.
type sent struct {
	from, to string
	data     string
	secure   bool
}

// A server is an SMTP server for tests. It offers STARTTLS if secure.
type server struct {
	net.Listener
	secure *tls.Config
	roots  *x509.CertPool
	// answer may replace the answer to a line; "" leaves it, "hang up" ends the
	// connection, and with "silence" nothing comes any more.
	answer func(line string) string
	// conns counts connections.
	mu    sync.Mutex
	conns int
	mails []sent
	open  []net.Conn
	all   sync.WaitGroup
}

func newServer(t testing.TB, secure bool, answer func(line string) string) *server {
	t.Helper()
	s, err := startServer(secure, answer)
	require.NoError(t, err)
	t.Cleanup(s.stop)
	return s
}

// startServer is for examples, which have no test. The caller stops the server.
func startServer(secure bool, answer func(line string) string) (*server, error) {
	var listen net.ListenConfig
	l, err := listen.Listen(context.Background(), "tcp", "127.0.0.1:0")
	if err != nil {
		return nil, err
	}
	s := &server{Listener: l, answer: answer}
	if secure {
		web := httptest.NewTLSServer(nil) // for its certificate
		web.Close()
		s.secure = &tls.Config{Certificates: web.TLS.Certificates}
		s.roots = x509.NewCertPool()
		s.roots.AddCert(web.Certificate())
	}
	s.all.Go(func() {
		for {
			conn, err := l.Accept()
			if err != nil {
				return
			}
			s.mu.Lock()
			s.conns++
			s.open = append(s.open, conn)
			s.mu.Unlock()
			s.all.Go(func() { s.serve(conn) })
		}
	})
	return s, nil
}

// stop also ends connections that clients have left without a word.
func (s *server) stop() {
	s.Close()
	s.mu.Lock()
	for _, conn := range s.open {
		conn.Close()
	}
	s.mu.Unlock()
	s.all.Wait()
}

func (s *server) serve(conn net.Conn) {
	defer func() { conn.Close() }()
	in := bufio.NewReader(conn)
	say := func(line string) { fmt.Fprintf(conn, "%s\r\n", line) }
	say("220 mail.example ready")
	var now sent
	for {
		line, err := in.ReadString('\n')
		if err != nil {
			return
		}
		line = strings.TrimRight(line, "\r\n")
		answer := ""
		if s.answer != nil {
			answer = s.answer(line)
		}
		verb := strings.ToUpper(strings.SplitN(line, " ", 2)[0])
		switch {
		case answer == "hang up":
			return
		case answer == "silence":
			_, _ = io.Copy(io.Discard, in)
			return
		case answer != "":
			say(answer)
		case verb == "EHLO" && s.secure != nil && !now.secure:
			say("250-mail.example\r\n250 STARTTLS")
		case verb == "EHLO":
			say("250 mail.example")
		case verb == "STARTTLS":
			say("220 go ahead")
			secured := tls.Server(conn, s.secure)
			conn, in, now.secure = secured, bufio.NewReader(secured), true
		case verb == "MAIL":
			now.from = line
			say("250 ok")
		case verb == "RCPT":
			now.to += line
			say("250 ok")
		case verb == "DATA":
			say("354 go on")
			data, err := readData(in)
			if err != nil {
				return
			}
			now.data = data
			say(s.take(now))
			now = sent{secure: now.secure}
		case verb == "QUIT":
			say("221 bye")
			return
		default: // RSET, NOOP
			if verb == "RSET" {
				now = sent{secure: now.secure}
			}
			say("250 ok")
		}
	}
}

// readData reads a mail up to the line with a full stop.
func readData(in *bufio.Reader) (string, error) {
	var b strings.Builder
	for {
		line, err := in.ReadString('\n')
		if err != nil {
			return "", err
		}
		if line == ".\r\n" {
			return b.String(), nil
		}
		b.WriteString(strings.TrimPrefix(line, "."))
	}
}

// take answers to the end of a mail.
func (s *server) take(m sent) string {
	if s.answer != nil {
		if answer := s.answer("."); answer != "" {
			return answer
		}
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	s.mails = append(s.mails, m)
	return "250 taken"
}

func (s *server) got() []sent {
	s.mu.Lock()
	defer s.mu.Unlock()
	return append([]sent(nil), s.mails...)
}

// client returns a client of the server.
func (s *server) client(t testing.TB, opts ...mail.Option) *mail.Client {
	t.Helper()
	client, err := s.newClient(opts...)
	require.NoError(t, err)
	return client
}

func (s *server) newClient(opts ...mail.Option) (*mail.Client, error) {
	host, port, err := net.SplitHostPort(s.Addr().String())
	if err != nil {
		return nil, err
	}
	number, err := strconv.Atoi(port)
	if err != nil {
		return nil, err
	}
	all := []mail.Option{mail.WithPort(number), mail.WithHELO("host.example"), mail.WithTLSPolicy(mail.NoTLS)}
	if s.secure != nil {
		all = append(all, mail.WithTLSPolicy(mail.TLSMandatory),
			mail.WithTLSConfig(&tls.Config{ServerName: "example.com", RootCAs: s.roots, MinVersion: tls.VersionTLS12}))
	}
	return mail.NewClient(host, append(all, opts...)...)
}
