package sqltest

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"sync"
	"testing"
)

// Users of ClickHouse whose results end after some rows, without an error. The second
// one may not change that.
const (
	Truncated      = "segment_truncated"
	TruncatedFixed = "segment_truncated_fixed"
)

// clickhouse are two servers that are the shards of the cluster "two".
var clickhouse = sync.OnceValues(func() (servers [2]*Server, err error) {
	for range 3 { // the ports that were free may be taken by now
		if servers, err = startClickHouse(); err == nil || isMissing(err) {
			break
		}
	}
	return servers, err
})

// ClickHouse creates a database of the same name on two ClickHouse servers, which are
// the shards of the cluster "two". It skips the test if the program is missing.
func ClickHouse(t testing.TB) [2]*Database {
	t.Helper()
	first := database(t, func() (*Server, error) {
		servers, err := clickhouse()
		return servers[0], err
	})
	servers, _ := clickhouse() // they run
	second := &Database{Server: servers[1], Name: first.Name, t: t}
	if err := second.admin.exec(t.Context(), "", second.admin.create(second.Name)); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := second.admin.exec(context.Background(), "", second.admin.drop(second.Name)); err != nil {
			t.Error(err)
		}
	})
	return [2]*Database{first, second}
}

// NewClickHouse creates a database and returns the URL for its owner, for programs
// other than tests. They end the servers with Stop.
func NewClickHouse(name string) (*Database, error) {
	servers, err := clickhouse()
	if err != nil {
		return nil, err
	}
	d := &Database{Server: servers[0], Name: name}
	return d, d.admin.exec(context.Background(), "", d.admin.create(name))
}

func startClickHouse() (servers [2]*Server, err error) {
	program, err := find("clickhouse-server", "apt-get install clickhouse-server", "/usr/sbin", "/usr/bin")
	if err != nil {
		return servers, err
	}
	var hosts [2]*host
	var native [2]*host // their other ports
	for i := range hosts {
		if hosts[i], err = newHost("clickhouse"); err != nil {
			return servers, err
		}
		if native[i], err = newHost("clickhouse"); err != nil {
			return servers, err
		}
	}
	for i, h := range hosts {
		config, err := h.write("config.xml", clickhouseConfig(h, native[i].port, [2]int{native[0].port, native[1].port}))
		if err != nil {
			return servers, err
		}
		if _, err := h.write("users.xml", clickhouseUsers()); err != nil {
			return servers, err
		}
		a := clickhouseAdmin{h.port}
		if err := h.serve(func(ctx context.Context) error { return a.exec(ctx, "", "SELECT 1") }, program, "--config-file="+config); err != nil {
			return servers, err
		}
		servers[i] = &Server{Scheme: "clickhouse", Port: h.port, admin: a}
	}
	return servers, nil
}

func clickhouseConfig(h *host, native int, shards [2]int) string {
	var cluster strings.Builder
	for _, port := range shards {
		fmt.Fprintf(&cluster, "<shard><replica><host>127.0.0.1</host><port>%d</port><user>%s</user><password><![CDATA[%s]]></password></replica></shard>", port, Owner, Password)
	}
	return fmt.Sprintf(`<yandex>
<logger><level>none</level><console>1</console></logger>
<http_port>%d</http_port><tcp_port>%d</tcp_port><listen_host>127.0.0.1</listen_host>
<path>%s/</path><tmp_path>%s/</tmp_path><users_config>%s</users_config>
<default_profile>default</default_profile><default_database>default</default_database>
<mark_cache_size>5368709120</mark_cache_size><keep_alive_timeout>3</keep_alive_timeout>
<remote_servers><two>%s</two></remote_servers>
</yandex>
`, h.port, native, h.path("data"), h.path("tmp"), h.path("users.xml"), &cluster)
}

func clickhouseUsers() string {
	var users strings.Builder
	digest := sha256.Sum256([]byte(Password))
	for _, user := range []struct{ name, profile, more string }{
		{Owner, "default", ""},
		{Reader, "default", "<allow_databases><database>granted</database></allow_databases>"}, // see clickhouseAdmin.create
		{Truncated, "truncated", ""},
		{TruncatedFixed, "fixed", ""},
	} {
		fmt.Fprintf(&users, "<%s><password_sha256_hex>%s</password_sha256_hex><networks><ip>127.0.0.1</ip></networks><profile>%s</profile><quota>default</quota>%s</%s>",
			user.name, hex.EncodeToString(digest[:]), user.profile, user.more, user.name)
	}
	truncated := `<max_result_rows>1000</max_result_rows><result_overflow_mode>break</result_overflow_mode><skip_unavailable_shards>1</skip_unavailable_shards>`
	return `<yandex><profiles><default><max_memory_usage>2000000000</max_memory_usage></default>` +
		`<truncated>` + truncated + `</truncated><fixed>` + truncated + `<readonly>1</readonly></fixed></profiles><quotas><default></default></quotas><users>` + users.String() + `</users></yandex>`
}

type clickhouseAdmin struct{ port int }

func (a clickhouseAdmin) exec(ctx context.Context, database, statements string) error {
	for statement := range strings.SplitSeq(statements, ";") {
		if strings.TrimSpace(statement) == "" {
			continue
		}
		if _, err := a.value(ctx, database, statement); err != nil {
			return err
		}
	}
	return nil
}

// value returns the whole answer, as text.
func (a clickhouseAdmin) value(ctx context.Context, database, query string) (string, error) {
	address := url.URL{Scheme: "http", Host: net.JoinHostPort("127.0.0.1", strconv.Itoa(a.port)), Path: "/"}
	if database != "" {
		address.RawQuery = url.Values{"database": {database}}.Encode()
	}
	request, err := http.NewRequestWithContext(ctx, http.MethodPost, address.String(), strings.NewReader(query))
	if err != nil {
		return "", err
	}
	request.SetBasicAuth(Owner, Password)
	answer, err := http.DefaultTransport.RoundTrip(request)
	if err != nil {
		return "", err
	}
	defer answer.Body.Close()
	text, err := io.ReadAll(answer.Body)
	if err == nil && answer.StatusCode != http.StatusOK {
		err = fmt.Errorf("clickhouse answers %d: %s", answer.StatusCode, text)
	}
	return strings.TrimSuffix(string(text), "\n"), err
}

func (clickhouseAdmin) create(database string) string { return "CREATE DATABASE " + database }

func (clickhouseAdmin) drop(database string) string { return "DROP DATABASE " + database }
