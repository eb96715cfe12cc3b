package provider

import (
	"context"
	"sync"

	"github.com/hashicorp/terraform-plugin-framework/diag"
	"github.com/hashicorp/terraform-plugin-framework/path"
	"github.com/hashicorp/terraform-plugin-framework/resource"
	"github.com/hashicorp/terraform-plugin-framework/resource/schema"
	"github.com/hashicorp/terraform-plugin-framework/types"
	"github.com/hashicorp/terraform-plugin-framework/types/basetypes"

	"github.com/klaviyo-community/terraform-provider-klaviyo/internal/export"
)

// Shared by the data source and the action that run an export on demand.

// exportArgument is the name of the argument that holds the export.
const exportArgument = "export"

// exportSchema is the schema of klaviyo_segment_export.
func exportSchema(ctx context.Context) schema.Schema {
	var resp resource.SchemaResponse
	(&segmentExportResource{}).Schema(ctx, resource.SchemaRequest{}, &resp)
	return resp.Schema
}

// exportAttribute takes a whole export. It has all attributes and blocks of the
// resource, so that every export converts to it.
// The frameworks for resources, data sources and actions have types of their own
// for attributes, but take each other's.
func exportAttribute(ctx context.Context) schema.SingleNestedAttribute {
	whole := exportSchema(ctx)
	return schema.SingleNestedAttribute{
		MarkdownDescription: "The export to run, as a whole: `export = klaviyo_segment_export.example`.",
		Required:            true,
		Attributes:          asInputs(whole.Attributes, whole.Blocks),
	}
}

func asInputs(attributes map[string]schema.Attribute, blocks map[string]schema.Block) map[string]schema.Attribute {
	out := make(map[string]schema.Attribute, len(attributes)+len(blocks))
	for name, attribute := range attributes {
		out[name] = asInput(attribute)
	}
	for name, block := range blocks {
		out[name] = blockAsInput(block)
	}
	return out
}

// blockAsInput is a block in a value, in which blocks are objects.
func blockAsInput(block schema.Block) schema.Attribute {
	switch b := block.(type) {
	case schema.SingleNestedBlock:
		return schema.SingleNestedAttribute{
			MarkdownDescription: b.MarkdownDescription, Optional: true, CustomType: b.CustomType,
			Attributes: asInputs(b.Attributes, b.Blocks), Validators: b.Validators,
		}
	case schema.ListNestedBlock:
		return schema.ListNestedAttribute{
			MarkdownDescription: b.MarkdownDescription, Optional: true, Validators: b.Validators,
			NestedObject: schema.NestedAttributeObject{
				Attributes: asInputs(b.NestedObject.Attributes, b.NestedObject.Blocks), Validators: b.NestedObject.Validators,
			},
		}
	default:
		return nil // exports have no such block; a test ensures it
	}
}

// asInput is an attribute that users set instead of the provider, without what only
// resources have.
func asInput(attribute schema.Attribute) schema.Attribute {
	switch a := attribute.(type) {
	case schema.StringAttribute:
		if a.Computed { // terraform test makes up values that may not be valid
			a.Validators = nil
		}
		a.Computed, a.Optional, a.Default, a.PlanModifiers = false, !a.Required, nil, nil
		return a
	case schema.BoolAttribute:
		a.Computed, a.Optional, a.Default, a.PlanModifiers = false, !a.Required, nil, nil
		return a
	case schema.Int64Attribute:
		a.Computed, a.Optional, a.Default, a.PlanModifiers = false, !a.Required, nil, nil
		return a
	case schema.MapAttribute:
		a.Computed, a.Optional, a.Default, a.PlanModifiers = false, !a.Required, nil, nil
		return a
	case schema.ListAttribute:
		a.Computed, a.Optional, a.Default, a.PlanModifiers = false, !a.Required, nil, nil
		return a
	case schema.SetAttribute:
		a.Computed, a.Optional, a.Default, a.PlanModifiers = false, !a.Required, nil, nil
		return a
	case schema.SingleNestedAttribute:
		a.Computed, a.Optional, a.Default, a.PlanModifiers = false, !a.Required, nil, nil
		a.Attributes = asInputs(a.Attributes, nil)
		return a
	default:
		return attribute // exports have no such attribute; a test ensures it
	}
}

// requestedExport is an export that is to run on demand.
type requestedExport struct {
	data  *providerData
	model segmentExportModel
}

// newRequestedExport decodes the value of the argument. An export that is
// switched off or has lost the guard rails of its connection is refused, as far as
// known.
func newRequestedExport(ctx context.Context, data *providerData, value types.Object, diags *diag.Diagnostics) *requestedExport {
	r := &requestedExport{data: data}
	diags.Append(value.As(ctx, &r.model, basetypes.ObjectAsOptions{})...)
	if enabled := r.model.Enabled; !enabled.IsNull() && !enabled.IsUnknown() && !enabled.ValueBool() {
		diags.AddAttributeError(path.Root(exportArgument), "Export Not Enabled",
			"The export has enabled = false, so nothing may be sent, not on demand either. Nothing was sent. Set enabled = true, or do not ask for a run.")
	}
	if d, ok := r.model.destination(ctx, diags); ok {
		var found diag.Diagnostics
		d.checkGuardRails(&found)
		diags.Append(atExport(found)...)
	}
	return r
}

// check makes sure that a run could be made now, and warns of what it would not
// export. Diagnostics are at the argument.
func (r *requestedExport) check(ctx context.Context, diags *diag.Diagnostics) {
	var found diag.Diagnostics
	defer func() { diags.Append(atExport(found)...) }()
	limit := r.model.readTimeout(ctx, &found)
	ctx, cancel := withTimeout(ctx, "read", limit)
	defer cancel()
	model := r.model
	p := exportPlan{data: r.data, plan: &model, private: noPrivateState{}, diags: &found, limit: limit}
	p.check(ctx)
}

// noPrivateState is an empty private state.
type noPrivateState struct{}

// GetKey implements privateState.
func (noPrivateState) GetKey(context.Context, string) ([]byte, diag.Diagnostics) { return nil, nil }

// SetKey implements privateState.
func (noPrivateState) SetKey(context.Context, string, []byte) diag.Diagnostics { return nil }

// run exports what the segments hold now. Errors and warnings are at the argument.
// The result is nil when it failed.
func (r *requestedExport) run(ctx context.Context, progress func(export.Progress), diags *diag.Diagnostics) *export.Result {
	var found diag.Diagnostics
	defer func() { diags.Append(atExport(found)...) }()
	timeout, more := r.model.Timeouts.Update(ctx, defaultTimeout)
	found.Append(more...)
	e := r.model.export(ctx, &found)
	d, _ := r.model.destination(ctx, &found)
	if found.HasError() {
		return nil
	}
	used, err := r.data.access(d.keyRef())
	if err != nil {
		r.model.addError(&found, err)
		return nil
	}
	ctx, cancel := withTimeout(ctx, "update", timeout)
	defer cancel()
	if err := r.leaveConfirmations(ctx, e, used.client, &found); err != nil {
		r.model.addError(&found, used.blame(err))
		return nil
	}
	result, err := e.Run(ctx, used.client, export.RunOptions{Surveyed: r.data.surveys.find(r.model.source(), ""), Progress: progress})
	if err != nil {
		r.model.addError(&found, used.blame(err))
		return nil
	}
	warnResult(&found, r.model.name(), used, result)
	return result
}

// atExport moves diagnostics about attributes of an export to the argument that
// holds the export, since Terraform cannot show a path within it.
func atExport(diags diag.Diagnostics) diag.Diagnostics {
	out := make(diag.Diagnostics, len(diags))
	for i, d := range diags {
		if _, ok := d.(diag.DiagnosticWithPath); ok {
			d = diag.WithPath(path.Root(exportArgument), d)
		}
		out[i] = d
	}
	return out
}

// runs are the ids of the runs that exports made in this process. Terraform applies a
// configuration in one process.
type runs struct {
	mu  sync.Mutex
	ids map[string]struct{}
}

func (r *runs) add(id string) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.ids == nil {
		r.ids = map[string]struct{}{}
	}
	r.ids[id] = struct{}{}
}

func (r *runs) has(id string) bool {
	r.mu.Lock()
	defer r.mu.Unlock()
	_, ok := r.ids[id]
	return ok
}
