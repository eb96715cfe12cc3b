package provider

import (
	"archive/zip"
	"bytes"
	"encoding/base64"
	"io"
	"os"
	"path/filepath"
	"regexp"
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
	secretBadRow = "euphemia.tattersmythe@example.com,Euphemia,plenty\n"
)

// secrets are the local parts of all addresses: what would remain of one in an
// URL or in JSON.
var secrets = []string{
	"zanthia.quillfeather", "mordecai.hobblethwaite", "ottoline.bramblecombe", "theodolinda.farnsbarrow", "percival.snodgrass", "winifred.crumplehorn", "euphemia.tattersmythe",
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
		with(exportBlock, "property", strictProperty("income", "Income", "number"))
	config = config.with(exportBlock, "sync_mode", `"mirror"`).with(exportBlock, "safeguards", block("max_removed_percent = 100", "max_rejected_percent = 50"))
	c := newCLI(t, config, envAPIKey+"="+mainKey, "TF_LOG=TRACE")

	c.run("2 Rows Not Exported: VIP", "plan", "-no-color", "-input=false", "-out=plan.bin")
	c.run("first run", "show", "-no-color", "-json", "plan.bin")
	c.run("Profiles That Klaviyo Refused", "apply", "-no-color", "-input=false", "plan.bin")
	w.wantMembers("zanthia.quillfeather@example.com")
	w.segment(secretCSV + secretBadRow)
	c.fail("Property Is Not Of Its Type", "plan", "-no-color", "-input=false")
	w.segment("Nothing\n" + secretBadRow)
	c.fail("Columns Not In Segment", "plan", "-no-color", "-input=false")
	w.segment(secretCSV)
	c.run("No changes", "plan", "-no-color", "-input=false")
	w.segment(strings.Replace(secretCSV, "Zanthia.Quillfeather@Example.com", "Theodolinda.Farnsbarrow@Example.com", 1))
	c.run("segment changed: +3 ~0 -1", "plan", "-no-color", "-input=false", "-out=plan.bin")
	c.run(`"removed":1`, "show", "-no-color", "-json", "plan.bin")
	c.run("Profiles That Klaviyo Refused", "apply", "-no-color", "-input=false", "plan.bin")
	w.wantMembers("theodolinda.farnsbarrow@example.com")
	w.RevokeKey(mainKey)
	c.fail("API Key Refused", "plan", "-no-color", "-input=false")
	w.AddKey(mainKey)
	c.run("Destroy complete", "destroy", "-no-color", "-input=false", "-auto-approve")

	places := c.wantNoSecrets(append([]string{mainKey, strings.TrimPrefix(mainKey, "pk_")}, secrets...))
	const sketchOf96Cells = "\x01\x60\x00" // how one begins
	for _, name := range []string{"terraform.tfstate.backup", "plan.bin"} {
		if content := places[name]; !strings.Contains(content, `"sync_mode":"mirror"`) || !strings.Contains(content, sketchOf96Cells) {
			t.Errorf("in %s the private state was not searched", name)
		}
	}
}

// wantNoSecrets searches all that Terraform wrote, to the screen and to files, and
// returns it, with whatever is encoded in the files.
func (c *cli) wantNoSecrets(secrets []string) (places map[string]string) {
	c.t.Helper()
	places = map[string]string{"the output": decoded(c.output.String())}
	for _, name := range []string{"terraform.tfstate", "terraform.tfstate.backup", "plan.bin"} {
		content, err := os.ReadFile(filepath.Join(c.dir, name))
		if err != nil || len(content) == 0 {
			c.t.Errorf("%s cannot be searched: %d bytes, %v", name, len(content), err)
		}
		places[name] = decoded(unzipped(content))
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
	return places
}

// unzipped is what the files in a saved plan hold, the configuration aside, or the
// content itself if it is no plan.
func unzipped(content []byte) string {
	archive, err := zip.NewReader(bytes.NewReader(content), int64(len(content)))
	if err != nil {
		return string(content)
	}
	var all strings.Builder
	for _, f := range archive.File {
		if strings.HasPrefix(f.Name, "tfconfig/") { // what the user wrote
			continue
		}
		if r, err := f.Open(); err == nil {
			_, _ = io.Copy(&all, r)
			_ = r.Close()
		}
	}
	return all.String()
}

var base64Run = regexp.MustCompile(`[A-Za-z0-9+/]{16,}={0,2}`)

// decoded is a text with whatever it holds in base64, which may hold base64 itself.
func decoded(text string) string {
	all := text
	for range 4 { // private state, its values, sketches, and one more
		var next strings.Builder
		for _, run := range base64Run.FindAllString(text, -1) {
			if plain, err := base64.StdEncoding.DecodeString(run); err == nil {
				next.Write(plain)
				next.WriteByte('\n')
			}
		}
		text = next.String()
		all += text
	}
	return all
}
