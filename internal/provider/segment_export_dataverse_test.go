package provider

import (
	"fmt"
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"testing"

	"github.com/klaviyo-community/terraform-provider-klaviyo/internal/simulator/dataverse"
)

// insights is a Klaviyo and a Customer Insights for one test.
type insights struct {
	*env
	dataverse *dataverse.Server
	authority []string // environment of a provider that trusts the stand-in of Microsoft Entra ID
}

func newInsights(t *testing.T) *insights {
	t.Helper()
	if runtime.GOOS == "darwin" || runtime.GOOS == "windows" {
		t.Skip("the system decides which certificates are trusted")
	}
	i := &insights{env: newEnv(t), dataverse: dataverse.Start("Email", "FirstName")}
	t.Cleanup(i.dataverse.Close)
	certificate := filepath.Join(t.TempDir(), "authority.pem")
	if err := os.WriteFile(certificate, i.dataverse.AuthorityCertificate(), 0o600); err != nil {
		t.Fatal(err)
	}
	i.authority = []string{"AZURE_AUTHORITY_HOST=" + i.dataverse.AuthorityURL, "SSL_CERT_FILE=" + certificate}
	i.dataverse.AddColumn("Income", "Decimal")
	for _, email := range three {
		name, _, _ := strings.Cut(email, "@")
		i.dataverse.Add("id-"+name, dataverse.Profile{"email": email, "firstname": name, "income": 1200.5}, "VIP_customers", "Everybody")
	}
	i.dataverse.Add("id-joe", dataverse.Profile{"email": "joe@example.com"}, "Everybody")
	return i
}

// configuration exports a segment of Customer Insights.
func (i *insights) configuration(segment string, arguments ...string) configuration {
	i.t.Helper()
	source := vipSegment("dataverse", append(arguments, fmt.Sprintf("environment_url = %q", i.dataverse.URL), fmt.Sprintf("segment = %q", segment))...)
	return i.export(threeCSV).
		with(exportBlock, "segment", source).
		with(exportBlock, "properties", `{ income = "Income" }`)
}

// cli returns a Terraform that signs in with what its environment has.
func (i *insights) cli(c configuration, env ...string) *cli {
	i.t.Helper()
	return newCLI(i.t, c, slices.Concat(i.authority, []string{
		"AZURE_TENANT_ID=" + dataverse.Tenant, "AZURE_CLIENT_ID=" + dataverse.Client, "AZURE_CLIENT_SECRET=" + dataverse.ClientSecret,
	}, env)...)
}

func TestAccDataverse_exports(t *testing.T) {
	t.Parallel()
	i := newInsights(t)
	c := i.cli(i.configuration("VIP_customers"), "TF_LOG=TRACE")
	c.run("3 profiles (1 import job, 1s at best), from 3 rows", "plan", "-no-color", "-input=false", "-out=plan.bin")
	c.run("Apply complete", "apply", "-no-color", "-input=false", "plan.bin")
	i.wantMembers(three...)
	if ann, _ := i.Profile("ann@example.com"); ann.Properties["income"] != 1200.5 {
		t.Errorf("the properties are %v, want the income as a number", ann.Properties)
	}
	c.run("No changes", "plan", "-no-color", "-input=false")

	i.dataverse.Remove("id-joe")
	i.dataverse.AddMembership("id-joe", "VIP_customers")
	c.run("segment changed: +1 ~0 -0", "plan", "-no-color", "-input=false")
	c.run("Apply complete", "apply", "-no-color", "-input=false", "-auto-approve")
	i.wantMembers("ann@example.com", "bob@example.com", "eve@example.com", "joe@example.com")
	c.run("No changes", "plan", "-no-color", "-input=false")
	c.run("Destroy complete", "destroy", "-no-color", "-input=false", "-auto-approve")
	c.wantNoSecrets([]string{dataverse.ClientSecret, "tok_", "ann@example", "joe@example", mainKey})
}

func TestAccDataverse_appRegistration(t *testing.T) {
	t.Parallel()
	i := newInsights(t)
	config := i.configuration("VIP_customers", fmt.Sprintf("tenant_id = %q", dataverse.Tenant), fmt.Sprintf("client_id = %q", dataverse.Client), `client_secret_env = "CONTOSO_SECRET"`)
	c := newCLI(t, config, append(i.authority, "CONTOSO_SECRET="+dataverse.ClientSecret)...)
	c.run("Apply complete", "apply", "-no-color", "-input=false", "-auto-approve")
	i.wantMembers(three...)
	c.env = append(c.env, "CONTOSO_SECRET=wr0ng")
	c.fail("AADSTS7000215: Invalid client secret provided.", "plan", "-no-color", "-input=false")
	if strings.Contains(c.output.String(), "wr0ng") {
		t.Error("the secret is shown")
	}
}

// What is wrong is an error of the plan, on the argument to blame.
func TestAccDataverse_refused(t *testing.T) {
	t.Parallel()
	i := newInsights(t)
	c := i.cli(i.configuration("VIP customers"))
	plan := func(config configuration, words string) {
		t.Helper()
		c.write("main.tf", "terraform {\n  required_providers {\n    klaviyo = { source = \"klaviyo-community/klaviyo\" }\n  }\n}\n"+config.String())
		c.fail(words, "plan", "-no-color", "-input=false")
	}
	good := i.configuration("VIP_customers")
	plan(i.configuration("VIP customers"), `There is no segment "VIP customers". Did you mean "VIP_customers"?`)
	plan(i.configuration("Gold"), `Nobody is in a segment "Gold".`)
	plan(good.with(exportBlock, "attributes", `{ last_name = "Surname" }`), `no column "Surname"; the columns are "customerid", "email", "firstname", "income". Nothing was sent.`)
	plan(i.configuration("VIP_customers", `client_id = "x"`), "Invalid Attribute Combination")
	plan(good.with(exportBlock, "segment", vipSegment("dataverse", `environment_url = "https://contoso.crm.dynamics.com/main.aspx"`, `segment = "VIP"`)),
		"Environment URL Not Usable")
	plan(good.with(exportBlock, "segment", block(`name = "vip"`, `file { path = "x" }`, "dataverse "+block(`environment_url = "https://contoso.crm.dynamics.com"`, `segment = "VIP"`))),
		"A Segment Needs One Source")
	i.dataverse.Set(func(s *dataverse.Server) { s.NotMember = true })
	plan(good, "is not a user of")
	i.wantImports(0)
	i.dataverse.Set(func(s *dataverse.Server) { s.NotMember = false })

	c.write("main.tf", "terraform {\n  required_providers {\n    klaviyo = { source = \"klaviyo-community/klaviyo\" }\n  }\n}\n"+
		i.configuration("Gold").with(exportBlock, "safeguards", "{ allow_empty_segment = true }").String())
	c.run("Plan: 2 to add", "plan", "-no-color", "-input=false")
}
