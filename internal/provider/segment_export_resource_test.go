package provider

import (
	"path/filepath"
	"reflect"
	"regexp"
	"strings"
	"testing"

	"github.com/hashicorp/terraform-plugin-testing/compare"
	"github.com/hashicorp/terraform-plugin-testing/helper/resource"
	"github.com/hashicorp/terraform-plugin-testing/knownvalue"
	"github.com/hashicorp/terraform-plugin-testing/plancheck"
	"github.com/hashicorp/terraform-plugin-testing/statecheck"

	"github.com/klaviyo-community/terraform-provider-klaviyo/internal/simulator"
)

// everythingCSV fills everything that a mapping can fill.
const everythingCSV = `EMail,ContactId,Phone,FirstName,City,Latitude,Tier,Income,Member,Since,Tags,Cart
Ann@Example.com,C-1,(212) 555-0123,Ann,Oslo,59.9,gold,51000.50,yes,2024-02-29,a; b,"{""items"": 2}"
bob@example.com,,,,,,,,,,,
no-address,,,,,,,,,,,
ANN@EXAMPLE.COM,,,Anna,,,,,,,,
`

// mapEverything maps all of everythingCSV.
func mapEverything(c configuration) configuration {
	return c.
		with(exportBlock, "data_matching", block(`email = "EMail"`, `phone_number = "Phone"`, `phone_region = "US"`, `external_id = "ContactId"`)).
		with(exportBlock, "attributes", block(`first_name = "FirstName"`, "location "+block(`city = "City"`, `latitude = "Latitude"`))).
		with(exportBlock, "properties", `{ loyalty_tier = "Tier" }`).
		with(exportBlock, "property 1", typedProperty("income", "Income", "number")).
		with(exportBlock, "property 2", typedProperty("member", "Member", "boolean")).
		with(exportBlock, "property 3", typedProperty("since", "Since", "datetime")).
		with(exportBlock, "property 4", typedProperty("tags", "Tags", "list")).
		with(exportBlock, "property 5", typedProperty("cart", "Cart", "json"))
}

func TestAccSegmentExport_create(t *testing.T) {
	t.Parallel()
	w := newEnv(t)
	config := mapEverything(w.export(everythingCSV)).with(exportBlock, "safeguards", halfRejected)
	created := applied(config, inState(exportAddress, values{
		"id":                            "MainAc/" + w.list.ID,
		"fingerprint":                   anyFingerprint,
		"profile_count":                 2,
		"rejected_count":                1,
		"duplicate_count":               1,
		"list_name":                     "VIP customers",
		"list_profile_count":            2,
		"sync_mode":                     "upsert",
		"enabled":                       true,
		"run_on_apply":                  true,
		"last_run.id":                   regexp.MustCompile(`^[A-Z2-7]{26}$`),
		"last_run.reason":               "first run",
		"last_run.status":               "succeeded",
		"last_run.started_at":           anyTime,
		"last_run.completed_at":         anyTime,
		"last_run.profiles_submitted":   2,
		"last_run.profiles_failed":      0,
		"last_run.rows_rejected":        1,
		"last_run.profiles_unconfirmed": 0,
		"last_run.list_profile_count":   2,
		"last_run.jobs":                 1,
	}), []statecheck.StateCheck{statecheck.CompareValuePairs(
		exportAddress, attributeAt("fingerprint"), exportAddress, attributeAt("last_run.fingerprint"), compare.ValuesSame())})
	created.ConfigPlanChecks = planned(exportAddress, plancheck.ResourceActionCreate, values{
		"id": "MainAc/" + w.list.ID, "profile_count": unknown, "rejected_count": unknown, "duplicate_count": unknown, "fingerprint": unknown,
		"list_name": "VIP customers", "list_profile_count": unknown,
		"last_run.reason": "first run", "last_run.status": unknown, "last_run.profiles_submitted": unknown,
	})
	created.ConfigPlanChecks.PostApplyPostRefresh = []plancheck.PlanCheck{plancheck.ExpectEmptyPlan()}
	w.run(created)
	w.wantImports(1)
	w.wantMembers("ann@example.com", "bob@example.com")
	w.wantProfile("ann@example.com", simulator.Profile{
		PhoneNumber: "+12125550123", ExternalID: "C-1",
		Attributes: map[string]any{"first_name": "Ann", "location": map[string]any{"city": "Oslo", "latitude": 59.9}},
		Properties: map[string]any{
			"loyalty_tier": "gold", "income": 51000.5, "member": true, "since": "2024-02-29",
			"tags": []any{"a", "b"}, "cart": map[string]any{"items": 2.0},
		},
	})
	w.wantProfile("bob@example.com", simulator.Profile{Attributes: map[string]any{}, Properties: map[string]any{}})
}

// wantProfile compares what a mapping fills.
func (w *env) wantProfile(email string, want simulator.Profile) {
	w.t.Helper()
	got, ok := w.Profile(email)
	if !ok {
		w.t.Fatalf("Klaviyo has no profile of %s", email)
	}
	if got.PhoneNumber != want.PhoneNumber || got.ExternalID != want.ExternalID {
		w.t.Errorf("%s has phone number %q and external id %q, want %q and %q", email, got.PhoneNumber, got.ExternalID, want.PhoneNumber, want.ExternalID)
	}
	if !reflect.DeepEqual(got.Attributes, want.Attributes) {
		w.t.Errorf("%s has the attributes %v, want %v", email, got.Attributes, want.Attributes)
	}
	if !reflect.DeepEqual(got.Properties, want.Properties) {
		w.t.Errorf("%s has the properties %v, want %v", email, got.Properties, want.Properties)
	}
}

// wide is ASCII as UTF-16.
func wide(text string) string { return strings.Join(strings.Split(text, ""), "\x00") + "\x00" }

func TestAccSegmentExport_formats(t *testing.T) {
	t.Parallel()
	tests := map[string]struct {
		content  string
		file     string // further arguments of the file
		rejected int
		dupes    int
	}{
		"semicolons":         {content: strings.ReplaceAll(threeCSV, ",", ";"), file: `delimiter = ";"`},
		"tabs":               {content: strings.ReplaceAll(threeCSV, ",", "\t"), file: `delimiter = "\t"`},
		"mark and CRLF":      {content: "\xef\xbb\xbf" + strings.ReplaceAll(threeCSV, "\n", "\r\n")},
		"line ends in cells": {content: "EMail,FirstName\nann@example.com,\"An\nn\"\nbob@example.com,\"\"\"Bob\"\"\r\n, II\"\neve@example.com,Eve"},
		"ragged rows":        {content: threeCSV + "Total rows: 3\nkim@example.com,Kim,Lee\n", rejected: 2},
		"unclosed quote":     {content: "EMail,FirstName\njoe@example.com,\"Joe\n" + threeCSV[len("EMail,FirstName\n"):], rejected: 1},
		"bare quotes":        {content: strings.ReplaceAll(threeCSV, "Bob", "Bob \"B\"") + "\"eve@example.com\"\n", dupes: 1},
		"empty rows":         {content: threeCSV + ",\n,,,\n\n , \n"},
		"CR":                 {content: strings.ReplaceAll(threeCSV, "\n", "\r")},
		"a line of Excel":    {content: "sep=|\r\n" + strings.ReplaceAll(threeCSV, ",", "|")},
		"UTF-16":             {content: wide(threeCSV), file: `encoding = "utf-16le"`},
		"a title":            {content: "Report\n\n" + threeCSV, file: `skip_lines = 2`},
		"no header":          {content: threeCSV[len("EMail,FirstName\n"):], file: `columns = ["EMail", "FirstName"]`},
		"texts for no value": {content: threeCSV + "#N/A,#N/A\n", file: `null_values = ["#N/A"]`, rejected: 1},
		"other case":         {content: threeCSV + "ANN@EXAMPLE.COM,Anna\n Bob@Example.com ,Bobby\n", dupes: 2},
		"addresses that are none": {
			content: threeCSV + ",Nobody\nhere,Here\na@b,Short\nzoë@example.com,Zoë\n\"ann@example.com,eve@example.com\",Two\n", rejected: 5,
		},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			w := newEnv(t)
			segments := strings.Replace(w.segment(test.content), "path =", test.file+"\npath =", 1)
			w.run(applied(w.export(test.content).with(exportBlock, "segment", segments).with(exportBlock, "safeguards", "{ max_rejected_percent = 80 }"), inState(exportAddress, values{
				"profile_count": 3, "rejected_count": test.rejected, "duplicate_count": test.dupes,
				"last_run.status": "succeeded", "last_run.profiles_submitted": 3,
			})))
			w.wantMembers(three...)
		})
	}
}

// The union of the segments is exported, and of two rows for one address the
// first counts, in the order in which the segments are written.
func TestAccSegmentExport_severalSegments(t *testing.T) {
	t.Parallel()
	w := newEnv(t)
	w.write("a.csv", "FirstName,EMail,Extra\nAnn,ann@example.com,1\nBob,bob@example.com,2\n")
	w.write("b.csv", "EMail,FirstName\nBOB@example.com,Robert\neve@example.com,Eve\n")
	config := w.export("").without(exportBlock, "segment").
		with(exportBlock, "segment 1", namedSegment("late", filepath.Join(w.dir, "a.csv"))).
		with(exportBlock, "segment 2", namedSegment("early", filepath.Join(w.dir, "b.csv")))
	w.run(applied(config.with(exportBlock, "safeguards", "{ max_rejected_percent = 80 }"), inState(exportAddress, values{
		"profile_count": 3, "duplicate_count": 1, "last_run.jobs": 1,
	})))
	w.wantMembers(three...)
	w.wantProfile("bob@example.com", simulator.Profile{Attributes: map[string]any{"first_name": "Bob"}, Properties: map[string]any{}})
}

// Numbers of a region become E.164; those that do not exist are left out and
// cost nobody the export.
func TestAccSegmentExport_phoneNumbers(t *testing.T) {
	t.Parallel()
	w := newEnv(t)
	config := w.export("EMail,Phone\nann@example.com,600 111 222\nbob@example.com,+1 (212) 555-0123\neve@example.com,12\n").
		without(exportBlock, "attributes").
		with(exportBlock, "data_matching", block(`email = "EMail"`, `phone_number = "Phone"`, `phone_region = "ES"`))
	w.run(applied(config, inState(exportAddress, values{"profile_count": 3, "rejected_count": 0})))
	w.wantMembers(three...)
	for email, want := range map[string]string{"ann@example.com": "+34600111222", "bob@example.com": "+12125550123", "eve@example.com": ""} {
		if got, _ := w.Profile(email); got.PhoneNumber != want {
			t.Errorf("%s has the phone number %q, want %q", email, got.PhoneNumber, want)
		}
	}
}

func TestAccSegmentExport_import(t *testing.T) {
	t.Parallel()
	w := newEnv(t)
	config := w.export(threeCSV)
	imports := func(id string) resource.TestStep {
		return resource.TestStep{ResourceName: exportAddress, ImportState: true, ImportStateId: id, Config: config.String()}
	}
	refuses := func(id string, words ...string) resource.TestStep {
		step := imports(id)
		step.ExpectError = says(words...)
		return step
	}
	good := imports("MainAc/" + w.list.ID)
	good.ImportStatePersist = true
	after := applied(config, inState(exportAddress, values{"last_run.reason": "first run", "list_profile_count": 3}))
	after.ConfigPlanChecks = planned(exportAddress, plancheck.ResourceActionUpdate, values{
		"id": "MainAc/" + w.list.ID, "list_name": "VIP customers", "last_run.reason": "first run",
	})
	w.run(
		refuses(w.list.ID, "Not The Id Of An Export", "such as AbC123/Y6nRLr"),
		refuses("MainAc/", "Not The Id Of An Export"),
		refuses("MainAc/a/b", "Not The Id Of An Export"),
		refuses("MainAc/NoList", "List Not Found", `"NoList"`),
		refuses("OtherA/"+w.list.ID, "API Key Of Another Account", `MainAc ("Northwind")`),
		good, after,
	)
	w.wantImports(1)
}

// The list keeps its members.
func TestAccSegmentExport_destroy(t *testing.T) {
	t.Parallel()
	w := newEnv(t)
	config := w.export(threeCSV)
	w.run(applied(config), resource.TestStep{Config: config.String(), Destroy: true})
	w.wantNothingTakenBack()
}

// An export whose key is revoked and whose file is gone is destroyed by taking
// it out of the configuration.
func TestAccSegmentExport_destroyWhenBroken(t *testing.T) {
	t.Parallel()
	w := newEnv(t)
	removed := resource.TestStep{Config: w.provider().String(), PreConfig: func() {
		w.RevokeKey(mainKey)
		w.segment("")
	}}
	removed.ConfigPlanChecks = planned(exportAddress, plancheck.ResourceActionDestroy, nil)
	w.run(applied(w.export(threeCSV)), removed)
	w.wantNothingTakenBack()
}

// wantNothingTakenBack checks that all are on the list and nothing was sent
// but one import.
func (w *env) wantNothingTakenBack() {
	w.t.Helper()
	w.wantMembers(three...)
	w.wantImports(1)
	for _, r := range w.Requests() {
		if r.Method != "GET" && r.Path != importsPath {
			w.t.Errorf("%s %s was sent", r.Method, r.Path)
		}
	}
}

func TestAccSegmentExport_listDeletedIsMadeAgain(t *testing.T) {
	t.Parallel()
	w := newEnv(t)
	config := w.export(threeCSV).
		with(listBlock, "name", `"Managed"`).
		with(listBlock, "force_destroy", "true").
		with(exportBlock, "list_id", listAddress+".id")
	again := applied(config, inState(exportAddress, values{"last_run.status": "succeeded", "list_name": "Managed", "list_profile_count": 3}))
	again.PreConfig = func() { w.DeleteList(w.Lists()[1].ID) }
	again.ConfigPlanChecks = planned(exportAddress, plancheck.ResourceActionUpdate, values{
		"id": unknown, "list_name": unknown, "last_run.status": unknown,
		"last_run.reason": "everything is sent: the list was deleted in Klaviyo, and another one is used (1 import job, 1s at best)",
	})
	w.run(applied(config), again)
	w.wantImports(2)
}

// The connection may take its key from anywhere; the export follows it.
func TestAccSegmentExport_keyOfTheConnection(t *testing.T) {
	t.Parallel()
	w := newEnv(t)
	w.addOtherAccount()
	config := w.export(threeCSV).
		with(providerBlock, "api_key", `"`+otherKey+`"`).
		with(connectionBlock, "api_key", `"`+mainKey+`"`)
	w.run(applied(config, inState(exportAddress, values{"id": "MainAc/" + w.list.ID, "destination.api_key": knownvalue.NotNull()}),
		[]statecheck.StateCheck{statecheck.ExpectSensitiveValue(exportAddress, attributeAt("destination.api_key"))}))
	w.wantMembers(three...)
}
