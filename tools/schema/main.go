// Command schema prints the provider's schema in the format of "terraform providers schema -json".
//
// The pages in docs/ are rendered from it. Asking the provider itself makes the pages independent of
// the installed Terraform: versions before 1.14 leave actions out, those before 1.12 identities.
package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"

	tfjson "github.com/hashicorp/terraform-json"
	"github.com/hashicorp/terraform-plugin-go/tfprotov6"
	"github.com/hashicorp/terraform-plugin-go/tftypes"
	"github.com/zclconf/go-cty/cty"

	"github.com/klaviyo-community/terraform-provider-klaviyo/internal/provider"
)

// address is where the generator looks for the schema of a provider that it knows as "klaviyo".
const address = "klaviyo"

func main() {
	if err := run(context.Background()); err != nil {
		fmt.Fprintln(os.Stderr, "schema:", err)
		os.Exit(1)
	}
}

func run(ctx context.Context) error {
	server := provider.NewServer("docs")()

	resp, err := server.GetProviderSchema(ctx, &tfprotov6.GetProviderSchemaRequest{})
	if err != nil {
		return err
	}
	for _, d := range resp.Diagnostics {
		if d.Severity == tfprotov6.DiagnosticSeverityError {
			return fmt.Errorf("%s: %s", d.Summary, d.Detail)
		}
	}
	if len(resp.Functions)+len(resp.ListResourceSchemas)+len(resp.StateStoreSchemas) > 0 {
		return errors.New("the provider has functions, list resources or state stores, which this program does not print yet")
	}

	identities, err := server.GetResourceIdentitySchemas(ctx, &tfprotov6.GetResourceIdentitySchemasRequest{})
	if err != nil {
		return err
	}

	schemas, err := convert(resp)
	if err != nil {
		return err
	}
	if schemas.ResourceIdentitySchemas, err = identitySchemas(identities.IdentitySchemas); err != nil {
		return err
	}

	out := json.NewEncoder(os.Stdout)
	out.SetIndent("", "  ")
	return out.Encode(&tfjson.ProviderSchemas{
		FormatVersion: "1.0",
		Schemas:       map[string]*tfjson.ProviderSchema{address: schemas},
	})
}

func convert(resp *tfprotov6.GetProviderSchemaResponse) (*tfjson.ProviderSchema, error) {
	var out tfjson.ProviderSchema
	var err error
	if out.ConfigSchema, err = schema(resp.Provider); err != nil {
		return nil, fmt.Errorf("provider: %w", err)
	}
	if out.ResourceSchemas, err = schemas(resp.ResourceSchemas); err != nil {
		return nil, err
	}
	if out.DataSourceSchemas, err = schemas(resp.DataSourceSchemas); err != nil {
		return nil, err
	}
	if out.EphemeralResourceSchemas, err = schemas(resp.EphemeralResourceSchemas); err != nil {
		return nil, err
	}

	out.ActionSchemas = make(map[string]*tfjson.ActionSchema)
	for name, a := range resp.ActionSchemas {
		s, err := schema(a.Schema)
		if err != nil {
			return nil, fmt.Errorf("%s: %w", name, err)
		}
		out.ActionSchemas[name] = &tfjson.ActionSchema{Block: s.Block}
	}
	return &out, nil
}

func schemas(in map[string]*tfprotov6.Schema) (map[string]*tfjson.Schema, error) {
	out := make(map[string]*tfjson.Schema, len(in))
	for name, s := range in {
		converted, err := schema(s)
		if err != nil {
			return nil, fmt.Errorf("%s: %w", name, err)
		}
		out[name] = converted
	}
	return out, nil
}

func identitySchemas(in map[string]*tfprotov6.ResourceIdentitySchema) (map[string]*tfjson.IdentitySchema, error) {
	out := make(map[string]*tfjson.IdentitySchema, len(in))
	for name, s := range in {
		attrs := make(map[string]*tfjson.IdentityAttribute, len(s.IdentityAttributes))
		for _, a := range s.IdentityAttributes {
			t, err := ctyType(a.Type)
			if err != nil {
				return nil, fmt.Errorf("%s: %s: %w", name, a.Name, err)
			}
			attrs[a.Name] = &tfjson.IdentityAttribute{
				IdentityType:      t,
				Description:       a.Description,
				RequiredForImport: a.RequiredForImport,
				OptionalForImport: a.OptionalForImport,
			}
		}
		out[name] = &tfjson.IdentitySchema{Version: uint64(s.Version), Attributes: attrs}
	}
	return out, nil
}

func schema(in *tfprotov6.Schema) (*tfjson.Schema, error) {
	b, err := block(in.Block)
	if err != nil {
		return nil, err
	}
	return &tfjson.Schema{Version: uint64(in.Version), Block: b}, nil
}

func block(in *tfprotov6.SchemaBlock) (*tfjson.SchemaBlock, error) {
	attrs, err := attributes(in.Attributes)
	if err != nil {
		return nil, err
	}
	out := &tfjson.SchemaBlock{
		Attributes:      attrs,
		NestedBlocks:    make(map[string]*tfjson.SchemaBlockType, len(in.BlockTypes)),
		Description:     in.Description,
		DescriptionKind: kind(in.DescriptionKind),
		Deprecated:      in.Deprecated,
	}
	for _, nested := range in.BlockTypes {
		b, err := block(nested.Block)
		if err != nil {
			return nil, fmt.Errorf("%s: %w", nested.TypeName, err)
		}
		mode, ok := blockModes[nested.Nesting]
		if !ok {
			return nil, fmt.Errorf("%s: unknown nesting %s", nested.TypeName, nested.Nesting)
		}
		out.NestedBlocks[nested.TypeName] = &tfjson.SchemaBlockType{
			NestingMode: mode,
			Block:       b,
			MinItems:    uint64(nested.MinItems),
			MaxItems:    uint64(nested.MaxItems),
		}
	}
	return out, nil
}

func attributes(in []*tfprotov6.SchemaAttribute) (map[string]*tfjson.SchemaAttribute, error) {
	out := make(map[string]*tfjson.SchemaAttribute, len(in))
	for _, a := range in {
		converted, err := attribute(a)
		if err != nil {
			return nil, fmt.Errorf("%s: %w", a.Name, err)
		}
		out[a.Name] = converted
	}
	return out, nil
}

func attribute(in *tfprotov6.SchemaAttribute) (*tfjson.SchemaAttribute, error) {
	out := &tfjson.SchemaAttribute{
		Description:     in.Description,
		DescriptionKind: kind(in.DescriptionKind),
		Deprecated:      in.Deprecated,
		Required:        in.Required,
		Optional:        in.Optional,
		Computed:        in.Computed,
		Sensitive:       in.Sensitive,
		WriteOnly:       in.WriteOnly,
	}
	if in.NestedType == nil {
		t, err := ctyType(in.Type)
		out.AttributeType = t
		return out, err
	}

	mode, ok := objectModes[in.NestedType.Nesting]
	if !ok {
		return nil, fmt.Errorf("unknown nesting %s", in.NestedType.Nesting)
	}
	nested, err := attributes(in.NestedType.Attributes)
	if err != nil {
		return nil, err
	}
	out.AttributeNestedType = &tfjson.SchemaNestedAttributeType{Attributes: nested, NestingMode: mode}
	return out, nil
}

var blockModes = map[tfprotov6.SchemaNestedBlockNestingMode]tfjson.SchemaNestingMode{
	tfprotov6.SchemaNestedBlockNestingModeSingle: tfjson.SchemaNestingModeSingle,
	tfprotov6.SchemaNestedBlockNestingModeList:   tfjson.SchemaNestingModeList,
	tfprotov6.SchemaNestedBlockNestingModeSet:    tfjson.SchemaNestingModeSet,
	tfprotov6.SchemaNestedBlockNestingModeMap:    tfjson.SchemaNestingModeMap,
	tfprotov6.SchemaNestedBlockNestingModeGroup:  tfjson.SchemaNestingModeGroup,
}

var objectModes = map[tfprotov6.SchemaObjectNestingMode]tfjson.SchemaNestingMode{
	tfprotov6.SchemaObjectNestingModeSingle: tfjson.SchemaNestingModeSingle,
	tfprotov6.SchemaObjectNestingModeList:   tfjson.SchemaNestingModeList,
	tfprotov6.SchemaObjectNestingModeSet:    tfjson.SchemaNestingModeSet,
	tfprotov6.SchemaObjectNestingModeMap:    tfjson.SchemaNestingModeMap,
}

func kind(in tfprotov6.StringKind) tfjson.SchemaDescriptionKind {
	if in == tfprotov6.StringKindMarkdown {
		return tfjson.SchemaDescriptionKindMarkdown
	}
	return tfjson.SchemaDescriptionKindPlain
}

// ctyType converts by way of JSON, the notation that both libraries share.
func ctyType(in tftypes.Type) (cty.Type, error) {
	raw, err := in.MarshalJSON() //nolint:staticcheck // deprecated for use outside of the protocol, of which this is a part
	if err != nil {
		return cty.NilType, err
	}
	var out cty.Type
	err = json.Unmarshal(raw, &out)
	return out, err
}
