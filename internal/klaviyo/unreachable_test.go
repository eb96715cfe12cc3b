package klaviyo_test

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"io"
	"log/slog"
	"net"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/klaviyo-community/terraform-provider-klaviyo/internal/klaviyo"
)

// quiet starts a server with TLS that does not log failed handshakes.
func quiet(t *testing.T, certificate func(*httptest.Server)) *httptest.Server {
	t.Helper()
	s := httptest.NewUnstartedServer(http.HandlerFunc(document))
	s.Config.ErrorLog = slog.NewLogLogger(slog.DiscardHandler, slog.LevelError)
	if certificate != nil {
		certificate(s)
	}
	s.StartTLS()
	t.Cleanup(s.Close)
	return s
}

// proxyServer is a proxy that answers CONNECT with a status.
func proxyServer(t *testing.T, status int) *url.URL {
	t.Helper()
	s := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.Method != http.MethodConnect {
			t.Errorf("the proxy got a %s", r.Method)
		}
		w.WriteHeader(status)
	}))
	t.Cleanup(s.Close)
	u, err := url.Parse(s.URL)
	if err != nil {
		t.Fatal(err)
	}
	u.User = url.UserPassword("me", "hidden")
	return u
}

// What configuration has to mend fails at once, with what there is to mend.
func TestPermanentFailuresToConnectAreNotRepeated(t *testing.T) {
	t.Parallel()
	plain := httptest.NewServer(http.HandlerFunc(document))
	t.Cleanup(plain.Close)
	trusted := quiet(t, nil)
	unknown := func(c *klaviyo.Client) {
		c.SetDial(func(_ context.Context, _, address string) (net.Conn, error) {
			host, _, _ := net.SplitHostPort(address)
			return nil, &net.OpError{Op: "dial", Net: "tcp", Err: &net.DNSError{Err: "no such host", Name: host, IsNotFound: true}}
		})
	}
	trust := func(roots func(*tls.Config)) func(*klaviyo.Client) {
		return func(c *klaviyo.Client) {
			config := &tls.Config{RootCAs: x509.NewCertPool()}
			config.RootCAs.AddCert(trusted.Certificate())
			roots(config)
			c.SetTLS(config)
		}
	}
	through := func(proxy *url.URL) func(*klaviyo.Client) {
		return func(c *klaviyo.Client) { c.SetProxy(proxy) }
	}
	wants, refuses := proxyServer(t, 407), proxyServer(t, 403)
	ftp := &url.URL{Scheme: "ftp", Host: "proxy.example:3128", User: url.UserPassword("me", "hidden")}
	for name, tc := range map[string]struct {
		base    string
		prepare func(*klaviyo.Client)
		summary string
		says    []string
	}{
		"unknown authority": {trusted.URL, nil, "Certificate Not Accepted", []string{"unknown authority", "SSL_CERT_FILE", "SSL_CERT_DIR", "went to " + trusted.URL + ": check base_url"}},
		"another name": {
			trusted.URL, trust(func(c *tls.Config) { c.ServerName = "a.klaviyo.example" }),
			"Certificate Not Accepted",
			[]string{"a.klaviyo.example", "for another name"},
		},
		"expired": {
			trusted.URL, trust(func(c *tls.Config) { c.Time = func() time.Time { return time.Now().AddDate(200, 0, 0) } }),
			"Certificate Not Accepted",
			[]string{"expired", "the clock of this machine"},
		},
		"http on the port":        {strings.Replace(plain.URL, "http:", "https:", 1), nil, "Server Does Not Speak TLS", []string{"HTTP response to HTTPS client", "scheme and the port", "KLAVIYO_BASE_URL"}},
		"no TLS on the port":      {"https://" + greeter(t), nil, "Server Does Not Speak TLS", []string{"does not look like a TLS handshake"}},
		"unknown host":            {"https://name.invalid", unknown, "Host Not Found", []string{"name.invalid", "DNS", "HTTPS_PROXY", "went to https://name.invalid: check base_url"}},
		"unknown host of Klaviyo": {"", unknown, "Host Not Found", []string{"a.klaviyo.com", "DNS"}},
		"unknown proxy": {
			"", func(c *klaviyo.Client) { unknown(c); c.SetProxy(&url.URL{Scheme: "http", Host: "proxy.invalid:3128"}) },
			"Host Not Found",
			[]string{"lookup proxy.invalid", "went through the proxy proxy.invalid:3128"},
		},
		"proxy wants credentials": {"", through(wants), "Proxy Wants Credentials", []string{"The proxy " + wants.Host + " does not connect to a.klaviyo.com", "407 Proxy Authentication Required", "HTTPS_PROXY", "add a.klaviyo.com to NO_PROXY"}},
		"proxy refuses":           {"", through(refuses), "Proxy Does Not Connect", []string{refuses.Host, "403 Forbidden", "allow a.klaviyo.com"}},
		"proxy of another kind":   {"", through(ftp), "Proxy Not Supported", []string{`"ftp"`, "HTTPS_PROXY"}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			var note api
			c := client(t, tc.base, klaviyo.Options{}, &note)
			c.SetProxy(nil)
			if tc.prepare != nil {
				tc.prepare(c)
			}
			_, err := c.ImportProfiles(t.Context(), "x", []byte("{}"))
			if klaviyo.MayHaveArrived(err) || len(note.waited()) != 0 || strings.Contains(err.Error(), "gave up") {
				t.Errorf("%d waits, may have arrived %v: %v", len(note.waited()), klaviyo.MayHaveArrived(err), err)
			}
			summary, detail := klaviyo.Explain(err)
			if summary != tc.summary {
				t.Errorf("%s: %s", summary, detail)
			}
			for _, part := range tc.says {
				if !strings.Contains(detail, part) {
					t.Errorf("%q does not say %q", detail, part)
				}
			}
			if tc.base == "" && strings.Contains(detail, "base_url") || strings.Contains(detail, "hidden") || strings.Contains(detail, "%!") {
				t.Errorf("detail %q", detail)
			}
		})
	}
}

// greeter listens and speaks first, as mail servers do.
func greeter(t *testing.T) (address string) {
	t.Helper()
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = listener.Close() })
	go func() {
		for {
			conn, err := listener.Accept()
			if err != nil {
				return
			}
			_, _ = io.WriteString(conn, "220 mail.example ESMTP\r\n")
			_, _ = io.Copy(io.Discard, conn)
			_ = conn.Close()
		}
	}()
	return listener.Addr().String()
}

// What passes is repeated, also for what must not be sent twice: nothing of it
// has left for Klaviyo.
func TestPassingFailuresToConnectAreRepeated(t *testing.T) {
	t.Parallel()
	dns := &net.OpError{Op: "dial", Net: "tcp", Err: &net.DNSError{Err: "server misbehaving", Name: "a.klaviyo.com", IsTemporary: true}}
	for name, prepare := range map[string]func(*klaviyo.Client){
		"a proxy with a failure": func(c *klaviyo.Client) { c.SetProxy(proxyServer(t, 503)) },
		"a proxy that is down":   func(c *klaviyo.Client) { c.SetProxy(&url.URL{Scheme: "http", Host: "127.0.0.1:1"}) },
		"a resolver with a failure": func(c *klaviyo.Client) {
			c.SetProxy(nil)
			c.SetDial(func(context.Context, string, string) (net.Conn, error) { return nil, dns })
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			var note api
			c := client(t, "", klaviyo.Options{}, &note)
			prepare(c)
			_, err := c.CreateList(t.Context(), klaviyo.List{Name: "VIP"})
			if len(note.waited()) < 3 || note.total() > 20*time.Second || klaviyo.MayHaveArrived(err) || !strings.Contains(err.Error(), "gave up") {
				t.Errorf("%d waits, %v in all: %v", len(note.waited()), note.total(), err)
			}
			summary, detail := klaviyo.Explain(err)
			if proxied := strings.Contains(name, "proxy"); proxied != (summary == "Proxy Does Not Connect" || strings.Contains(detail, "went through the proxy 127.0.0.1:1:")) {
				t.Errorf("%s: %s", summary, detail)
			}
		})
	}
}

// A name that was known before is not wrong: the resolver fails.
func TestHostsThatAnsweredBeforeAreNotUnknown(t *testing.T) {
	t.Parallel()
	a := serve(t, klaviyo.Options{}, answer(200, listBody))
	if _, err := a.List(t.Context(), "x"); err != nil {
		t.Fatal(err)
	}
	a.Close()
	fails := true
	a.SetDial(func(ctx context.Context, network, address string) (net.Conn, error) {
		if fails {
			fails = false
			return nil, &net.OpError{Op: "dial", Err: &net.DNSError{Err: "no such host", Name: "a.klaviyo.com", IsNotFound: true}}
		}
		return new(net.Dialer).DialContext(ctx, network, address)
	})
	if _, err := a.List(t.Context(), "x"); err != nil || fails || len(a.waited()) != 1 {
		t.Errorf("%d waits: %v", len(a.waited()), err)
	}
}
