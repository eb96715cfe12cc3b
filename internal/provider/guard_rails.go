package provider

import (
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"slices"
	"strings"

	"github.com/hashicorp/terraform-plugin-framework/attr"
	"github.com/hashicorp/terraform-plugin-framework/diag"
	"github.com/hashicorp/terraform-plugin-framework/path"
	"github.com/hashicorp/terraform-plugin-framework/types"
)

// guardRails are the limits on exports through a connection. Terraform silently
// drops attributes where it converts an object to a type that does not name them,
// and an export through a connection without its rails would have no limits. So
// the connection has a digest of them, which every export checks. It guards
// against accidents, not against somebody who can change the configuration.
type guardRails struct {
	accountID types.String
	consent   types.Bool
	lists     types.Set
	max       types.Int64
}

// The optional rails of a connection.
const (
	railLists = "allowed_list_ids"
	railMax   = "max_profiles_per_export"
)

// digestVersion begins each digest, so that a later version can recognize it.
const digestVersion = "v1"

// noRails replaces the names in the digest of a connection without rails.
const noRails = "none"

// names returns the rails that are set, in alphabetical order.
func (g guardRails) names() (names []string) {
	for _, rail := range []struct {
		name  string
		value attr.Value
	}{{railLists, g.lists}, {railMax, g.max}} {
		if !rail.value.IsNull() {
			names = append(names, rail.name)
		}
	}
	return names
}

// digest is the version, the names of the rails that are set, and a hash of account,
// consent and rails. It is unknown while any of them is.
func (g guardRails) digest() types.String {
	for _, part := range append([]attr.Value{g.accountID, g.consent, g.lists, g.max}, g.lists.Elements()...) {
		if part.IsUnknown() {
			return types.StringUnknown()
		}
	}
	var lists []string // the names distinguish an empty set from no rail
	for _, id := range g.lists.Elements() {
		if id, ok := id.(types.String); ok {
			lists = append(lists, id.ValueString())
		}
	}
	slices.Sort(lists)
	encoded, _ := json.Marshal([]any{g.accountID.ValueString(), g.consent.ValueBool(), lists, g.max.ValueInt64Pointer()}) // cannot fail for these types
	sum := sha256.Sum256(encoded)
	names := strings.Join(g.names(), ",")
	if names == "" {
		names = noRails
	}
	return types.StringValue(digestVersion + " " + names + " " + hex.EncodeToString(sum[:]))
}

// namesIn returns the rails that a digest names; ok is false for a text that is not
// a digest.
func namesIn(digest string) (names []string, ok bool) {
	fields := strings.Fields(digest)
	if len(fields) != 3 || fields[0] != digestVersion {
		return nil, false
	}
	if fields[1] == noRails {
		return nil, true
	}
	return strings.Split(fields[1], ","), true
}

func (d *destinationModel) guardRails() guardRails {
	return guardRails{d.AccountID, d.DataPrivacyConsent, d.AllowedListIDs, d.MaxProfilesPerExport}
}

// checkGuardRails checks that the destination has the guard rails of the
// connection. It reports nothing while they are unknown.
func (d *destinationModel) checkGuardRails(diags *diag.Diagnostics) {
	at := path.Root(destinationArgument)
	if d.GuardRailsDigest.IsNull() {
		add(diags, at, "Guard Rails Of The Connection Are Missing", d.missingRails())
		return
	}
	digest := d.guardRails().digest()
	if digest.IsUnknown() || d.GuardRailsDigest.IsUnknown() || digest.Equal(d.GuardRailsDigest) {
		return
	}
	add(diags, at, "Guard Rails Of The Connection Were Changed", d.changedRails())
}

// keepWhole explains how to pass a connection without losing attributes.
const keepWhole = "A variable whose type is object({ ... }) drops every attribute that the type does not name, so declare it with type = any"

// missingRails explains a destination without a digest.
func (d *destinationModel) missingRails() string {
	var has, lacks []string
	for _, a := range []struct {
		name  string
		value attr.Value
	}{
		{"account_id", d.AccountID},
		{railLists, d.AllowedListIDs},
		{"api_key", d.APIKey},
		{"api_key_env", d.APIKeyEnv},
		{"data_privacy_consent", d.DataPrivacyConsent},
		{"guard_rails_digest", d.GuardRailsDigest},
		{railMax, d.MaxProfilesPerExport},
	} {
		if a.value.IsNull() {
			lacks = append(lacks, a.name)
		} else {
			has = append(has, a.name)
		}
	}
	return fmt.Sprintf("The destination is not a whole klaviyo_connection, so it is not known which guard rails the connection has. Nothing was sent. The destination has %s; it has no %s. The cause is one of these:\n"+
		"  - The connection came through a module or an output. "+keepWhole+".\n"+
		"  - The object was written by hand. Nobody's consent is recorded in it: declare a klaviyo_connection.\n"+
		"  - The connection is from another configuration, which was last applied with an earlier version of the provider. Apply that one again.\n"+
		"Then pass the connection as a whole: destination = klaviyo_connection.example.", strings.Join(has, ", "), strings.Join(lacks, ", "))
}

// changedRails explains a destination that does not match its digest.
func (d *destinationModel) changedRails() string {
	const remedy = " Nothing was sent. " + keepWhole + ", and pass the connection as a whole: destination = klaviyo_connection.example."
	there, ok := namesIn(d.GuardRailsDigest.ValueString())
	if !ok {
		return "The guard_rails_digest of the destination was not made by a klaviyo_connection. Nothing was sent. Pass a connection as a whole: destination = klaviyo_connection.example. " +
			"In a test, Terraform makes up the digest of a connection that is mocked or overridden: mock or override the export as well."
	}
	here := d.guardRails().names()
	without := func(names, others []string) []string {
		return slices.DeleteFunc(slices.Clone(names), func(name string) bool { return slices.Contains(others, name) })
	}
	if dropped := without(there, here); len(dropped) > 0 {
		return fmt.Sprintf("The connection has %s, and the destination does not: it was dropped on the way.", strings.Join(dropped, " and ")) + remedy
	}
	if added := without(here, there); len(added) > 0 {
		return fmt.Sprintf("The destination has %s, and the connection does not: it was added on the way.", strings.Join(added, " and ")) + remedy
	}
	return "The destination does not match the connection: account_id, data_privacy_consent" + strings.Join(append([]string{""}, here...), " or ") + " was changed on the way." + remedy
}
