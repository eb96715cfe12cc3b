package provider

import (
	"context"
	"encoding/json"
	"reflect"
	"testing"
	"time"

	"github.com/hashicorp/terraform-plugin-framework/attr"
	"github.com/hashicorp/terraform-plugin-framework/diag"
	"github.com/hashicorp/terraform-plugin-framework/types"

	"github.com/klaviyo-community/terraform-provider-klaviyo/internal/due"
	"github.com/klaviyo-community/terraform-provider-klaviyo/internal/export"
)

// keptState is a private state in memory.
type keptState map[string][]byte

func (k keptState) GetKey(_ context.Context, key string) ([]byte, diag.Diagnostics) {
	return k[key], nil
}

func (k keptState) SetKey(_ context.Context, key string, value []byte) diag.Diagnostics {
	k[key] = value
	return nil
}

// texts is an object of texts, of which the empty ones are null.
func texts(of map[string]string) types.Object {
	kinds, members := map[string]attr.Type{}, map[string]attr.Value{}
	for name, text := range of {
		kinds[name], members[name] = types.StringType, types.StringValue(text)
		if text == "" {
			members[name] = types.StringNull()
		}
	}
	return types.ObjectValueMust(kinds, members)
}

func matchedBy(column string) types.Object {
	return texts(map[string]string{"email": column, "phone_number": "", "phone_region": "", "external_id": ""})
}

func daily(zone string) types.Object {
	return texts(map[string]string{"cron": "0 6 * * *", "timezone": zone})
}

// ranAtTen is the state of an export that ran at ten o'clock, and a plan of the
// same.
func ranAtTen() *exportPlan {
	model := func() *segmentExportModel {
		return &segmentExportModel{
			ID: types.StringValue("MainAc/VIPs01"), ListID: types.StringValue("VIPs01"), Enabled: types.BoolValue(true),
			SyncMode: types.StringValue(syncUpsert), OptOuts: types.StringValue(optOutsWithhold), MembershipCheck: types.StringValue(membershipFull),
			Segments:     types.ListValueMust(types.StringType, []attr.Value{types.StringValue("vip")}),
			DataMatching: matchedBy("Email"), Schedule: daily("UTC"), Triggers: types.MapNull(types.StringType),
			Attributes: types.ObjectNull(nil), Properties: types.MapNull(types.StringType), Property: types.ListNull(types.StringType),
		}
	}
	p := &exportPlan{plan: model(), state: model(), private: keptState{}, diags: &diag.Diagnostics{}, export: &export.Export{}}
	p.data = &providerData{now: func() time.Time { return time.Date(2026, time.January, 16, 7, 0, 0, 0, time.UTC) }}
	p.state.ProfileCount = types.Int64Value(7)
	run := plannedRun("first run")
	for name, value := range map[string]attr.Value{
		"started_at": types.StringValue("2026-01-15T10:00:00Z"), "fingerprint": types.StringValue("abc"),
		"profiles_submitted": types.Int64Value(5), "profiles_unconfirmed": types.Int64Value(1),
	} {
		run[name] = value
	}
	p.state.LastRun = run.object()
	return p
}

// What Terraform hands over arrives as the facts that it stands for. Each case
// is the one difference from an export that has run and is planned as it was.
func TestExportPlan_facts(t *testing.T) {
	t.Parallel()
	six := time.Date(2026, time.January, 16, 6, 0, 0, 0, time.UTC)
	list := due.List{AccountID: "MainAc", ListID: "VIPs01"}
	otherList := due.List{AccountID: "MainAc", ListID: "Other1"}
	inputs := due.Inputs{List: list, SyncMode: "upsert", OptOuts: "withhold", Triggers: map[string]string{}}
	tests := map[string]struct {
		change func(p *exportPlan)
		want   func(f *due.Facts)
	}{
		"nothing":       {func(*exportPlan) {}, func(*due.Facts) {}},
		"no state":      {func(p *exportPlan) { p.state = nil }, func(f *due.Facts) { *f = due.Facts{} }},
		"imported":      {func(p *exportPlan) { p.state = &segmentExportModel{LastRun: types.ObjectNull(runType())} }, func(f *due.Facts) { *f = due.Facts{} }},
		"enabled again": {func(p *exportPlan) { p.state.Enabled = types.BoolValue(false) }, func(f *due.Facts) { f.EnabledAgain = true }},
		"mapping":       {func(p *exportPlan) { p.plan.DataMatching = matchedBy("Mail") }, func(f *due.Facts) { f.MappingChanged = true }},
		"segments": {
			func(p *exportPlan) { p.plan.Segments = types.ListNull(types.StringType) },
			func(f *due.Facts) { f.SegmentsChanged = true },
		},
		"schedule": {
			func(p *exportPlan) { p.plan.Schedule = daily("Europe/Madrid") },
			func(f *due.Facts) { f.ScheduleChanged, f.Tick = true, six.Add(-time.Hour) },
		},
		"no schedule": {
			func(p *exportPlan) { p.plan.Schedule = types.ObjectNull(nil) },
			func(f *due.Facts) { f.ScheduleChanged, f.Tick = true, time.Time{} },
		},
		"before the time of the schedule": {
			func(p *exportPlan) { p.data.now = func() time.Time { return six.Add(-time.Second) } },
			func(f *due.Facts) { f.Tick = time.Time{} },
		},
		"everything asked for":        {func(p *exportPlan) { p.plan.Send = types.StringValue("everything") }, func(f *due.Facts) { f.Send = due.SendEverything }},
		"what to send is not known":   {func(p *exportPlan) { p.plan.Send = types.StringUnknown() }, func(f *due.Facts) { f.Send = "" }},
		"everything sent a week ago":  {func(p *exportPlan) { p.state.LastFullSendAt = types.StringValue("2026-01-09T07:00:00Z") }, func(f *due.Facts) { f.FullSend = true }},
		"everything sent more lately": {func(p *exportPlan) { p.state.LastFullSendAt = types.StringValue("2026-01-09T07:00:01Z") }, func(*due.Facts) {}},
		"full sends an hour apart": {
			func(p *exportPlan) {
				p.state.LastFullSendAt, p.plan.FullSendAfter = types.StringValue("2026-01-16T06:00:00Z"), types.StringValue("1h")
			},
			func(f *due.Facts) { f.FullSend, f.FullSendChanged = true, true },
		},
		"no full sends": {
			func(p *exportPlan) {
				p.state.LastFullSendAt, p.plan.FullSendAfter = types.StringValue("2020-01-16T06:00:00Z"), types.StringValue("0")
			},
			func(f *due.Facts) { f.FullSendChanged = true },
		},
		"acknowledged profiles that were kept": {func(p *exportPlan) { p.known = true }, func(f *due.Facts) { f.Last.Known = true }},
		"counts that were kept": {
			func(p *exportPlan) { p.private = keptState{keyCounts: []byte(`{"profiles":12,"untaken":3}`)} },
			func(f *due.Facts) { f.Last.Profiles, f.Last.Untaken = 12, 3 },
		},
		"people to subscribe": {
			func(p *exportPlan) { p.unsubscribed = 3 },
			func(f *due.Facts) { f.Last.Unsubscribed = 3 },
		},
		"channels": {
			func(p *exportPlan) {
				p.plan.MarketingConsent = types.ObjectValueMust(map[string]attr.Type{"consent_field": types.StringType}, map[string]attr.Value{"consent_field": types.StringValue("Yes")})
			},
			func(f *due.Facts) { f.Now.Channels, f.MappingChanged = "email", true },
		},
		"edited":         {func(p *exportPlan) { p.edited = true }, func(f *due.Facts) { f.Edited = true }},
		"just refreshed": {func(p *exportPlan) { p.justRefreshed = true }, func(f *due.Facts) { f.JustRefreshed = true }},
		"inputs that were kept": {
			func(p *exportPlan) {
				p.private = keptState{keyInputs: []byte(`{"account_id":"Old","list_id":"Old1","sync_mode":"m","opt_outs":"ignore","triggers":{"a":"1"}}`)}
			},
			func(f *due.Facts) {
				f.Last.Killed = false
				f.Last.Inputs = due.Inputs{
					List: due.List{AccountID: "Old", ListID: "Old1"}, SyncMode: "m", OptOuts: "ignore", Triggers: map[string]string{"a": "1"},
				}
			},
		},
		"missing profiles that were kept": {
			func(p *exportPlan) { p.private = keptState{keyMissing: []byte(`{"count":2,"fingerprint":"m1"}`)} },
			func(f *due.Facts) { f.Last.Missing = due.Missing{Count: 2, Fingerprint: "m1"} },
		},
		"refreshed, another list planned": {
			func(p *exportPlan) {
				p.plan.ListID, p.plan.ID = types.StringValue("Other1"), types.StringValue("MainAc/Other1")
				p.refresh = &refreshed{Lost: 3, Tick: six, FullSend: true}
			},
			func(f *due.Facts) {
				f.Now.List = otherList
				f.Refresh = &due.Refresh{List: list, Lost: 3, Tick: six, FullSend: true}
			},
		},
		"refreshed and compared": {
			func(p *exportPlan) {
				p.refresh = &refreshed{Survey: &export.Survey{}, Membership: &export.Membership{Missing: 4, MissingFingerprint: "m2", Strangers: 5}}
			},
			func(f *due.Facts) {
				f.Refresh = &due.Refresh{
					List: list, SegmentsRead: true, Membership: &due.Membership{Missing: due.Missing{Count: 4, Fingerprint: "m2"}, Strangers: 5},
				}
			},
		},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			p := ranAtTen()
			test.change(p)
			want := &due.Facts{
				Last: &due.Run{Inputs: inputs, Fingerprint: "abc", Profiles: 7, Unconfirmed: 1, Killed: true}, // nothing is kept
				Now:  inputs, Survey: &due.Survey{Fingerprint: "xyz", Profiles: 9}, MembershipCheck: due.CheckFull, Send: due.SendChanges, Tick: six,
			}
			test.want(want)
			got := p.facts(t.Context(), &export.Survey{Fingerprint: "xyz", Profiles: 9})
			got.Tick = got.Tick.UTC()
			if p.diags.HasError() {
				t.Fatal(p.diags)
			}
			if !reflect.DeepEqual(got, want) {
				t.Errorf("facts are\n%s, want\n%s", asText(t, got), asText(t, want))
			}
		})
	}
}

func TestExportPlan_factsUnread(t *testing.T) {
	t.Parallel()
	if got := ranAtTen().facts(t.Context(), nil); got.Survey != nil {
		t.Errorf("segments that were not read are surveyed: %+v", got.Survey)
	}
}

func asText(t *testing.T, value any) string {
	t.Helper()
	text, err := json.MarshalIndent(value, "", " ")
	if err != nil {
		t.Fatal(err)
	}
	return string(text)
}
