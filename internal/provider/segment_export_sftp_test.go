package provider

import (
	"crypto/ed25519"
	"crypto/rand"
	"encoding/pem"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"golang.org/x/crypto/ssh"
	"golang.org/x/crypto/ssh/knownhosts"

	"github.com/klaviyo-community/terraform-provider-klaviyo/internal/segment/storage/sftptest"
)

// startSFTP starts a server, and returns parameters that let the provider log in.
func startSFTP(t *testing.T) (s *sftptest.Server, login string) {
	t.Helper()
	requireAcc(t)
	s = sftptest.Start(t)
	return s, "?private_key_path=" + s.KeyPath() + "&known_hosts=" + s.KnownHostsPath()
}

func TestAccFile_sftp(t *testing.T) {
	t.Parallel()
	for name, tc := range map[string]struct {
		path       string
		files      func([]person) map[string]string
		properties func(configuration) configuration
		ann, joe   map[string]string
	}{
		"newest": {"crm/**/vip-*.csv.gz", func(p []person) map[string]string {
			return map[string]string{"crm/2026-11-26/vip-1.csv.gz": "not read", "crm/2026-11-27/vip-1.csv.gz": gzipOf(csvOf(p[:2])), "crm/2026-11-27/vip-2.csv.gz": gzipOf(csvOf(p[2:]))}
		}, textProperties, textAnn, textJoe},
		"Parquet": {"vip.parquet", func(p []person) map[string]string { return map[string]string{"vip.parquet": parquetOf(p)} }, typedProperties, typedAnn, typedJoe},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			w := newEnv(t)
			s, login := startSFTP(t)
			put := func(people []person) {
				for name, content := range tc.files(people) {
					s.Put(name, content)
				}
			}
			put(people[:3])
			config := tc.properties(w.export(threeCSV).with(exportBlock, "segment", fileSegment(s.URL(tc.path)+login, "newest = true")))
			w.drifts(config, func() { put(people) }, tc.ann, tc.joe)
		})
	}
}

func TestAccFile_sftpRefused(t *testing.T) {
	t.Parallel()
	w := newEnv(t)
	s, login := startSFTP(t)
	s.Put("vip.csv", threeCSV)
	if err := os.Chmod(s.Put("closed.csv", threeCSV), 0); err != nil {
		t.Fatal(err)
	}
	public, private, err := ed25519.GenerateKey(rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	block, err := ssh.MarshalPrivateKey(private, "")
	if err != nil {
		t.Fatal(err)
	}
	strange, err := ssh.NewPublicKey(public)
	if err != nil {
		t.Fatal(err)
	}
	w.write("other_key", string(pem.EncodeToMemory(block)))
	w.write("other_hosts", knownhosts.Line([]string{knownhosts.Normalize(s.Address)}, strange))
	w.write("no_hosts", "")
	in := func(name string) string { return filepath.Join(w.dir, name) }
	config := w.export(threeCSV)
	right := ssh.FingerprintSHA256(s.HostKey)
	var plans refusals
	for name, tc := range map[string]struct {
		path string
		want []string
	}{
		"wrong key":        {s.URL("vip.csv") + "?private_key_path=" + in("other_key") + "&known_hosts=" + s.KnownHostsPath(), []string{"the server refuses the credentials", "Check the name of the user", "SFTP_PRIVATE_KEY"}},
		"unknown host":     {s.URL("vip.csv") + "?private_key_path=" + s.KeyPath() + "&known_hosts=" + in("no_hosts"), []string{"is not known", right, "Nothing was sent", "?host_key=" + right}},
		"changed host":     {s.URL("vip.csv") + "?private_key_path=" + s.KeyPath() + "&known_hosts=" + in("other_hosts"), []string{"has changed", right, ssh.FingerprintSHA256(strange), "ssh-keygen -R"}},
		"wrong pin":        {s.URL("vip.csv") + login + "&host_key=" + ssh.FingerprintSHA256(strange), []string{"has changed", right, `parameter "host_key"`}},
		"no file":          {s.URL("none.csv") + login, []string{s.Name("none.csv"), "there is no such file"}},
		"no match":         {s.URL("none/*.csv") + login, []string{s.Name("none/*.csv"), "no file matches"}},
		"permission":       {s.URL("closed.csv") + login, []string{s.Name("closed.csv"), "permission denied"}},
		"no host":          {"sftp://crm@sftp.invalid/vip.csv" + login, []string{`there is no host "sftp.invalid"`, "Check the host"}},
		"password in path": {"sftp://crm:hunter2@sftp.invalid/vip.csv", []string{"There is a password in the path", "Leave it out", "SFTP_PASSWORD"}},
	} {
		words := append([]string{"Segment Cannot Be Read"}, tc.want...)
		plans.add(name, w, config.with(exportBlock, "segment", fileSegment(tc.path)), words, func() { w.wantImports(0) })
	}
	plans.run(t)
}

// A key, its passphrase and the rows reach neither the state nor a log, whatever fails.
func TestAccSecrets_sftp(t *testing.T) {
	t.Parallel()
	const passphrase = "Wolpertinger77"
	w := newEnv(t)
	s, _ := startSFTP(t)
	s.Put("vip.csv", csvOf(people[:3]))
	content, err := os.ReadFile(s.KeyPath())
	if err != nil {
		t.Fatal(err)
	}
	key, err := ssh.ParseRawPrivateKey(content)
	if err != nil {
		t.Fatal(err)
	}
	block, err := ssh.MarshalPrivateKeyWithPassphrase(key, "", []byte(passphrase))
	if err != nil {
		t.Fatal(err)
	}
	text := string(pem.EncodeToMemory(block))
	secrets := []string{passphrase, "ann@example.com", "joe@example.com"}
	for line := range strings.Lines(text) {
		if !strings.HasPrefix(line, "---") {
			secrets = append(secrets, strings.TrimSpace(line))
		}
	}
	config := w.export(threeCSV).with(exportBlock, "segment", fileSegment(s.URL("vip.csv")))
	c := newCLI(t, config, "TF_LOG=TRACE", "SFTP_PRIVATE_KEY="+text, "SFTP_PRIVATE_KEY_PASSPHRASE="+passphrase, "SFTP_PASSWORD=", "SFTP_KNOWN_HOSTS="+s.KnownHostsPath())
	c.run("first run", "plan", "-no-color", "-input=false", "-out=plan.bin")
	c.run("Apply complete", "apply", "-no-color", "-input=false", "plan.bin")
	c.run("No changes", "plan", "-no-color", "-input=false")
	s.Put("vip.csv", csvOf(people))
	c.run("segment changed: +1 ~0 -0", "plan", "-no-color", "-input=false", "-out=plan.bin")
	c.run("Apply complete", "apply", "-no-color", "-input=false", "plan.bin")
	w.wantMembers("ann@example.com", "bob@example.com", "eve@example.com", "joe@example.com")

	s.Put("vip.csv", "EMail,FirstName\n\"ann\"@example.com,Ann\n")
	c.fail("the email address is not valid: 1 row", "plan", "-no-color", "-input=false")
	if err := os.WriteFile(s.KnownHostsPath(), nil, 0o600); err != nil {
		t.Fatal(err)
	}
	c.fail(fmt.Sprintf("the host key of %q is not known", s.Address), "plan", "-no-color", "-input=false")
	c.env = append(c.env, "SFTP_PRIVATE_KEY_PASSPHRASE="+passphrase+"!")
	c.fail("the passphrase does not open the private key", "plan", "-no-color", "-input=false")
	c.env = append(c.env, "SFTP_PRIVATE_KEY="+text[len("-----BEGIN"):])
	c.fail("is not a private key that can be read", "plan", "-no-color", "-input=false")
	c.wantNoSecrets(secrets)
}
