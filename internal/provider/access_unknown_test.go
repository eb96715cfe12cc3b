package provider

import (
	"net/http"
	"net/http/httptest"
	"testing"

	"github.com/hashicorp/terraform-plugin-go/tfprotov6"
	"github.com/hashicorp/terraform-plugin-testing/helper/resource"
	"github.com/hashicorp/terraform-plugin-testing/plancheck"
)

// Nothing is asked of anybody, least of all with the key, until it is known
// where Klaviyo is.
func TestAccProvider_addressKnownLate(t *testing.T) {
	t.Parallel()
	w := newEnv(t)
	asked := make(chan string, 100)
	proxy := httptest.NewServer(http.HandlerFunc(func(rw http.ResponseWriter, r *http.Request) {
		asked <- r.Method + " " + r.Host
		http.Error(rw, "no", http.StatusBadGateway)
	}))
	t.Cleanup(proxy.Close)
	config := w.export(threeCSV).with(listBlock, "name", `"Gold"`).late(providerBlock, "base_url")
	// What the variable says is not what the configuration will say.
	c := newCLI(t, config, envBaseURL+"=https://klaviyo.example.com", "HTTPS_PROXY="+proxy.URL, "HTTP_PROXY="+proxy.URL, "NO_PROXY=127.0.0.1,localhost")
	c.terraformRun("4 to add", "plan", "-out=plan.bin")
	w.wantNoRequest()
	c.terraformRun("4 added", "apply", "plan.bin")
	w.wantMembers(three...)
	before := len(w.Requests())
	c.terraformRun("terraform_data.late will be replaced", "plan", "-replace=terraform_data.late")
	if now := len(w.Requests()); now != before {
		t.Errorf("%d requests were made while the address was not known", now-before)
	}
	close(asked)
	for who := range asked {
		t.Errorf("somebody was asked through the proxy: %s", who)
	}
}

// The environment does not stand in for an argument that is there but not known
// yet.
func TestConfigure_unknownArguments(t *testing.T) {
	w := newEnv(t)
	c := newCore(w, mainKey)
	t.Setenv(envBaseURL, w.URL)
	t.Setenv(envRequestTimeout, "nonsense")
	t.Setenv(envRetryTimeout, "nonsense")
	errs := c.configureAgain(values{"api_key": mainKey, "base_url": unknown, "request_timeout": unknown, "retry_timeout": unknown})
	if errs != "" {
		t.Fatal(errs)
	}
	_, diags := c.importBy(listKind, w.list.ID, nil)
	if got := errorsOf(diags); !says("API Key Or Address Not Known Yet", `base_url of the provider "klaviyo" block`, "-target", envBaseURL).MatchString(got) {
		t.Errorf("the errors are %q", got)
	}
	w.wantNoRequest()
}

// An import needs the key at once, and says what to do.
func TestConfigure_unknownKeyAtImport(t *testing.T) {
	t.Parallel()
	w := newEnv(t)
	c := newCore(w, mainKey)
	if errs := c.configureAgain(values{"api_key": unknown, "base_url": w.URL}); errs != "" {
		t.Fatal(errs)
	}
	for kind, id := range map[string]string{connectionKind: "MainAc", listKind: w.list.ID, exportKind: "MainAc/" + w.list.ID} {
		_, diags := c.importBy(kind, id, nil)
		if got := errorsOf(diags); !says("API Key Or Address Not Known Yet", `api_key of the provider "klaviyo" block`, "-target", envAPIKey).MatchString(got) {
			t.Errorf("%s: the errors are %q", kind, got)
		}
	}
	w.wantNoRequest()
}

// A list in the state is kept while the key is not known, and is made or
// changed once it is.
func TestAccList_keyKnownLate(t *testing.T) {
	t.Parallel()
	w := newEnv(t)
	config := w.export(threeCSV).with(listBlock, "name", `"Gold"`).late(providerBlock, "api_key")
	rotated := applied(config.with(dataBlock, "input", `"`+otherKey+`"`).with(listBlock, "name", `"Silver"`),
		inState(listAddress, values{"name": "Silver", "created": anyListTime}))
	rotated.PreConfig = func() { w.AddKey(otherKey) }
	rotated.ConfigPlanChecks = planned(listAddress, plancheck.ResourceActionUpdate, values{"created": anyListTime})
	w.run(applied(config, inState(listAddress, values{"name": "Gold"})), rotated, resource.TestStep{Config: w.provider().String()})
	w.wantImports(1)
}

// A list in the state that has no identity yet gets one all the same.
func TestList_keyKnownLateWithoutIdentity(t *testing.T) {
	t.Parallel()
	w := newEnv(t)
	c := newCore(w, mainKey)
	list := c.apply(c.absent(listKind), values{"name": "Gold"})
	if errs := c.configureAgain(values{"api_key": unknown, "base_url": w.URL}); errs != "" {
		t.Fatal(errs)
	}
	w.ResetRequests()
	c.wantIdentity("read", c.mustRead(list), "account_id=MainAc id="+w.managed().ID)
	list.identity = nil
	kept := c.mustRead(list)
	c.wantIdentity("read of an old state", kept, "account_id is null id="+w.managed().ID)
	if !kept.state.Equal(list.state) {
		t.Errorf("the state became\n%s", kept.state)
	}
	w.wantNoRequest()
}

// The data source cannot wait for the key, unless Terraform can.
func TestAccListDataSource_keyKnownLate(t *testing.T) {
	t.Parallel()
	w := newEnv(t)
	w.run(refused(w.listData("name", "VIP customers").late(providerBlock, "api_key"),
		"API Key Or Address Not Known Yet", "depends on a resource that is not applied yet", "-target=", envAPIKey))
	w.wantNoRequest()
}

func TestListDataSource_deferred(t *testing.T) {
	t.Parallel()
	w := newEnv(t)
	c := newCore(w, mainKey)
	if errs := c.configureAgain(values{"api_key": unknown, "base_url": w.URL}); errs != "" {
		t.Fatal(errs)
	}
	resp, err := c.server.ReadDataSource(t.Context(), &tfprotov6.ReadDataSourceRequest{
		TypeName: listKind, Config: dynamic(t, protocolSchema(t).DataSourceSchemas[listKind].ValueType(), values{"name": "VIP customers"}),
		ClientCapabilities: &tfprotov6.ReadDataSourceClientCapabilities{DeferralAllowed: true},
	})
	if err != nil {
		t.Fatal(err)
	}
	c.check(resp.Diagnostics)
	if resp.Deferred == nil || resp.Deferred.Reason != tfprotov6.DeferredReasonProviderConfigUnknown {
		t.Errorf("the answer is deferred for %v, want for the configuration of the provider", resp.Deferred)
	}
	w.wantNoRequest()
}
