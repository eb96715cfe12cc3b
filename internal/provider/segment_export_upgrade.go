package provider

import (
	"context"
	"encoding/json"
	"maps"
	"slices"

	"github.com/hashicorp/terraform-plugin-framework/resource"
	"github.com/hashicorp/terraform-plugin-go/tfprotov6"
)

// exportSchemaVersion is the version of the states that this provider writes.
const exportSchemaVersion = 1

var _ resource.ResourceWithUpgradeState = (*segmentExportResource)(nil)

// UpgradeState implements resource.ResourceWithUpgradeState.
func (r *segmentExportResource) UpgradeState(context.Context) map[int64]resource.StateUpgrader {
	return map[int64]resource.StateUpgrader{0: {StateUpgrader: upgradeToBlocks}}
}

// upgradeToBlocks reads a state of version 0, in which segments and properties
// were maps of objects. Other arguments that have become blocks look the same in a
// state.
func upgradeToBlocks(ctx context.Context, req resource.UpgradeStateRequest, resp *resource.UpgradeStateResponse) {
	upgraded, err := asBlocks(req.RawState.JSON)
	if err == nil {
		raw := tfprotov6.RawState{JSON: upgraded}
		of := exportSchema(ctx).Type().TerraformType(ctx)
		value, failed := raw.Unmarshal(of)
		if err = failed; err == nil {
			var dynamic tfprotov6.DynamicValue
			dynamic, err = tfprotov6.NewDynamicValue(of, value)
			resp.DynamicValue = &dynamic
		}
	}
	if err != nil {
		resp.Diagnostics.AddError("State Not Readable",
			"The state of the export was written by another version of the provider and cannot be read: "+err.Error()+
				". Take the export out of the state with terraform state rm, and import it again; nothing changes in Klaviyo.")
	}
}

// asBlocks turns the maps of segments and properties into lists, in the order of
// the names. A property with only a column stays in the map.
func asBlocks(state []byte) ([]byte, error) {
	var attributes map[string]json.RawMessage
	if err := json.Unmarshal(state, &attributes); err != nil {
		return nil, err
	}
	var segments map[string]map[string]any
	var properties map[string]struct {
		Field string  `json:"field"`
		Type  *string `json:"type"`
	}
	if err := unmarshalIf(attributes["segments"], &segments); err != nil {
		return nil, err
	}
	if err := unmarshalIf(attributes["properties"], &properties); err != nil {
		return nil, err
	}
	segmentBlocks, propertyBlocks := []map[string]any{}, []map[string]any{}
	for _, name := range slices.Sorted(maps.Keys(segments)) {
		block := segments[name]
		block["name"] = name
		segmentBlocks = append(segmentBlocks, block)
	}
	var columns map[string]string // null unless there are some
	for _, name := range slices.Sorted(maps.Keys(properties)) {
		p := properties[name]
		switch {
		case p.Type != nil:
			propertyBlocks = append(propertyBlocks, map[string]any{"name": name, "field": p.Field, "type": p.Type})
		case columns == nil:
			columns = map[string]string{}
			fallthrough
		default:
			columns[name] = p.Field
		}
	}
	delete(attributes, "segments")
	for name, value := range map[string]any{segmentArgument: segmentBlocks, propertyArgument: propertyBlocks, propertiesArgument: columns} {
		text, err := json.Marshal(value)
		if err != nil {
			return nil, err
		}
		attributes[name] = text
	}
	return json.Marshal(attributes)
}

// unmarshalIf is json.Unmarshal of a text that may be missing.
func unmarshalIf(text json.RawMessage, into any) error {
	if text == nil {
		return nil
	}
	return json.Unmarshal(text, into)
}
