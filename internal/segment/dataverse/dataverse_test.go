package dataverse_test

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"slices"
	"testing"
	"time"

	"go.uber.org/goleak"

	"github.com/klaviyo-community/terraform-provider-klaviyo/internal/segment"
	"github.com/klaviyo-community/terraform-provider-klaviyo/internal/segment/segmenttest"
	simulator "github.com/klaviyo-community/terraform-provider-klaviyo/internal/simulator/dataverse"
)

func TestDataverseJoinsMembersWithProfiles(t *testing.T) {
	t.Parallel()
	e := newEnvironment(t, "Email", "FirstName")
	e.AddColumn("Income", "Decimal")
	e.AddColumn("Vip", "Boolean")
	e.AddColumn("Region", "Lookup")
	e.Add("b", simulator.Profile{"email": "bob@example.com", "firstname": "Bob \"B\"", "income": 12.5, "vip": true}, "Gold", "VIP customers")
	e.Add("a", simulator.Profile{"email": "ann@example.com", "firstname": nil}, "VIP customers")
	e.Add("c", simulator.Profile{"email": "eve@example.com"}, "Gold")

	got := e.mustRead("VIP customers", "EMail", "msdynci_firstname", "income", "VIP", "region", "email")
	want := []string{`"ann@example.com"|||||"ann@example.com"`, `"bob@example.com"|"Bob \"B\""|12.5|true||"bob@example.com"`}
	if !slices.Equal(got, want) {
		t.Errorf("rows %q, want %q", got, want)
	}
	if e.countRequests("_msdynci_region_value") != 1 {
		t.Errorf("a lookup is selected by another name: %q", e.Requests())
	}
	if len(e.scopes) != 1 || e.scopes[0] != e.URL+"/.default" {
		t.Errorf("scopes %q", e.scopes)
	}
}

// Values are JSON, so that they keep their types.
func TestDataverseValuesAreJSON(t *testing.T) {
	t.Parallel()
	e := newEnvironment(t, "Email")
	e.Add("a", simulator.Profile{"email": "ann@example.com"}, "VIP")
	rows, err := e.source("VIP").Open(t.Context(), []string{"email", "createdon"})
	if err != nil {
		t.Fatal(err)
	}
	defer rows.Close()
	if got := rows.JSON(); !slices.Equal(got, []bool{true, true}) {
		t.Errorf("JSON %v", got)
	}
	if _, err := rows.Next(nil); err != nil {
		t.Error(err)
	}
	if version, err := e.source("VIP").Version(t.Context()); version != "" || err != nil {
		t.Errorf("version %q, %v", version, err)
	}
}

// Few members are looked up, many are found in a scan. The rows are the same.
func TestDataversePages(t *testing.T) {
	t.Parallel()
	for name, scan := range map[string]int{"look up": 2000, "scan": 100} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			e := newEnvironment(t, "Email")
			e.MaxPage, e.maxKeptIDs = 130, scan
			want := e.fill(2000, "VIP")
			got := e.mustRead("VIP", "email")
			lookups := e.countRequests("Microsoft.Dynamics.CRM.In")
			if scan > 1000 && (!slices.Equal(got, want) || lookups < 5) || scan < 1000 && lookups != 0 {
				t.Errorf("%d requests by id, order kept: %v", lookups, slices.Equal(got, want))
			}
			again := e.mustRead("VIP", "email")
			if !slices.Equal(got, again) {
				t.Error("another order the second time")
			}
			slices.Sort(got)
			if !slices.Equal(got, want) {
				t.Errorf("%d rows, want %d", len(got), len(want))
			}
			if e.MaxConcurrent() > 8 || e.countRequests("$skip=") > 0 {
				t.Errorf("%d requests at once", e.MaxConcurrent())
			}
		})
	}
}

// Profiles are read in the way that takes fewer requests.
func TestDataverseChoosesTheShorterWay(t *testing.T) {
	t.Parallel()
	for name, tc := range map[string]struct{ profiles, lookups int }{
		"few profiles":  {0, 0},
		"many profiles": {1_000_000, 11},
		"no count":      {-1, 11},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			e := newEnvironment(t, "Email")
			e.ProfileCount = tc.profiles
			want := e.fill(4202, "VIP")
			if got := e.mustRead("VIP", "email"); len(got) != len(want) || e.countRequests("CRM.In") != tc.lookups || e.countRequests("RetrieveTotalRecordCount") != 1 {
				t.Errorf("%d rows, %d requests by id", len(got), e.countRequests("CRM.In"))
			}
		})
	}
}

// Names are compared exactly, though the database ignores case.
func TestDataverseNamesAreExact(t *testing.T) {
	t.Parallel()
	names := []string{"VIP", "vip", "VIP 2", "The \"A\" list", "Ann's", `back\slash`, "Straße & Söhne", "100%", "a+b", "顧客", "<b>"}
	e := newEnvironment(t, "Email")
	for i, name := range names {
		e.Add(fmt.Sprint(i), simulator.Profile{"email": name}, name)
	}
	for _, name := range names {
		rows, err := e.read(name, "email")
		if err != nil || len(rows) != 1 {
			t.Errorf("%q: %d rows, %v", name, len(rows), err)
			continue
		}
		var of string
		if err := json.Unmarshal([]byte(rows[0][0]), &of); err != nil || of != name {
			t.Errorf("asked for %q, got that of %q (%v)", name, of, err)
		}
	}
	if e.countRequests("segmentmemberships") != len(names) {
		t.Errorf("names are not all found by the filter: %q", e.Requests())
	}
}

// A name that Customer Insights escapes in another way is found, too.
func TestDataverseNameEscapedOtherwise(t *testing.T) {
	t.Parallel()
	e := newEnvironment(t, "Email")
	e.EscapeHTML = true
	e.Add("a", simulator.Profile{"email": "ann@example.com"}, "A & B")
	e.Add("b", simulator.Profile{"email": "bob@example.com"}, "A")
	if got := e.mustRead("A & B", "email"); !slices.Equal(got, []string{`"ann@example.com"`}) {
		t.Errorf("rows %q", got)
	}
}

// A member without a profile is an unreadable row, not a missing one.
func TestDataverseMemberWithoutProfile(t *testing.T) {
	t.Parallel()
	for name, scan := range map[string]int{"look up": 0, "scan": 1} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			e := newEnvironment(t, "Email")
			e.maxKeptIDs = scan
			e.Add("a", simulator.Profile{"email": "ann@example.com"}, "VIP")
			e.AddMembership("a", "VIP", "of another app")
			e.AddMembership("b", "VIP")
			e.AddMembership("c", "VIP")
			if got := e.mustRead("VIP", "email"); !slices.Equal(got, []string{`"ann@example.com"`, segmenttest.Unreadable, segmenttest.Unreadable}) {
				t.Errorf("rows %q", got)
			}
		})
	}
}

func TestDataverseMissingColumns(t *testing.T) {
	t.Parallel()
	e := newEnvironment(t, "Email", "FirstName")
	e.AddColumn("Tier", "Picklist")
	e.Add("a", nil, "VIP")
	_, err := e.read("VIP", "email", "Town", "Surname")
	var missing *segment.MissingColumnsError
	if !errors.As(err, &missing) || !slices.Equal(missing.Missing, []string{"Town", "Surname"}) ||
		!slices.Equal(missing.Available, []string{"customerid", "email", "firstname", "tier"}) || !missing.AnyCase {
		t.Errorf("error %#v", err)
	}
}

// Profiles can be read without the privilege to read metadata.
func TestDataverseWithoutMetadata(t *testing.T) {
	t.Parallel()
	e := newEnvironment(t, "Email")
	e.NoMetadata = true
	e.Add("a", simulator.Profile{"email": "ann@example.com"}, "VIP")
	if got := e.mustRead("VIP", "EMAIL"); !slices.Equal(got, []string{`"ann@example.com"`}) {
		t.Errorf("rows %q", got)
	}
	_, err := e.read("VIP", "email", "Town")
	if err == nil || err.Error() != `no column "Town"` {
		t.Errorf("error %v", err)
	}
}

func TestDataverseSegmentNotThere(t *testing.T) {
	t.Parallel()
	e := newEnvironment(t, "Email")
	e.Add("a", nil, "VIP_customers", "Gold")
	_, err := e.read("VIP Customers", "email")
	wantBlame(t, err, "segment", `There is no segment "VIP Customers".`, `Did you mean "VIP_customers"?`)

	rows, err := e.source("Silver").Open(t.Context(), []string{"email"})
	if err != nil {
		t.Fatal(err)
	}
	defer rows.Close()
	if _, err := rows.Next(nil); !errors.Is(err, io.EOF) {
		t.Errorf("a segment without members ends in %v", err)
	}
	why := rows.(segment.Explainer).WhyEmpty()
	wantBlame(t, why, "segment", `Nobody is in a segment "Silver"`, `There are "Gold", "VIP_customers".`, "safeguards.allow_empty_segment = true")
}

func TestDataverseNoSegments(t *testing.T) {
	t.Parallel()
	e := newEnvironment(t, "Email")
	rows, err := e.source("VIP").Open(t.Context(), []string{"email"})
	if err != nil {
		t.Fatal(err)
	}
	defer rows.Close()
	wantBlame(t, rows.(segment.Explainer).WhyEmpty(), "segment", "Nobody is in any segment there")
}

// wantNoLeak waits until no goroutines are left but those that current ignores. On a busy
// machine those of connections take longer to end than goleak waits.
func wantNoLeak(t *testing.T, current goleak.Option) {
	t.Helper()
	for deadline := time.Now().Add(30 * time.Second); goleak.Find(current) != nil && time.Now().Before(deadline); {
	}
	goleak.VerifyNone(t, current)
}

func TestDataverseStopsWhenCancelled(t *testing.T) { //nolint:paralleltest // goleak looks at all goroutines of the process
	defer wantNoLeak(t, goleak.IgnoreCurrent())
	for _, scan := range []int{0, 50} {
		e := newEnvironment(t, "Email")
		e.MaxPage, e.maxKeptIDs = 10, scan
		e.fill(2000, "VIP")
		ctx, cancel := context.WithCancel(t.Context())
		rows, err := e.source("VIP").Open(ctx, []string{"email"})
		if err != nil {
			t.Fatal(err)
		}
		if _, err := rows.Next(nil); err != nil {
			t.Error(err)
		}
		cancel()
		if _, err := segmenttest.ReadAll(rows); !errors.Is(err, context.Canceled) {
			t.Errorf("ends in %v", err)
		}
		if err := rows.Close(); err != nil {
			t.Error(err)
		}
		e.close()
	}
}

// Rows that are closed early leave no goroutine behind.
func TestDataverseClosedEarly(t *testing.T) { //nolint:paralleltest // goleak looks at all goroutines of the process
	defer wantNoLeak(t, goleak.IgnoreCurrent())
	e := newEnvironment(t, "Email")
	e.MaxPage = 10
	e.fill(4000, "VIP")
	rows, err := e.source("VIP").Open(t.Context(), []string{"email"})
	if err != nil {
		t.Fatal(err)
	}
	if err := rows.Close(); err != nil {
		t.Error(err)
	}
	e.close()
}

// Long ids go into more requests, so that no address is too long.
func TestDataverseLongIDs(t *testing.T) {
	t.Parallel()
	e := newEnvironment(t, "Email")
	for i := range 100 {
		e.Add(fmt.Sprintf("%0400d \"é\"", i), simulator.Profile{"email": "x"}, "VIP")
	}
	if got := e.mustRead("VIP", "email"); len(got) != 100 || e.countRequests("CRM.In") != 4 {
		t.Errorf("%d rows, %d requests by id", len(got), e.countRequests("CRM.In"))
	}
}
