package provider

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/hashicorp/terraform-plugin-framework/action"
	"github.com/hashicorp/terraform-plugin-framework/datasource"
	frameworkprovider "github.com/hashicorp/terraform-plugin-framework/provider"
	"github.com/hashicorp/terraform-plugin-framework/resource"
	"github.com/hashicorp/terraform-plugin-go/tfprotov6"
)

// protocolSchema is the schema as Terraform gets it.
func protocolSchema(t *testing.T) *tfprotov6.GetProviderSchemaResponse {
	t.Helper()
	schema, err := NewServer("test")().GetProviderSchema(t.Context(), &tfprotov6.GetProviderSchemaRequest{})
	if err != nil {
		t.Fatal(err)
	}
	return schema
}

// eachBlock visits all blocks of all schemas, nested ones included. The first
// ones are what is declared itself.
func eachBlock(schema *tfprotov6.GetProviderSchemaResponse, visit func(at string, b *tfprotov6.SchemaBlock)) {
	walkBlocks("provider", schema.Provider.Block, visit)
	for name, s := range schema.ResourceSchemas {
		walkBlocks(name, s.Block, visit)
	}
	for name, s := range schema.DataSourceSchemas {
		walkBlocks("data."+name, s.Block, visit)
	}
	for name, s := range schema.ActionSchemas {
		walkBlocks("action."+name, s.Schema.Block, visit)
	}
}

func walkBlocks(at string, block *tfprotov6.SchemaBlock, visit func(at string, b *tfprotov6.SchemaBlock)) {
	visit(at, block)
	for _, nested := range block.BlockTypes {
		walkBlocks(at+"."+nested.TypeName, nested.Block, visit)
	}
}

// eachAttribute visits all attributes of all schemas, nested ones included.
func eachAttribute(schema *tfprotov6.GetProviderSchemaResponse, visit func(at string, a *tfprotov6.SchemaAttribute)) {
	eachBlock(schema, func(at string, b *tfprotov6.SchemaBlock) { walkAttributes(at, b.Attributes, visit) })
}

func walkAttributes(at string, attributes []*tfprotov6.SchemaAttribute, visit func(at string, a *tfprotov6.SchemaAttribute)) {
	for _, a := range attributes {
		visit(at+"."+a.Name, a)
		if a.NestedType != nil {
			walkAttributes(at+"."+a.Name, a.NestedType.Attributes, visit)
		}
	}
}

// Terraform silently drops unknown names in a nested attribute, so a misspelled
// safeguard would have no effect. What users write by hand is in blocks; what takes
// a whole resource is a nested attribute.
func TestSchema_misspellingsAreErrors(t *testing.T) {
	t.Parallel()
	whole := map[string]bool{destinationArgument: true, exportArgument: true}
	var seen []string
	eachBlock(protocolSchema(t), func(at string, b *tfprotov6.SchemaBlock) {
		for _, a := range b.Attributes {
			switch {
			case a.NestedType == nil || !a.Optional && !a.Required:
			case whole[a.Name]:
				seen = append(seen, at)
			default:
				t.Errorf("%s.%s is a nested attribute that users write: Terraform drops what is misspelled in it. Make it a block.", at, a.Name)
			}
		}
	})
	if len(seen) < 5 {
		t.Errorf("only %q take a resource as a whole", seen)
	}
}

func TestSchema_protocol(t *testing.T) {
	t.Parallel()
	for _, d := range protocolSchema(t).Diagnostics {
		t.Errorf("%s: %s", d.Summary, d.Detail)
	}
}

// Descriptions are sentences in Markdown, and end like them.
func TestSchema_described(t *testing.T) {
	t.Parallel()
	schema := protocolSchema(t)
	seen := 0
	check := func(at, description string, kind tfprotov6.StringKind) {
		seen++
		if !strings.HasSuffix(description, ".") || kind != tfprotov6.StringKindMarkdown {
			t.Errorf("%s has the description %q (%s), want one in Markdown that ends with a full stop", at, description, kind)
		}
	}
	eachAttribute(schema, func(at string, a *tfprotov6.SchemaAttribute) { check(at, a.Description, a.DescriptionKind) })
	eachBlock(schema, func(at string, b *tfprotov6.SchemaBlock) { check(at, b.Description, b.DescriptionKind) })
	if seen < 50 {
		t.Errorf("only %d descriptions were checked", seen)
	}
}

func TestSchema_secretsSensitive(t *testing.T) {
	t.Parallel()
	var keys []string
	eachAttribute(protocolSchema(t), func(at string, a *tfprotov6.SchemaAttribute) {
		if !strings.Contains(a.Name, "api_key") || strings.HasSuffix(a.Name, "_env") {
			return
		}
		keys = append(keys, at)
		if !a.Sensitive {
			t.Errorf("%s is not sensitive", at)
		}
	})
	if len(keys) < 3 {
		t.Errorf("only %q were checked, want those of the provider, the connection and the destination", keys)
	}
}

func TestSchema_implementation(t *testing.T) {
	t.Parallel()
	p := New("test")()
	var own frameworkprovider.SchemaResponse
	p.Schema(t.Context(), frameworkprovider.SchemaRequest{}, &own)
	for _, d := range own.Schema.ValidateImplementation(t.Context()) {
		t.Errorf("provider: %s: %s", d.Summary(), d.Detail())
	}
	for _, create := range p.Resources(t.Context()) {
		var resp resource.SchemaResponse
		create().Schema(t.Context(), resource.SchemaRequest{}, &resp)
		for _, d := range resp.Schema.ValidateImplementation(t.Context()) {
			t.Errorf("%T: %s: %s", create(), d.Summary(), d.Detail())
		}
	}
	for _, create := range p.DataSources(t.Context()) {
		var resp datasource.SchemaResponse
		create().Schema(t.Context(), datasource.SchemaRequest{}, &resp)
		for _, d := range resp.Schema.ValidateImplementation(t.Context()) {
			t.Errorf("%T: %s: %s", create(), d.Summary(), d.Detail())
		}
	}
	for _, create := range (&klaviyoProvider{}).Actions(t.Context()) {
		var resp action.SchemaResponse
		create().Schema(t.Context(), action.SchemaRequest{}, &resp)
		for _, d := range resp.Schema.ValidateImplementation(t.Context()) {
			t.Errorf("%T: %s: %s", create(), d.Summary(), d.Detail())
		}
	}
}

// Everything that can be declared has an example, from which its page is made.
func TestSchema_examples(t *testing.T) {
	t.Parallel()
	schema := protocolSchema(t)
	files := []string{"provider/provider.tf"}
	for name := range schema.ResourceSchemas {
		files = append(files, "resources/"+name+"/resource.tf", "resources/"+name+"/import.sh",
			"resources/"+name+"/import-by-string-id.tf", "resources/"+name+"/import-by-identity.tf")
	}
	for name := range schema.DataSourceSchemas {
		files = append(files, "data-sources/"+name+"/data-source.tf")
	}
	for name := range schema.ActionSchemas {
		files = append(files, "actions/"+name+"/action.tf")
	}
	for _, file := range files {
		if info, err := os.Stat(filepath.Join("..", "..", "examples", filepath.FromSlash(file))); err != nil || info.Size() == 0 {
			t.Errorf("there is no example in examples/%s", file)
		}
	}
}

// Blocks cannot have required arguments unless they are required themselves, so the
// documentation lists these as optional. The description says first that they are not.
func TestSchema_requiredFirst(t *testing.T) {
	t.Parallel()
	found := 0
	check := func(at, description string) {
		if !strings.Contains(description, "Required.") {
			return
		}
		found++
		if !strings.HasPrefix(description, "Required. ") {
			t.Errorf("the description of %s does not begin with \"Required.\": %s", at, description)
		}
	}
	schema := protocolSchema(t)
	eachBlock(schema, func(at string, b *tfprotov6.SchemaBlock) { check(at, b.Description) })
	eachAttribute(schema, func(at string, a *tfprotov6.SchemaAttribute) { check(at, a.Description) })
	if found < 7 {
		t.Errorf("only %d descriptions say \"Required.\"", found)
	}
}
