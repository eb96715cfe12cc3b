package sql_test

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/klaviyo-community/terraform-provider-klaviyo/internal/segment/sql"
)

// tlsCase is a URL with its expected outcome.
type tlsCase struct {
	parameters string
	offered    bool     // the server offers TLS
	logins     []bool   // that the server sees: within TLS or not
	words      []string // of the error, if no login is seen
}

func checkTLS(t *testing.T, cases map[string]tlsCase, login func(t *testing.T, c tlsCase) (logins []bool, err error)) {
	t.Helper()
	for name, c := range cases {
		t.Run(name, func(t *testing.T) {
			logins, err := login(t, c)
			if len(c.logins) == 0 {
				wantError(t, err, "url", c.words...)
			}
			if len(logins) != len(c.logins) || len(logins) > 0 && logins[0] != c.logins[0] {
				t.Errorf("logins within TLS: %v, want %v; %v", logins, c.logins, err)
			}
		})
	}
}

// TLS is the default for a server on another machine.
func TestSQL_mysqlTLS(t *testing.T) { //nolint:tparallel // checkTLS also serves tests that set the environment
	t.Parallel()
	host := otherAddress(t)
	config, ca := certified(t, host)
	_, other := certified(t, host)
	empty := filepath.Join(t.TempDir(), "empty.pem")
	if err := os.WriteFile(empty, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	secret, plain := []bool{true}, []bool{false}
	required := []string{"required for a server on another machine", "tls=false", "ssl-ca="}
	checkTLS(t, map[string]tlsCase{
		"default, none offered":        {"", false, nil, append(required, "does not offer TLS")},
		"default, unknown CA":          {"", true, nil, append(required, "not signed by an authority")},
		"CA":                           {"ssl-ca=" + ca, true, secret, nil},
		"CA, none offered":             {"ssl-ca=" + ca, false, nil, []string{"does not offer TLS", "Check the TLS parameters"}},
		"CA and mode":                  {"ssl-mode=VERIFY_CA&ssl_ca=" + ca, true, secret, nil},
		"CA that is none":              {"ssl-ca=" + empty, true, nil, []string{"ssl-ca", "holds no certificate"}},
		"verified":                     {"tls=true", true, nil, []string{"not signed by an authority", "Check the TLS parameters"}},
		"not verified":                 {"tls=skip-verify", true, secret, nil},
		"not verified, another CA":     {"tls=skip-verify&ssl-ca=" + other, true, secret, nil},
		"another CA":                   {"ssl-ca=" + other, true, nil, []string{"not signed by an authority"}},
		"off, CA":                      {"tls=false&ssl-ca=" + ca, true, plain, nil},
		"mode REQUIRED":                {"ssl-mode=REQUIRED", true, secret, nil},
		"off":                          {"tls=false", true, plain, nil},
		"off by mode":                  {"ssl-mode=DISABLED", true, plain, nil},
		"preferred":                    {"tls=preferred", true, secret, nil},
		"preferred, none offered":      {"tls=preferred", false, plain, nil},
		"mode PREFERRED, none offered": {"ssl-mode=preferred", false, plain, nil},
	}, func(t *testing.T, c tlsCase) ([]bool, error) {
		fake := &fakeDatabase{}
		if c.offered {
			fake.tls = config
		}
		fakeServe(t, host, fake, serveMySQL)
		_, err := sql.Source{URL: "mysql://u:Hu5h@" + fake.address + "/db?" + c.parameters, Query: "SELECT 1 AS a"}.Open(t.Context(), []string{"a"})
		_, logins := fake.seen()
		return logins, err
	})
}

func TestSQL_postgresTLS(t *testing.T) {
	host := otherAddress(t)
	config, ca := certified(t, host)
	_, other := certified(t, host)
	t.Setenv("HOME", t.TempDir()) // has no certificates
	services := filepath.Join(t.TempDir(), "services")
	if err := os.WriteFile(services, []byte("[open]\nsslmode=disable\n[allowed]\nsslmode=allow\n[verified]\nsslmode=verify-full\nsslrootcert="+other+"\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	t.Setenv("PGSERVICEFILE", services)
	secret, plain := []bool{true}, []bool{false}
	required := []string{"does not offer TLS", "required for a server on another machine", "sslmode=disable"}
	login := func(t *testing.T, c tlsCase) ([]bool, error) {
		fake := &fakeDatabase{}
		if c.offered {
			fake.tls = config
		}
		fakeServe(t, host, fake, servePostgres)
		url := "postgres://u:Hu5h@" + strings.ReplaceAll("HOST/db?", "HOST", fake.address) + c.parameters
		_, err := sql.Source{URL: strings.TrimSuffix(url, "?"), Query: "SELECT 1 AS a"}.Open(t.Context(), []string{"a"})
		_, logins := fake.seen()
		return logins, err
	}
	cases := map[string]tlsCase{
		"default, none offered":        {"", false, nil, required},
		"other parameters":             {"application_name=x", false, nil, required},
		"empty":                        {"sslmode=", false, nil, required},
		"default":                      {"", true, secret, nil},
		"CA":                           {"sslrootcert=" + ca, true, secret, nil},
		"another CA":                   {"sslrootcert=" + other, true, nil, []string{"not signed by an authority"}},
		"off":                          {"sslmode=disable", true, plain, nil},
		"preferred, none offered":      {"sslmode=prefer", false, plain, nil},
		"allowed":                      {"sslmode=allow", true, plain, nil},
		"verified":                     {"sslmode=verify-full&sslrootcert=" + ca, true, secret, nil},
		"service off":                  {"service=open", true, plain, nil},
		"service allowed":              {"service=allowed", true, plain, nil},
		"service verified, another CA": {"service=verified", true, nil, []string{"not signed by an authority"}},
	}
	checkTLS(t, cases, login)
	for mode, c := range map[string]tlsCase{
		"disable": {"", true, plain, nil},
		"prefer":  {"", false, plain, nil},
		"require": {"", false, nil, []string{"does not offer TLS", "Check the TLS parameters"}},
	} {
		t.Setenv("PGSSLMODE", mode)
		checkTLS(t, map[string]tlsCase{"PGSSLMODE " + mode: c}, login)
	}
}

// That applies to each of several hosts.
func TestSQL_postgresHostsTLS(t *testing.T) {
	t.Setenv("HOME", t.TempDir())
	host := otherAddress(t)
	for _, order := range []string{"HERE,THERE", "THERE,HERE"} {
		there := fakeServe(t, host, &fakeDatabase{}, servePostgres)
		here := fakeServe(t, "127.0.0.1", &fakeDatabase{}, servePostgres)
		url := "postgres://u:Hu5h@" + strings.NewReplacer("HERE", here.address, "THERE", there.address).Replace(order) + "/db"
		_, err := sql.Source{URL: url, Query: "SELECT 1 AS a"}.Open(t.Context(), []string{"a"})
		wantError(t, err, "url", "does not offer TLS")
		if _, logins := there.seen(); len(logins) > 0 {
			t.Errorf("%s: login in the clear on another machine", order)
		}
	}
}

// It does not apply to this machine.
func TestSQL_loopbackTLS(t *testing.T) {
	t.Parallel()
	mysql := fakeServe(t, "127.0.0.1", &fakeDatabase{}, serveMySQL)
	postgres := fakeServe(t, "127.0.0.1", &fakeDatabase{}, servePostgres)
	for url, fake := range map[string]*fakeDatabase{"mysql://u@" + mysql.address + "/db": mysql, "postgres://u@" + postgres.address + "/db": postgres} {
		_, _ = sql.Source{URL: url, Query: "SELECT 1 AS a"}.Open(t.Context(), []string{"a"})
		if _, logins := fake.seen(); len(logins) != 1 || logins[0] {
			t.Errorf("%s: logins within TLS: %v, want one without", url, logins)
		}
	}
}
