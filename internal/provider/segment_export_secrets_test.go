package provider

import (
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync/atomic"
	"testing"

	"github.com/hashicorp/terraform-plugin-framework/attr"
	"github.com/hashicorp/terraform-plugin-framework/path"
	"github.com/hashicorp/terraform-plugin-framework/types"
)

const hiddenSecret = "correcthorse"

// Terraform prints the line that an error is at. None of these lines holds a password
// or a signature, whatever is wrong with a source and whenever it shows.
func TestAccSegmentExport_secretsInConfigurationStayHidden(t *testing.T) {
	t.Parallel()
	w := newEnv(t)
	gone := httptest.NewServer(http.NotFoundHandler())
	t.Cleanup(gone.Close)
	inOneLine := func(source string) string { return block(`name = "vip"`, source) }
	cases := map[string]struct{ command, segment, words string }{
		"database that is not there":   {"plan", sqlSegment(`url = "postgres://u:`+hiddenSecret+`@127.0.0.1:1/crm"`, `query = "SELECT 1"`), "No server listens at"},
		"malformed URL":                {"plan", sqlSegment(`url = "postgres://u:`+hiddenSecret+` @h:x/crm"`, `query = "SELECT 1"`), "The URL of the database"},
		"database on apply":            {"apply", sqlSegment(`url = "mysql://u:`+hiddenSecret+`@127.0.0.1:1/crm"`, `query = "SELECT 1"`), "No server listens at"},
		"no query":                     {"validate", sqlSegment(`url = "postgres://u:` + hiddenSecret + `@h/crm"`), "needs the argument query"},
		"no query, in one line":        {"validate", inOneLine(`sql { url = "postgres://u:` + hiddenSecret + `@h/crm" }`), "needs the argument query"},
		"signed URL":                   {"validate", fileSegment("https://example.com/vip.csv?sig=" + hiddenSecret), "Signed URL Is Kept In The State"},
		"signed URL, in one line":      {"validate", inOneLine(`file { path = "https://example.com/vip.csv?sig=` + hiddenSecret + `" }`), "Signed URL Is Kept In The State"},
		"signed URL of nothing":        {"plan", fileSegment(gone.URL + "/vip.csv?sig=" + hiddenSecret), "Segment Cannot Be Read"},
		"signed URL, another argument": {"plan", fileSegment(gone.URL+"/vip.csv?sig="+hiddenSecret, `format = "csv"`, "skip_lines = 1"), "Segment Cannot Be Read"},
		"SFTP server":                  {"plan", fileSegment("sftp://u:" + hiddenSecret + "@127.0.0.1:1/vip.csv"), "Segment Cannot Be Read"},
		"misspelt URL":                 {"plan", fileSegment("https:/u:" + hiddenSecret + "@example.com/vip.csv"), "Segment Cannot Be Read"},
	}
	for name, test := range cases {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			c := newCLI(t, w.export(threeCSV).with(exportBlock, "segment", test.segment))
			args := []string{test.command, "-no-color"}
			if test.command == "apply" {
				args = append(args, "-auto-approve")
			}
			out, _ := c.try(args...)
			c.wantWords(out, test.words)
			c.wantHidden(out)
			c.wantWords(out, `name = "vip"`)
		})
	}
	t.Run("in a run", func(t *testing.T) {
		t.Parallel()
		var gone atomic.Bool
		server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
			if gone.Load() {
				w.WriteHeader(http.StatusNotFound)
				return
			}
			w.Header().Set("Content-Length", fmt.Sprint(len(threeCSV)))
			_, _ = io.WriteString(w, threeCSV)
		}))
		t.Cleanup(server.Close)
		c := newCLI(t, w.export(threeCSV).with(exportBlock, "segment", fileSegment(server.URL+"/vip.csv?sig="+hiddenSecret)))
		c.run("Signed URL Is Kept In The State", "plan", "-no-color", "-out=plan.bin")
		gone.Store(true)
		out, err := c.try("apply", "-no-color", "plan.bin")
		if err == nil {
			t.Fatal("the run succeeded")
		}
		c.wantHidden(out)
	})
}

func (c *cli) wantHidden(out string) {
	c.t.Helper()
	if strings.Contains(out, hiddenSecret) {
		c.t.Errorf("the output holds the secret:\n%s", c.errorsIn(out))
	}
}

// What is reported at a line without a secret stays there.
func TestBesideSecrets(t *testing.T) {
	t.Parallel()
	segment := path.Root("segment").AtListIndex(0)
	kinds := map[string]attr.Type{"url": types.StringType, "path": types.StringType, "query": types.StringType, "url_env": types.StringType}
	text := types.StringValue
	cases := map[string]struct {
		source   map[string]attr.Value
		argument string
		hidden   bool
	}{
		"URL":                         {map[string]attr.Value{"url": text("postgres://u:p@h/d"), "query": text("x")}, "url", true},
		"URL that is not known yet":   {map[string]attr.Value{"url": types.StringUnknown()}, "url", true},
		"query":                       {map[string]attr.Value{"url": text("postgres://u:p@h/d"), "query": text("x")}, "query", false},
		"query that is not written":   {map[string]attr.Value{"url": text("postgres://u:p@h/d")}, "query", true},
		"variable":                    {map[string]attr.Value{"url_env": text("DATABASE_URL")}, "url_env", false},
		"variable, and no query":      {map[string]attr.Value{"url_env": text("DATABASE_URL")}, "query", false},
		"file on a disk":              {map[string]attr.Value{"path": text("segments/vip-?.csv")}, "path", false},
		"file in a bucket":            {map[string]attr.Value{"path": text("s3://bucket/vip.csv")}, "path", false},
		"file of an address":          {map[string]attr.Value{"path": text("https://example.com/vip.csv")}, "path", false},
		"file of an address with key": {map[string]attr.Value{"path": text("https://example.com/vip.csv?sig=x")}, "path", true},
		"file that is not known yet":  {map[string]attr.Value{"path": types.StringUnknown()}, "path", true},
		"file of a user":              {map[string]attr.Value{"path": text("sftp://u:p@h/vip.csv")}, "path", true},
	}
	for name, test := range cases {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			for argument := range kinds {
				if test.source[argument] == nil {
					test.source[argument] = types.StringNull()
				}
			}
			want := segment.AtName("source").AtName(test.argument)
			if test.hidden {
				want = segment.AtName("name")
			}
			if got := besideSecrets(segment.AtName("source"), types.ObjectValueMust(kinds, test.source), test.argument); !got.Equal(want) {
				t.Errorf("reported at %s, want %s", got, want)
			}
		})
	}
}
