package sql

import (
	"strings"
	"testing"
)

// trinoEnvironment sets the variables that Trino's URL may leave to the environment.
func trinoEnvironment(t *testing.T, variables map[string]string) {
	t.Helper()
	for _, name := range []string{"TRINO_USER", "TRINO_PASSWORD", "TRINO_ACCESS_TOKEN"} {
		t.Setenv(name, variables[name])
	}
}

func TestParseTrino(t *testing.T) { //nolint:paralleltest // it sets the environment
	trinoEnvironment(t, nil)
	for url, want := range map[string]string{
		"trino://ada@trino.acme.test/hive/sales":                     "https://trino.acme.test ada hive sales false ",
		"trino://ada@trino.acme.test:8443?ssl-ca=/etc/ca.pem":        "https://trino.acme.test:8443 ada   false /etc/ca.pem",
		"trino://ada@trino.acme.test/hive?tls=skip-verify":           "https://trino.acme.test ada hive  true ",
		"trino://ada@trino.acme.test/hive/?tls=false":                "http://trino.acme.test:8080 ada hive  false ",
		"trino://ada@localhost/hive":                                 "http://localhost:8080 ada hive  false ",
		"trino://ada@127.0.0.1:9000/hive":                            "http://127.0.0.1:9000 ada hive  false ",
		"TRINO://ada@localhost:8443/hive?tls=true":                   "https://localhost:8443 ada hive  false ",
		"trino://ada@localhost/hive?ssl-ca=ca.pem":                   "https://localhost ada hive  false ca.pem",
		"trino://ada%40acme.test@trino.acme.test/hive":               "https://trino.acme.test ada@acme.test hive  false ",
		"trino://ada:secret@trino.acme.test/my%20catalog/my%20scema": "https://trino.acme.test ada my catalog my scema false ",
	} {
		c, problem := parseTrino(url)
		if problem != nil {
			t.Errorf("%s: %s", url, problem)
			continue
		}
		insecure := map[bool]string{true: "true", false: "false"}[c.tls.insecure]
		if got := strings.Join([]string{c.endpoint.String(), c.user, c.catalog, c.schema, insecure, c.tls.ca}, " "); got != want {
			t.Errorf("%s is %q, want %q", url, got, want)
		}
	}
}

func TestParseTrino_refused(t *testing.T) { //nolint:paralleltest // it sets the environment
	trinoEnvironment(t, nil)
	for url, words := range map[string]string{
		"trino://ada:hush%@host/hive":                      "malformed",
		"trino://ada:hush@host/hive?catalog=x":             `a parameter "catalog", which a trino URL does not have. The parameters are "tls"`,
		"trino://ada:hush@host/hive/sales/people":          "more than a catalog and a schema",
		"trino://ada:hush@host/hive?tls=maybe":             "tls of the URL has an unknown value",
		"trino://ada:hush@host/hive?tls=false":             "Without TLS",
		"trino://ada@host/hive?tls=skip-verify&ssl-ca=x":   "Remove tls or ssl-ca",
		"trino://ada@host/hive?statement_timeout=soon":     "not a duration",
		"trino://ada@host/hive?session_properties=a":       "not a list of names with values",
		"trino://ada@host/hive?session_properties=a%3A1,b": "not a list of names with values",
		"trino://host/hive":                                "no credentials to sign in to Trino with",
	} {
		_, problem := parseTrino(url)
		if problem == nil || !strings.Contains(problem.Error(), words) || strings.Contains(problem.Error(), "hush") || problem.Argument[0] != "url" {
			t.Errorf("%s: %v", url, problem)
		}
	}
}

func TestTrinoCredentials(t *testing.T) { //nolint:paralleltest // it sets the environment
	for name, c := range map[string]struct { //nolint:paralleltest // they set the environment
		url         string
		environment map[string]string
		user, want  string
	}{
		"none":                   {"trino://ada@host", nil, "ada", ""},
		"password":               {"trino://ada:a%2Fb@host", nil, "ada", "Basic YWRhOmEvYg=="},
		"password before token":  {"trino://ada:a%2Fb@host", map[string]string{"TRINO_ACCESS_TOKEN": "t", "TRINO_PASSWORD": "p"}, "ada", "Basic YWRhOmEvYg=="},
		"password of the tools":  {"trino://ada@host", map[string]string{"TRINO_PASSWORD": "a/b"}, "ada", "Basic YWRhOmEvYg=="},
		"token":                  {"trino://ada@host", map[string]string{"TRINO_ACCESS_TOKEN": " t\n", "TRINO_PASSWORD": "p"}, "ada", "Bearer t"},
		"token without a user":   {"trino://host", map[string]string{"TRINO_ACCESS_TOKEN": "t"}, "", "Bearer t"},
		"user of the tools":      {"trino://host", map[string]string{"TRINO_USER": "eve"}, "eve", ""},
		"password on this host":  {"trino://ada:a%2Fb@localhost", nil, "ada", "Basic YWRhOmEvYg=="},
		"no TLS and no password": {"trino://ada@host?tls=false", nil, "ada", ""},
	} {
		t.Run(name, func(t *testing.T) {
			trinoEnvironment(t, c.environment)
			config, problem := parseTrino(c.url)
			if problem != nil {
				t.Fatal(problem)
			}
			if config.user != c.user || config.authorization != c.want {
				t.Errorf("user %q, authorization %q", config.user, config.authorization)
			}
		})
	}
}

func TestTrinoHeaders(t *testing.T) { //nolint:paralleltest // it sets the environment
	trinoEnvironment(t, nil)
	c, problem := parseTrino("trino://ada@host/hive/sales?statement_timeout=1m30s&session_properties=join_distribution_type:BROADCAST,hive.note:a%20b&role=reader&client_tags=crm,nightly")
	if problem != nil {
		t.Fatal(problem)
	}
	headers := c.headers()
	for name, want := range map[string]string{
		"X-Trino-User": "ada", "X-Trino-Source": applicationName, "X-Trino-Catalog": "hive", "X-Trino-Schema": "sales", "X-Trino-Client-Tags": "crm,nightly",
		"X-Trino-Role": "system=ROLE%7Breader%7D", "X-Trino-Session": "query_max_run_time=90000ms,join_distribution_type=BROADCAST,hive.note=a+b",
	} {
		if got := headers.Get(name); got != want {
			t.Errorf("%s is %q, want %q", name, got, want)
		}
	}
	if bare, _ := parseTrino("trino://ada@host"); len(bare.headers()) != 3 {
		t.Errorf("headers %v", bare.headers())
	}
}
