package foreign

import (
	"encoding/json"
	"fmt"
	"path/filepath"
	"testing"

	"github.com/hashicorp/terraform-plugin-go/tfprotov6"
	"github.com/hashicorp/terraform-plugin-testing/helper/resource"

	"github.com/klaviyo-community/terraform-provider-klaviyo/internal/export"
	"github.com/klaviyo-community/terraform-provider-klaviyo/internal/klaviyo"
	"github.com/klaviyo-community/terraform-provider-klaviyo/internal/pipeline"
	"github.com/klaviyo-community/terraform-provider-klaviyo/internal/profile"
	"github.com/klaviyo-community/terraform-provider-klaviyo/internal/provider"
	"github.com/klaviyo-community/terraform-provider-klaviyo/internal/segment/file"
	"github.com/klaviyo-community/terraform-provider-klaviyo/internal/simulator"
)

const (
	testKey   = "pk_foreign0123456789"
	accountID = "MainAc"
)

// startSimulator starts a simulated Klaviyo with a list.
func startSimulator(t *testing.T) (server *simulator.Server, listID string) {
	t.Helper()
	server, err := simulator.Start(simulator.Options{Account: simulator.Account{ID: accountID}})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(server.Close)
	server.AddKey(testKey)
	return server, server.AddList(simulator.List{Name: "VIP"}).ID
}

// wantProfile compares what was sent of a person, as JSON.
func wantProfile(t *testing.T, server *simulator.Server, email, phone, id, properties string) {
	t.Helper()
	p, ok := server.Profile(email)
	got, err := json.Marshal(p.Properties)
	if !ok || err != nil || string(got) != properties || p.PhoneNumber != phone || p.ExternalID != id {
		t.Errorf("%s: %t, phone %q, id %q, properties %s; want %s", email, ok, p.PhoneNumber, p.ExternalID, got, properties)
	}
}

// What a run sends of DuckDB's types, and what it leaves out.
func TestDuckDBIsSent(t *testing.T) {
	t.Parallel()
	dir := duckdb(t, `CREATE TABLE t AS SELECT * FROM (VALUES
		('Ann <ann@example.com>', 2125550123::HUGEINT, 4711::DECIMAL(14,2), 12.50::DECIMAL(14,2), DATE '2026-02-28', TIMESTAMPTZ '2026-02-28 01:02:03+02', ['a', 'b'], {'city': 'Bern'}, 'nan'::DOUBLE, true),
		('bob@example.com', NULL, NULL, NULL, 'infinity'::DATE, '-infinity'::TIMESTAMPTZ, [], NULL, 'inf'::DOUBLE, NULL)) v(email, phone, id, spent, born, seen, tags, address, score, vip);
		COPY t TO '$DIR/people.parquet' (COMPRESSION lz4_raw); COPY t TO '$DIR/v2.parquet' (PARQUET_VERSION v2);`)
	for _, name := range []string{"people.parquet", "v2.parquet"} {
		server, list := startSimulator(t)
		client, err := klaviyo.New(klaviyo.Options{APIKey: testKey, BaseURL: server.URL})
		if err != nil {
			t.Fatal(err)
		}
		e := &export.Export{
			Segments:    []pipeline.Segment{{Name: "duckdb", Source: file.Source{Path: filepath.Join(dir, name)}}},
			ListID:      list,
			Destination: export.Destination{AccountID: accountID, Consent: true},
			Mapping: profile.Mapping{
				Email: "email", PhoneNumber: "phone", PhoneRegion: "US", ExternalID: "id",
				Properties: map[string]profile.Property{
					"spent": {Column: "spent"}, "born": {Column: "born"}, "seen": {Column: "seen", Type: profile.Datetime}, "tags": {Column: "tags"},
					"city": {Column: "address.city"}, "score": {Column: "score", Type: profile.Number}, "vip": {Column: "vip"},
				},
			},
		}
		survey, err := e.Survey(t.Context())
		if err != nil || survey.Rows != 2 || survey.Profiles != 2 {
			t.Fatalf("%+v, %v", survey, err)
		}
		if result, err := e.Run(t.Context(), client, export.RunOptions{Surveyed: survey}); err != nil || result.Exported != 2 {
			t.Fatalf("%+v, %v", result, err)
		}
		wantProfile(t, server, "ann@example.com", "+12125550123", "4711", `{"born":"2026-02-28","city":"Bern","seen":"2026-02-27T23:02:03Z","spent":12.5,"tags":["a","b"],"vip":true}`)
		wantProfile(t, server, "bob@example.com", "", "", `{"tags":[]}`)
	}
}

// Segments of DuckDB, arrow-go and LibreOffice are applied by Terraform.
func TestAccForeignFiles(t *testing.T) {
	t.Parallel()
	server, list := startSimulator(t)
	dir := duckdb(t, `COPY (SELECT 'd' || i || '@example.com' AS "EMail", 'Name ' || i AS "Name", i::DECIMAL(14,2) / 4 AS "Spent", CASE WHEN i % 2 = 0 THEN 'even' ELSE 'odd number' END AS "Tier Name" FROM range(100) r(i))
		TO '$DIR/parts' (FORMAT parquet, PARTITION_BY ("Tier Name"), COMPRESSION lz4_raw);`)
	sheet := convert(t, libreSheet(), ';', asWin, true)
	config := fmt.Sprintf(`
provider "klaviyo" {
  api_key  = %q
  base_url = %q
}
resource "klaviyo_connection" "main" {
  display_name         = "Marketing"
  data_privacy_consent = true
}
resource "klaviyo_segment_export" "duckdb" {
  display_name = "DuckDB"
  destination  = klaviyo_connection.main
  list_id      = %q
  segment {
    name = "duckdb"
    file { path = "%s/parts/**/*.parquet" }
  }
  data_matching { email = "EMail" }
  attributes { first_name = "Name" }
  properties = { spent = "Spent", tier = "Tier Name" }
}
resource "klaviyo_segment_export" "libreoffice" {
  display_name = "LibreOffice"
  destination  = klaviyo_connection.main
  list_id      = %q
  segment {
    name = "sheet"
    file {
      path          = %q
      delimiter     = ";"
      encoding      = "windows-1252"
      skip_lines    = 2
      decimal_comma = true
    }
  }
  data_matching {
    email       = "EMail"
    external_id = "Code"
  }
  attributes {
    first_name = "Name"
    location { zip = "Postcode" }
  }
  properties = { note = "Note" }
  property {
    name  = "spent"
    field = "Spent"
    type  = "number"
  }
}
`, testKey, server.URL, list, filepath.ToSlash(dir), server.AddList(simulator.List{Name: "Sheet"}).ID, filepath.ToSlash(sheet))
	resource.Test(t, resource.TestCase{
		ProtoV6ProviderFactories: map[string]func() (tfprotov6.ProviderServer, error){
			"klaviyo": func() (tfprotov6.ProviderServer, error) { return provider.NewServer("test")(), nil },
		},
		Steps: []resource.TestStep{{Config: config}},
	})
	if members := server.MemberEmails(list); len(members) != 100 {
		t.Errorf("%d people of DuckDB are on the list", len(members))
	}
	wantProfile(t, server, "d7@example.com", "", "", `{"spent":1.75,"tier":"odd number"}`)
	wantProfile(t, server, "ann@example.com", "", "00417", `{"note":"two\nlines, \"quoted\"; tab\tend","spent":1234.5}`)
	wantProfile(t, server, "eve@example.com", "", "", `{"spent":1000000}`)
	if p, _ := server.Profile("ann@example.com"); fmt.Sprintf("%v %v", p.Attributes["first_name"], p.Attributes["location"]) != "Änne Müller-Groß map[zip:01067]" {
		t.Errorf("attributes %v", p.Attributes)
	}
}
