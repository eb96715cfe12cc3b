package provider

import (
	"encoding/json"
	"strings"
	"testing"

	"github.com/hashicorp/terraform-plugin-go/tfprotov6"
	"github.com/hashicorp/terraform-plugin-go/tftypes"
)

// upgrade reads a state of the first version.
func (c *core) upgrade(state string) (object, []*tfprotov6.Diagnostic) {
	c.t.Helper()
	resp, err := c.server.UpgradeResourceState(c.t.Context(), &tfprotov6.UpgradeResourceStateRequest{
		TypeName: exportKind, Version: 0, RawState: &tfprotov6.RawState{JSON: []byte(state)},
	})
	if err != nil {
		c.t.Fatal(err)
	}
	if resp.UpgradedState == nil {
		return c.absent(exportKind), resp.Diagnostics
	}
	return object{kind: exportKind, state: c.undynamic(c.typeOf(exportKind), resp.UpgradedState)}, resp.Diagnostics
}

// Each source and each way to write a property has its block.
func TestUpgradeToBlocks(t *testing.T) {
	t.Parallel()
	c := newCore(newEnv(t), mainKey)
	got, diags := c.upgrade(`{
		"display_name": "VIP", "list_id": "Y6nRLr", "profile_count": 9007199254740993, "safeguards": {"max_profiles": 9007199254740993},
		"segments": {
			"b": {"sql": {"url": "postgres://h/d", "url_env": null, "query": "SELECT 1", "args": ["a", null], "version_query": null}, "file": null, "dataverse": null},
			"a": {"dataverse": {"environment_url": "https://contoso.crm.dynamics.com", "segment": "VIP", "tenant_id": null, "client_id": null, "client_secret_env": null}, "file": null, "sql": null},
			"c": {"file": {"path": "x.csv", "path_env": null, "format": "csv", "delimiter": ";"}, "sql": null, "dataverse": null}
		},
		"properties": {"tier": {"field": "Tier", "type": null}, "z": {"field": "Z", "type": "number"}, "income": {"field": "Income", "type": "number"}}
	}`)
	c.check(diags)
	want := c.config(exportKind, values{
		"display_name": "VIP", "list_id": "Y6nRLr", "profile_count": int64(9007199254740993), "safeguards": values{"max_profiles": int64(9007199254740993)},
		"segment": blocks{
			{"name": "a", "dataverse": values{"environment_url": "https://contoso.crm.dynamics.com", "segment": "VIP"}},
			{"name": "b", "sql": values{"url": "postgres://h/d", "query": "SELECT 1", "args": []tftypes.Value{tftypes.NewValue(tftypes.String, "a"), tftypes.NewValue(tftypes.String, nil)}}},
			{"name": "c", "file": values{"path": "x.csv", "format": "csv", "delimiter": ";"}},
		},
		"properties": values{"tier": "Tier"},
		"property":   blocks{{"name": "income", "field": "Income", "type": "number"}, {"name": "z", "field": "Z", "type": "number"}},
	})
	if !got.state.Equal(want) {
		t.Errorf("the state becomes\n%s\nwant\n%s", got.state, want)
	}
}

// A state after an import has neither segments nor properties, and a state that
// cannot be read is an error with a way out.
func TestUpgradeToBlocks_edges(t *testing.T) {
	t.Parallel()
	c := newCore(newEnv(t), mainKey)
	for _, state := range []string{`{"list_id": "Y6nRLr"}`, `{"list_id": "Y6nRLr", "segments": null, "properties": null}`, `{"list_id": "Y6nRLr", "segments": {}, "properties": {}}`} {
		got, diags := c.upgrade(state)
		c.check(diags)
		if want := c.config(exportKind, values{"list_id": "Y6nRLr"}); !got.state.Equal(want) {
			t.Errorf("%s becomes\n%s\nwant\n%s", state, got.state, want)
		}
	}
	for _, state := range []string{`{"segments": []}`, `{"properties": 1}`, `{"list_id": []}`, `[]`} {
		if !json.Valid([]byte(state)) {
			t.Fatal(state)
		}
		if _, diags := c.upgrade(state); !strings.Contains(errorsOf(diags), "terraform state rm") {
			t.Errorf("%s: the errors are %q", state, errorsOf(diags))
		}
	}
}
