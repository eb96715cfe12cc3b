package provider

import (
	"fmt"
	"maps"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/hashicorp/terraform-plugin-go/tfprotov6"
	"github.com/hashicorp/terraform-plugin-go/tftypes"
)

// core plays the newest Terraform at the protocol, so that what only that one
// asks for is tested whichever Terraform is installed.
type core struct {
	t          *testing.T
	server     tfprotov6.ProviderServer
	schemas    map[string]*tfprotov6.Schema
	identities map[string]*tfprotov6.ResourceIdentitySchema
}

// object is a resource as Terraform keeps it in its state.
type object struct {
	kind     string
	state    tftypes.Value
	identity *tfprotov6.ResourceIdentityData
	private  []byte
}

// with sets an attribute in a copy.
func (v values) with(name string, to any) values {
	out := maps.Clone(v)
	out[name] = to
	return out
}

// newCore starts a provider that uses a key.
func newCore(w *env, key string) *core {
	w.t.Helper()
	server := newServer(&klaviyoProvider{version: "test", now: func() time.Time { return w.clock() }, clock: w.runs, salt: oneSalt})
	schema, err := server.GetProviderSchema(w.t.Context(), &tfprotov6.GetProviderSchemaRequest{})
	if err != nil {
		w.t.Fatal(err)
	}
	identity, err := server.GetResourceIdentitySchemas(w.t.Context(), &tfprotov6.GetResourceIdentitySchemasRequest{})
	if err != nil {
		w.t.Fatal(err)
	}
	c := &core{w.t, server, schema.ResourceSchemas, identity.IdentitySchemas}
	c.check(schema.Diagnostics)
	c.check(identity.Diagnostics)
	config := dynamic(w.t, schema.Provider.ValueType(), values{"api_key": key, "base_url": w.URL, "retry_timeout": "0s"})
	resp, err := server.ConfigureProvider(w.t.Context(), &tfprotov6.ConfigureProviderRequest{Config: config, TerraformVersion: "1.15.0"})
	if err != nil {
		w.t.Fatal(err)
	}
	c.check(resp.Diagnostics)
	return c
}

// check ends the test on an error.
func (c *core) check(diags []*tfprotov6.Diagnostic) {
	c.t.Helper()
	if errs := errorsOf(diags); errs != "" {
		c.t.Fatal(errs)
	}
}

func errorsOf(diags []*tfprotov6.Diagnostic) string {
	var errs []string
	for _, d := range diags {
		if d.Severity == tfprotov6.DiagnosticSeverityError {
			errs = append(errs, d.Summary+": "+d.Detail)
		}
	}
	return strings.Join(errs, "\n")
}

func (c *core) dynamic(of tftypes.Type, value tftypes.Value) *tfprotov6.DynamicValue {
	c.t.Helper()
	dynamic, err := tfprotov6.NewDynamicValue(of, value)
	if err != nil {
		c.t.Fatal(err)
	}
	return &dynamic
}

func (c *core) undynamic(of tftypes.Type, dynamic *tfprotov6.DynamicValue) tftypes.Value {
	c.t.Helper()
	value, err := dynamic.Unmarshal(of)
	if err != nil {
		c.t.Fatal(err)
	}
	return value
}

func (c *core) typeOf(kind string) tftypes.Type { return c.schemas[kind].ValueType() }

// config is a configuration of a resource; nil means no configuration.
func (c *core) config(kind string, config values) tftypes.Value {
	c.t.Helper()
	if config == nil {
		return c.absent(kind).state
	}
	return value(c.t, c.typeOf(kind), config)
}

// absent is a resource that is not there yet.
func (c *core) absent(kind string) object {
	return object{kind: kind, state: tftypes.NewValue(c.typeOf(kind), nil)}
}

// proposed is what Terraform proposes to plan: the configuration, with the
// computed attributes of the state.
func (c *core) proposed(o object, config tftypes.Value) tftypes.Value {
	c.t.Helper()
	if config.IsNull() || o.state.IsNull() {
		return config
	}
	var prior, next map[string]tftypes.Value
	if err := o.state.As(&prior); err != nil {
		c.t.Fatal(err)
	}
	if err := config.As(&next); err != nil {
		c.t.Fatal(err)
	}
	for _, a := range c.schemas[o.kind].Block.Attributes {
		if a.Computed && next[a.Name].IsNull() {
			next[a.Name] = prior[a.Name]
		}
	}
	return tftypes.NewValue(c.typeOf(o.kind), next)
}

// plan plans a configuration for a resource; nil destroys it.
func (c *core) plan(o object, config values) *tfprotov6.PlanResourceChangeResponse {
	c.t.Helper()
	of := c.typeOf(o.kind)
	declared := c.config(o.kind, config)
	resp, err := c.server.PlanResourceChange(c.t.Context(), &tfprotov6.PlanResourceChangeRequest{
		TypeName: o.kind, PriorState: c.dynamic(of, o.state), ProposedNewState: c.dynamic(of, c.proposed(o, declared)),
		Config: c.dynamic(of, declared), PriorPrivate: o.private, PriorIdentity: o.identity,
	})
	if err != nil {
		c.t.Fatal(err)
	}
	c.check(resp.Diagnostics)
	return resp
}

// apply plans a configuration and applies it.
func (c *core) apply(o object, config values) object {
	c.t.Helper()
	out, diags := c.applyPlan(o, config, c.plan(o, config))
	c.check(diags)
	return out
}

// applyPlan applies a plan that was made before.
func (c *core) applyPlan(o object, config values, plan *tfprotov6.PlanResourceChangeResponse) (object, []*tfprotov6.Diagnostic) {
	c.t.Helper()
	of := c.typeOf(o.kind)
	resp, err := c.server.ApplyResourceChange(c.t.Context(), &tfprotov6.ApplyResourceChangeRequest{
		TypeName: o.kind, PriorState: c.dynamic(of, o.state), PlannedState: plan.PlannedState,
		Config: c.dynamic(of, c.config(o.kind, config)), PlannedPrivate: plan.PlannedPrivate, PlannedIdentity: plan.PlannedIdentity,
	})
	if err != nil {
		c.t.Fatal(err)
	}
	return object{o.kind, c.undynamic(of, resp.NewState), resp.NewIdentity, resp.Private}, resp.Diagnostics
}

// read refreshes a resource.
func (c *core) read(o object) (object, []*tfprotov6.Diagnostic) {
	c.t.Helper()
	of := c.typeOf(o.kind)
	resp, err := c.server.ReadResource(c.t.Context(), &tfprotov6.ReadResourceRequest{
		TypeName: o.kind, CurrentState: c.dynamic(of, o.state), CurrentIdentity: o.identity, Private: o.private,
	})
	if err != nil {
		c.t.Fatal(err)
	}
	return object{o.kind, c.undynamic(of, resp.NewState), resp.NewIdentity, resp.Private}, resp.Diagnostics
}

// mustRead refreshes a resource without an error.
func (c *core) mustRead(o object) object {
	c.t.Helper()
	out, diags := c.read(o)
	c.check(diags)
	return out
}

// importBy imports by an id, or by an identity where there is one.
func (c *core) importBy(kind, id string, identity values) (object, []*tfprotov6.Diagnostic) {
	c.t.Helper()
	req := &tfprotov6.ImportResourceStateRequest{TypeName: kind, ID: id}
	if identity != nil {
		of := c.identities[kind].ValueType()
		req.Identity = &tfprotov6.ResourceIdentityData{IdentityData: dynamic(c.t, of, identity)}
	}
	resp, err := c.server.ImportResourceState(c.t.Context(), req)
	if err != nil {
		c.t.Fatal(err)
	}
	if errorsOf(resp.Diagnostics) != "" {
		return object{}, resp.Diagnostics
	}
	imported := resp.ImportedResources[0]
	return object{kind, c.undynamic(c.typeOf(kind), imported.State), imported.Identity, imported.Private}, resp.Diagnostics
}

// wantIdentity checks an identity, written as name=value in the order of names.
func (c *core) wantIdentity(when string, o object, want string) {
	c.t.Helper()
	if got := c.identityOf(o.kind, o.identity); got != want {
		c.t.Errorf("%s: the identity is %q, want %q", when, got, want)
	}
}

func (c *core) identityOf(kind string, data *tfprotov6.ResourceIdentityData) string {
	c.t.Helper()
	if data == nil {
		return "none"
	}
	var attributes map[string]tftypes.Value
	value := c.undynamic(c.identities[kind].ValueType(), data.IdentityData)
	if value.IsNull() {
		return "null"
	}
	if err := value.As(&attributes); err != nil {
		c.t.Fatal(err)
	}
	var out []string
	for name, value := range attributes {
		var text *string
		if err := value.As(&text); err != nil {
			c.t.Fatal(err)
		}
		if text == nil {
			out = append(out, name+" is null")
		} else {
			out = append(out, fmt.Sprintf("%s=%s", name, *text))
		}
	}
	slices.Sort(out)
	return strings.Join(out, " ")
}

// wantNoChange checks that a configuration plans nothing.
func (c *core) wantNoChange(when string, o object, config values) {
	c.t.Helper()
	plan := c.plan(o, config)
	if planned := c.undynamic(c.typeOf(o.kind), plan.PlannedState); !planned.Equal(o.state) {
		c.t.Errorf("%s: the plan is\n%s\nwant what is there\n%s", when, planned, o.state)
	}
	if len(plan.RequiresReplace) > 0 {
		c.t.Errorf("%s: a replacement is planned", when)
	}
}

// Tests fix the salts of sketches; whoever builds the provider has random ones.
func TestSaltsAreRandom(t *testing.T) {
	t.Parallel()
	p, ok := New("test")().(*klaviyoProvider)
	if !ok || p.salt != nil {
		t.Error("the salts of sketches are known")
	}
}
