package provider

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// The people of the secrets test. Their names are like no word that Terraform
// or the provider would write.
const (
	secretCSV = `EMail,FirstName,Income
Zanthia.Quillfeather@Example.com,Zanthia,10
"mordecai.hobblethwaite@example.com",Mordecai,20
OTTOLINE.BRAMBLECOMBE@EXAMPLE.COM,Ottoline,30
no address of percival.snodgrass@@example.com,Percival,40
winifred.crumplehorn@example.com,Winifred,60,and one too many
`
	secretBadRow = "euphemia.tattersmythe@example.com,Euphemia,n/a\n"
)

// secrets are the local parts of all addresses: what would remain of one in an
// URL or in JSON.
var secrets = []string{
	"zanthia.quillfeather", "mordecai.hobblethwaite", "ottoline.bramblecombe", "percival.snodgrass", "winifred.crumplehorn", "euphemia.tattersmythe",
}

// Whatever happens, neither the key nor an address reaches logs, errors, plans
// or the state, even where Klaviyo quotes them.
func TestAccSecrets_reachNothing(t *testing.T) {
	t.Parallel()
	w := newEnv(t)
	w.RefuseEmail("mordecai.hobblethwaite@example.com", "invalid", "Invalid email address: 'Mordecai.Hobblethwaite@example.com'")
	w.FailEmail("ottoline.bramblecombe@example.com", "invalid", "ottoline.bramblecombe@example.com was refused, as OTTOLINE.BRAMBLECOMBE@EXAMPLE.COM")
	config := w.export(secretCSV).
		without(providerBlock, "api_key").
		with(exportBlock, "property", typedProperty("income", "Income", "number"))
	c := newCLI(t, config, envAPIKey+"="+mainKey, "TF_LOG=TRACE")

	c.run("2 Rows Not Exported: VIP", "plan", "-no-color", "-input=false", "-out=plan.bin")
	c.run("first run", "show", "-no-color", "-json", "plan.bin")
	c.run("Profiles That Klaviyo Refused", "apply", "-no-color", "-input=false", "plan.bin")
	w.wantMembers("zanthia.quillfeather@example.com")
	w.segment(secretCSV + secretBadRow)
	c.fail("Property Is Not Of Its Type", "plan", "-no-color", "-input=false")
	w.segment("Nothing\n" + secretBadRow)
	c.fail("Column Not In Segment", "plan", "-no-color", "-input=false")
	w.segment(secretCSV)
	w.RevokeKey(mainKey)
	c.fail("API Key Refused", "plan", "-no-color", "-input=false")
	w.AddKey(mainKey)
	c.run("Destroy complete", "destroy", "-no-color", "-input=false", "-auto-approve")

	c.wantNoSecrets(append([]string{mainKey, strings.TrimPrefix(mainKey, "pk_")}, secrets...))
}

// wantNoSecrets searches all that Terraform wrote, to the screen and to files.
func (c *cli) wantNoSecrets(secrets []string) {
	c.t.Helper()
	places := map[string]string{"the output": c.output.String()}
	for _, name := range []string{"terraform.tfstate", "terraform.tfstate.backup", "plan.bin"} {
		content, err := os.ReadFile(filepath.Join(c.dir, name))
		if err != nil || len(content) == 0 {
			c.t.Errorf("%s cannot be searched: %d bytes, %v", name, len(content), err)
		}
		places[name] = string(content)
	}
	// Were these not there, the search would prove nothing.
	for _, needed := range []string{"klaviyo_segment_export", "Klaviyo request: ", "operation=bulk_import_profiles", "[TRACE]"} {
		if !strings.Contains(places["the output"], needed) {
			c.t.Errorf("the output of %d bytes does not hold %q", len(places["the output"]), needed)
		}
	}
	for place, content := range places {
		content = strings.ToLower(content)
		for _, secret := range secrets {
			if at := strings.Index(content, strings.ToLower(secret)); at >= 0 {
				c.t.Errorf("%s holds %q: ...%s...", place, secret, content[max(at-200, 0):min(at+200, len(content))])
			}
		}
	}
}
