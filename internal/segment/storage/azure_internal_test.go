package storage

import (
	"net/url"
	"testing"

	"github.com/Azure/azure-sdk-for-go/sdk/storage/azblob/container"
)

// A container is known by the URLs of both services of its account, and no other is.
func TestAzureKeyOf(t *testing.T) {
	t.Parallel()
	client, err := container.NewClientWithNoCredential("https://account.blob.core.windows.net/lake?sig=secret", nil)
	if err != nil {
		t.Fatal(err)
	}
	for location, want := range map[string]string{
		"https://account.dfs.core.windows.net/lake/a/b%20c.csv":          "a/b c.csv",
		"https://account.blob.core.windows.net/lake/a/b.csv?sig=x":       "a/b.csv",
		"https://ACCOUNT.dfs.core.windows.net/lake/a.csv":                "a.csv",
		"abfss://lake@account.dfs.core.windows.net/a/b.csv":              "a/b.csv",
		"wasbs://lake@account.blob.core.windows.net/a.csv":               "a.csv",
		"https://account.dfs.core.windows.net/lake2/a.csv":               "",
		"https://account.dfs.core.windows.net/a.csv":                     "",
		"https://other.dfs.core.windows.net/lake/a.csv":                  "",
		"https://account.dfs.core.windows.net.example.com/lake/a.csv":    "",
		"abfss://other@account.dfs.core.windows.net/a.csv":               "",
		"ftp://account.blob.core.windows.net/lake/a.csv":                 "",
		"https://account.dfs.core.windows.net@example.com/lake/evil.csv": "",
	} {
		u, err := url.Parse(location)
		if err != nil {
			t.Fatal(err)
		}
		key, ok := azureClient{client}.keyOf(u)
		if ok != (want != "") || ok && key != want {
			t.Errorf("%s: %q, %v, want %q", location, key, ok, want)
		}
	}
}
