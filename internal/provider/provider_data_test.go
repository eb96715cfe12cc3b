package provider

import (
	"errors"
	"strings"
	"testing"

	"github.com/hashicorp/terraform-plugin-framework/diag"
	"github.com/hashicorp/terraform-plugin-framework/types"
)

// All users of a key share its client, and with it the rate limits of the account.
func TestProviderData_oneClientPerKey(t *testing.T) {
	t.Parallel()
	d := &providerData{apiKey: types.StringValue(mainKey)}
	client := func(ref keyRef) any {
		t.Helper()
		used, err := d.access(ref)
		if err != nil {
			t.Fatal(err)
		}
		return used.client
	}
	if client(keyRef{}) != client(keyRef{apiKey: types.StringValue(mainKey)}) {
		t.Error("one key has two clients")
	}
	if client(keyRef{}) == client(keyRef{apiKey: types.StringValue(otherKey)}) {
		t.Error("two keys have one client")
	}
}

// While a key is unknown, no other key replaces it.
func TestProviderData_unknownKeyIsNotSkipped(t *testing.T) {
	t.Parallel()
	d := &providerData{apiKey: types.StringValue(mainKey)}
	for name, ref := range map[string]keyRef{
		"api_key":     {apiKey: types.StringUnknown()},
		"api_key_env": {apiKeyEnv: types.StringUnknown()},
	} {
		if _, err := d.access(ref); !errors.Is(err, errAccessUnknown) {
			t.Errorf("with %s unknown the error is %v", name, err)
		}
	}
	if _, err := (&providerData{apiKey: types.StringUnknown()}).access(keyRef{}); !errors.Is(err, errAccessUnknown) {
		t.Errorf("with the provider's key unknown the error is %v", err)
	}
}

func TestToProviderData(t *testing.T) {
	t.Parallel()
	var diags diag.Diagnostics
	if s := toProviderData(nil, &diags); s != nil || diags.HasError() {
		t.Errorf("before the provider is configured there is %v with %v, want neither", s, diags)
	}
	toProviderData("nonsense", &diags)
	if len(diags) != 1 || !strings.Contains(diags[0].Detail(), "bug in the provider") {
		t.Errorf("provider data of the wrong type became %v", diags)
	}
}
