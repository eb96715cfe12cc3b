package provider

import (
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// skipBelow skips a test that needs a newer Terraform 1 than the one at hand, or
// a newer OpenTofu 1, in the words that CI excuses.
func (c *cli) skipBelow(terraform, opentofu int) {
	c.t.Helper()
	minor := terraform
	if out, err := c.try("version"); err == nil && strings.Contains(out, "OpenTofu") {
		minor = opentofu
	}
	if have := c.minorVersion(); have < minor {
		c.t.Skipf("Terraform CLI version 1.%d is below minimum version 1.%d", have, minor)
	}
}

// minorVersion is the second number of the version of Terraform.
func (c *cli) minorVersion() (minor int) {
	c.t.Helper()
	out, err := c.try("version", "-json")
	if err != nil {
		c.t.Fatalf("%s\n%s", err, out)
	}
	var have struct {
		Version string `json:"terraform_version"`
	}
	if err := json.Unmarshal([]byte(out), &have); err != nil {
		c.t.Fatalf("%s\n%s", err, out)
	}
	if _, err := fmt.Sscanf(have.Version, "1.%d.", &minor); err != nil {
		c.t.Fatalf("the version %q: %s", have.Version, err)
	}
	return minor
}

// mockTest is how users test a module: every value that nobody declares is made
// up, and some are given.
const mockTest = `
mock_provider "klaviyo" {
  mock_resource "klaviyo_segment_export" {
    defaults = {
      profile_count = 3
      last_run = {
        id = "EXAMPLE", reason = "first run", status = "succeeded", fingerprint = "0123456789abcdef"
        started_at = "2026-01-01T00:00:00Z", completed_at = "2026-01-01T00:01:00Z"
        profiles_submitted = 3, profiles_failed = 0, profiles_unconfirmed = 0, list_profile_count = 3, jobs = 1
      }
    }
  }
  mock_data "klaviyo_list" {
    defaults = { id = "Y6nRLr" }
  }
}

run "plan" {
  command = plan

  assert {
    condition     = klaviyo_segment_export.main.destination.data_privacy_consent
    error_message = "The export does not take the connection."
  }
  assert {
    condition     = klaviyo_segment_export.main.segment[0].file.path == "none.csv"
    error_message = "The export has another segment."
  }
  assert {
    condition     = data.klaviyo_list.main.id == "Y6nRLr"
    error_message = "The data source has not the id that is given."
  }
}

run "apply" {
  command = apply

  assert {
    condition     = klaviyo_connection.main.account_id != null && klaviyo_connection.main.test_account != null
    error_message = "The connection knows no account."
  }
  assert {
    condition     = klaviyo_segment_export.main.list_id == klaviyo_list.main.id
    error_message = "The export does not go to the list."
  }
  assert {
    condition     = klaviyo_segment_export.main.destination.account_id == klaviyo_connection.main.account_id
    error_message = "The export does not go to the account."
  }
  assert {
    condition     = klaviyo_segment_export.main.profile_count == 3 && klaviyo_segment_export.main.last_run.status == "succeeded"
    error_message = "The export has not the values that are given."
  }
  assert {
    condition     = data.klaviyo_segment_export_run.main.status != null
    error_message = "The run has no status."
  }
}
`

// Users test their modules without Klaviyo and without its segments.
func TestAccMockProvider(t *testing.T) {
	t.Parallel()
	w := newEnv(t)
	config := w.export(threeCSV).
		with(listBlock, "name", `"Gold"`).
		with(listDataBlock, "name", `"Newsletter"`).
		with(exportBlock, "list_id", listAddress+".id").
		with(exportBlock, "segment", fileSegment("none.csv")).
		with(`data "klaviyo_segment_export_run" "main"`, "export", exportAddress).
		with(`data "klaviyo_segment_export_run" "main"`, "requested_at", "timestamp()")
	delete(config, providerBlock)
	c := newCLI(t, config, envAPIKey+"=", envBaseURL+"="+w.URL)
	c.skipBelow(7, 12)
	c.write("mock.tftest.hcl", mockTest)
	c.run("2 passed, 0 failed", "test", "-no-color")
	c.write("mock.tftest.hcl", strings.ReplaceAll(mockTest, "profile_count == 3", "profile_count == 4"))
	c.fail("1 passed, 1 failed", "test", "-no-color")
	w.wantNoRequest()
}

// The guide to testing holds as it stands: users copy it.
func TestAccExamples_testing(t *testing.T) {
	t.Parallel()
	w := newEnv(t)
	c := newCLI(t, configuration{}, envAPIKey+"=", envBaseURL+"="+w.URL)
	c.skipBelow(7, 12)
	files := map[string]string{}
	for _, name := range []string{"main.tf", "export.tftest.hcl"} {
		text, err := os.ReadFile(filepath.Join("..", "..", "examples", "testing", name))
		if err != nil {
			t.Fatal(err)
		}
		files[name] = string(text)
	}
	c.write("main.tf", files["main.tf"])
	c.write("export.tftest.hcl", files["export.tftest.hcl"])
	c.run("2 passed, 0 failed", "test", "-no-color")
	c.write("export.tftest.hcl", strings.ReplaceAll(files["export.tftest.hcl"], `status               = "succeeded"`, `status               = "partial"`))
	c.fail("1 passed, 1 failed", "test", "-no-color")
	w.wantNoRequest()
}
