package provider

import (
	"testing"
	"time"

	"github.com/hashicorp/terraform-plugin-testing/helper/resource"
	"github.com/hashicorp/terraform-plugin-testing/plancheck"
	"github.com/hashicorp/terraform-plugin-testing/statecheck"

	"github.com/klaviyo-community/terraform-provider-klaviyo/internal/simulator"
)

func TestAccConnection_createAndUpdate(t *testing.T) {
	t.Parallel()
	w := newEnvWith(t, simulator.Options{Account: simulator.Account{
		ID: "AcmeId", OrganizationName: "Acme", Timezone: "Europe/Oslo", Locale: "nb-NO", PreferredCurrency: "NOK", TestAccount: true,
	}})
	account := values{
		"id": "AcmeId", "account_id": "AcmeId", "organization_name": "Acme", "timezone": "Europe/Oslo",
		"locale": "nb-NO", "preferred_currency": "NOK", "test_account": true,
	}
	consentKept := sameInEachStep(connectionAddress, "consented_at")
	created := applied(w.connection(), inState(connectionAddress, account), consentKept(),
		inState(connectionAddress, values{"api_key": nil, "consented_at": "2026-11-24T09:30:00Z"}))
	created.ConfigPlanChecks = planned(connectionAddress, plancheck.ResourceActionCreate, values{
		"id": "AcmeId", "organization_name": "Acme", "consented_at": unknown,
	})
	created.ConfigPlanChecks.PostApplyPostRefresh = []plancheck.PlanCheck{plancheck.ExpectEmptyPlan()}
	updated := applied(w.connection().
		with(connectionBlock, "display_name", `"Marketing (EU)"`).
		with(connectionBlock, "allowed_list_ids", `["Y6nRLr"]`).
		with(connectionBlock, "max_profiles_per_export", "1000"),
		inState(connectionAddress, account), consentKept(),
		inState(connectionAddress, values{"display_name": "Marketing (EU)", "max_profiles_per_export": 1000}))
	consented := time.Date(2026, time.November, 24, 9, 30, 0, 0, time.UTC)
	w.clock = func() time.Time { return consented }
	updated.PreConfig = func() { w.clock = func() time.Time { return consented.Add(time.Hour) } } // another consented_at would show
	updated.ConfigPlanChecks = planned(connectionAddress, plancheck.ResourceActionUpdate, values{"id": "AcmeId", "consented_at": anyTime})
	w.run(created, updated)
}

// A key of another account is another connection, and the plan says so.
func TestAccConnection_otherAccountReplaces(t *testing.T) {
	t.Parallel()
	w := newEnv(t)
	w.addOtherAccount()
	moved := applied(w.connection().with(connectionBlock, "api_key", `"`+otherKey+`"`),
		inState(connectionAddress, values{"id": "OtherA", "organization_name": "Contoso", "consented_at": anyTime}),
		[]statecheck.StateCheck{statecheck.ExpectSensitiveValue(connectionAddress, attributeAt("api_key"))})
	moved.ConfigPlanChecks = planned(connectionAddress, plancheck.ResourceActionReplace, values{
		"id": "OtherA", "account_id": "OtherA", "organization_name": "Contoso", "consented_at": unknown,
	})
	w.run(applied(w.connection()), moved)
}

// A new key of the same account changes nothing.
func TestAccConnection_keyRotated(t *testing.T) {
	t.Parallel()
	w := newEnv(t)
	config := w.connection()
	rotated := resource.TestStep{Config: config.with(providerBlock, "api_key", `"`+otherKey+`"`).String(), PlanOnly: true}
	rotated.PreConfig = func() {
		w.AddKey(otherKey)
		w.RevokeKey(mainKey)
	}
	w.run(resource.TestStep{Config: config.String()}, rotated)
}

func TestAccConnection_import(t *testing.T) {
	t.Parallel()
	w := newEnv(t)
	config := w.connection().String()
	w.run(
		resource.TestStep{Config: config},
		resource.TestStep{
			ResourceName: connectionAddress, ImportState: true, ImportStateId: "MainAc", ImportStateVerify: true,
			ImportStateVerifyIgnore: []string{"display_name", "data_privacy_consent", "consented_at"}, // not Klaviyo's to tell
		},
		resource.TestStep{
			ResourceName: connectionAddress, ImportState: true, ImportStateId: "OtherA",
			ExpectError: says("API Key Of Another Account", `"OtherA"`, `belongs to MainAc ("Northwind")`),
		},
	)
}

// An imported connection takes the consent from the configuration, and when.
func TestAccConnection_importThenApply(t *testing.T) {
	t.Parallel()
	w := newEnv(t)
	config := w.connection()
	adopted := applied(config, inState(connectionAddress, values{"display_name": "Marketing", "consented_at": anyTime}))
	adopted.ConfigPlanChecks = planned(connectionAddress, plancheck.ResourceActionUpdate, values{"id": "MainAc", "consented_at": unknown})
	w.run(
		resource.TestStep{Config: config.String(), ResourceName: connectionAddress, ImportState: true, ImportStateId: "MainAc", ImportStatePersist: true},
		adopted,
	)
}

func TestAccConnection_refused(t *testing.T) {
	t.Parallel()
	tests := map[string]struct {
		block, argument, expression string
		words                       []string
		asks                        bool // Klaviyo
	}{
		"no consent": {
			connectionBlock, "data_privacy_consent", "false",
			[]string{"No Consent To Export Personal Data", "data_privacy_consent = false", "leaves the compliance boundary", "Nothing is sent without it"},
			false,
		},
		"consent null": {connectionBlock, "data_privacy_consent", "null", []string{"data_privacy_consent"}, false},
		"two keys": {
			connectionBlock, "api_key_env", `"OTHER_KEY"`,
			[]string{"Invalid Attribute Combination", `"api_key_env" cannot be specified when "api_key" is`},
			false,
		},
		"public key":         {connectionBlock, "api_key", `"MainAc"`, []string{"API Key Not Usable", "api_key =", "this is a public API key", "begins with pk_"}, false},
		"key with a space":   {connectionBlock, "api_key", `"pk_abc "`, []string{"API Key Not Usable", "white space", "copy it again"}, false},
		"value as variable":  {connectionBlock, "api_key_env", `"pk-value"`, []string{"Not An Environment Variable", "api_key_env"}, false},
		"list without an id": {connectionBlock, "allowed_list_ids", `["Y6nRLr", null]`, []string{"Null Set Value", "allowed_list_ids"}, false},
		"list with a name":   {connectionBlock, "allowed_list_ids", `["VIP customers"]`, []string{"allowed_list_ids", "must be an id of Klaviyo's"}, false},
		"no cap":             {connectionBlock, "max_profiles_per_export", "0", []string{"max_profiles_per_export", "at least 1"}, false},
		"unknown key":        {connectionBlock, "api_key", `"pk_nobody"`, []string{"API Key Refused", "get_accounts: 401", "The key came from api_key of the connection"}, true},
	}
	var plans refusals
	for name, test := range tests {
		w := newEnv(t)
		config := w.connection()
		if name == "two keys" {
			config = config.with(connectionBlock, "api_key", `"`+mainKey+`"`)
		}
		check := w.wantNoRequest
		if test.asks {
			check = w.wantOnlyAccounts
		}
		plans.add(name, w, config.with(test.block, test.argument, test.expression), test.words, check)
	}
	plans.run(t)
}

// A key that is known only after apply leaves the account to apply.
func TestAccConnection_keyKnownLate(t *testing.T) {
	t.Parallel()
	w := newEnv(t)
	config := w.connection().with(connectionBlock, "api_key", `"`+mainKey+`"`).late(connectionBlock, "api_key")
	step := applied(config, inState(connectionAddress, values{"id": "MainAc", "consented_at": anyTime}))
	step.ConfigPlanChecks = planned(connectionAddress, plancheck.ResourceActionCreate, values{"id": unknown, "organization_name": unknown})
	w.run(step)
}

// The variable is read where Terraform runs, and only its name is kept.
func TestAccConnection_keyFromNamedVariable(t *testing.T) {
	w := newEnv(t)
	const name = "KLAVIYO_KEY_OF_THIS_TEST"
	config := w.export(threeCSV).
		with(connectionBlock, "api_key_env", `"`+name+`"`).
		without(providerBlock, "api_key")
	t.Setenv(envAPIKey, "pk_not_this_one")
	t.Setenv(name, mainKey)
	set := func(value string) func() { return func() { t.Setenv(name, value) } }
	missing := refused(config, "API Key Missing", "the environment variable "+name, "empty or not set")
	missing.PreConfig = set("")
	public := refused(config, "API Key Not Usable", "from the environment variable "+name, "this is a public API key")
	public.PreConfig = set("MainAc")
	unknownKey := refused(config, "API Key Refused", "The key came from the environment variable "+name)
	unknownKey.PreConfig = set("pk_nobody")
	back := applied(config)
	back.PreConfig = set(mainKey)
	w.run(applied(config, inState(connectionAddress, values{"api_key_env": name, "api_key": nil, "id": "MainAc"}),
		inState(exportAddress, values{"destination.api_key_env": name})),
		missing, public, unknownKey, back)
	w.wantMembers(three...)
}

// Without any key the message names every place for one.
func TestAccConnection_noKeyAnywhere(t *testing.T) {
	t.Setenv(envAPIKey, "")
	w := newEnv(t)
	w.run(refused(w.connection().without(providerBlock, "api_key"), "API Key Missing", "api_key of the klaviyo_connection",
		"api_key_env of the klaviyo_connection", `api_key of the provider "klaviyo" block`, envAPIKey, "accounts:read", "profiles:write"))
	w.wantNoRequest()
}
