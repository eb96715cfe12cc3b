package provider

import (
	"testing"

	"github.com/hashicorp/terraform-plugin-framework/attr"
	"github.com/hashicorp/terraform-plugin-framework/diag"
	"github.com/hashicorp/terraform-plugin-framework/types"

	"github.com/klaviyo-community/terraform-provider-klaviyo/internal/due"
	"github.com/klaviyo-community/terraform-provider-klaviyo/internal/export"
	"github.com/klaviyo-community/terraform-provider-klaviyo/internal/klaviyo"
	"github.com/klaviyo-community/terraform-provider-klaviyo/internal/pipeline"
	"github.com/klaviyo-community/terraform-provider-klaviyo/internal/sketch"
)

// consentOf is a marketing_consent block with texts and, unless they are nil, channels.
func consentOf(arguments map[string]string, channels ...string) types.Object {
	kinds, members := map[string]attr.Type{consentChannels: types.SetType{ElemType: types.StringType}}, map[string]attr.Value{consentChannels: types.SetNull(types.StringType)}
	for name, text := range arguments {
		kinds[name], members[name] = types.StringType, types.StringValue(text)
	}
	if channels != nil {
		var names []attr.Value
		for _, channel := range channels {
			names = append(names, types.StringValue(channel))
		}
		members[consentChannels] = types.SetValueMust(types.StringType, names)
	}
	return types.ObjectValueMust(kinds, members)
}

// Consent that is news makes a run due although the segments hold what they did, as long
// as it is compared with what this export has dealt with.
func TestExportPlan_newConsents(t *testing.T) {
	t.Parallel()
	dealt := sketch.New(sketch.Salt{1}, 96)
	since := dealt.Identity()
	for name, test := range map[string]struct {
		consents *pipeline.Consents
		dealt    *sketch.Sketch
		want     int64
	}{
		"news":                     {&pipeline.Consents{Given: 9, Since: since, News: true, New: pipeline.Keys{1, 2}}, dealt, 2},
		"of another export":        {&pipeline.Consents{Given: 9, Since: "other", News: true, New: pipeline.Keys{1, 2}}, dealt, 0},
		"too many":                 {&pipeline.Consents{Given: 9, Since: since}, dealt, 0},
		"the rest of a failed run": {&pipeline.Consents{Given: 9, Since: since, Begun: 4}, dealt, 5},
		"no sketch":                {&pipeline.Consents{Given: 9}, nil, 0},
		"no consents":              {nil, dealt, 0},
	} {
		p := ranAtTen()
		p.plan.MarketingConsent = consentOf(map[string]string{consentField: "Yes"})
		p.export.Subscription, p.export.Subscribed = p.plan.subscription(), test.dealt
		facts := p.facts(t.Context(), &export.Survey{Fingerprint: "abc", Consents: test.consents})
		if facts.Survey.Consents != test.want {
			t.Errorf("%s: %d consents, want %d", name, facts.Survey.Consents, test.want)
		}
	}
}

// What is kept of consents counts for the list and the channels that it is of.
func TestExportPlan_keptConsents(t *testing.T) {
	t.Parallel()
	plan := func(private keptState, change func(m *segmentExportModel)) *exportPlan {
		p := ranAtTen()
		p.private = private
		p.plan.MarketingConsent = consentOf(map[string]string{consentField: "Yes"}, "sms", "email")
		change(p.plan)
		p.export = &export.Export{Subscription: p.plan.subscription()}
		return p
	}
	same := func(*segmentExportModel) {}
	private := keptState{}
	dealt := sketch.New(sketch.Salt{1}, 96)
	plan(private, same).storeSubscribed(t.Context(), dealt, 3)
	for name, test := range map[string]struct {
		change func(m *segmentExportModel)
		left   int64
		sketch bool
	}{
		"the same": {same, 3, true},
		"in other order": {func(m *segmentExportModel) {
			m.MarketingConsent = consentOf(map[string]string{consentField: "Yes"}, "email", "sms")
		}, 3, true},
		"everything":      {func(m *segmentExportModel) { m.Send = types.StringValue(due.SendEverything) }, 3, false},
		"another list":    {func(m *segmentExportModel) { m.ListID = types.StringValue("Other1") }, 0, false},
		"another account": {func(m *segmentExportModel) { m.ID = types.StringValue("OtherA/VIPs01") }, 0, false},
		"other channels":  {func(m *segmentExportModel) { m.MarketingConsent = consentOf(map[string]string{consentField: "Yes"}) }, 0, false},
		"no block":        {func(m *segmentExportModel) { m.MarketingConsent = types.ObjectNull(nil) }, 0, false},
	} {
		p := plan(private, test.change)
		p.loadSubscribed(t.Context())
		if p.unsubscribed != test.left || (p.export.Subscribed != nil) != test.sketch {
			t.Errorf("%s: %d are left and the sketch is %v", name, p.unsubscribed, p.export.Subscribed)
		}
	}
	plan(private, same).storeSubscribed(t.Context(), nil, 0)
	if len(private[keySubscribed]) != 0 {
		t.Error("nothing is to be kept, and something is")
	}
}

// The block becomes the mapping and the subscription that it stands for.
func TestSegmentExportModel_consent(t *testing.T) {
	t.Parallel()
	m := &segmentExportModel{DisplayName: types.StringValue("VIP"), MarketingConsent: consentOf(map[string]string{consentField: "Yes", consentedAt: "Since"}, "whatsapp", "sms")}
	if c := m.consentMapping(); c.Column != "Yes" || c.DateColumn != "Since" || c.Only {
		t.Errorf("the mapping is %+v", c)
	}
	if s := m.subscription(); s.CustomSource != "VIP" || len(s.Channels) != 2 || s.Channels[0] != klaviyo.ChannelSMS {
		t.Errorf("the subscription is %+v", s)
	}
	m.MarketingConsent = consentOf(map[string]string{consentField: "Yes", customSource: "Shop"}, "sms", "email")
	if s := m.subscription(); s.CustomSource != "Shop" {
		t.Errorf("the subscription is %+v", s)
	}
	m.MarketingConsent = types.ObjectNull(nil)
	if m.consentMapping() != nil || m.subscription() != nil || m.channels() != "" {
		t.Error("somebody is subscribed without the block")
	}
}

// Each outcome of a run that is not what the rows ask for has a warning.
func TestWarnSubscriptions(t *testing.T) {
	t.Parallel()
	r := &export.Result{Subscriptions: export.Subscriptions{
		News: 40, OptedOut: 1, Unconfirmed: 12, Dropped: map[string]int64{"phone_number": 2},
	}}
	var diags diag.Diagnostics
	warnSubscriptions(&diags, "VIP", nil, r)
	want := map[string]string{
		"People Not Subscribed: VIP":                       "1 person says yes",
		"Values That Klaviyo Left Out (phone_number): VIP": "2 requests to subscribe up to 1,000 people each",
		"Subscriptions Not Confirmed By Klaviyo: VIP":      "12 profiles",
	}
	for _, d := range diags {
		if words, ok := want[d.Summary()]; !ok || !says(words).MatchString(d.Detail()) {
			t.Errorf("%s: %s", d.Summary(), d.Detail())
		}
		delete(want, d.Summary())
	}
	if len(want) > 0 {
		t.Errorf("no warnings of %v", want)
	}
	diags = nil
	if warnSubscriptions(&diags, "VIP", nil, &export.Result{}); len(diags) > 0 {
		t.Errorf("warnings of nothing: %v", diags)
	}
}
