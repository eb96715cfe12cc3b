package storage

import (
	"context"
	"net/url"
	"os"
	"strconv"
	"strings"

	"github.com/Azure/azure-sdk-for-go/sdk/azcore"
	"github.com/Azure/azure-sdk-for-go/sdk/azcore/policy"
	"github.com/Azure/azure-sdk-for-go/sdk/azidentity"
	"github.com/Azure/azure-sdk-for-go/sdk/storage/azblob/blob"
	"github.com/Azure/azure-sdk-for-go/sdk/storage/azblob/container"
)

// azureClient reads a container of Azure Blob Storage.
type azureClient struct{ container *container.Client }

var _ bucketClient = azureClient{}

// newAzureClient takes the first that the environment has: account and key, a
// shared access signature, a connection string, a key for the account of the
// path. Else Azure's identity library finds the credentials.
func newAzureClient(a address) (bucketClient, error) {
	p, err := a.params("storage_account", "domain", "protocol", "cdn", "localemu")
	if err != nil {
		return nil, err
	}
	env := azureEnvFrom(os.Getenv)
	client, err := env.client(a.bucket, p)
	if err != nil {
		return nil, err
	}
	return azureClient{client}, nil
}

// azureEnv is what the environment says of Azure Blob Storage.
type azureEnv struct {
	endpoint                            azureEndpoint
	account, key, sas, connectionString string
}

func azureEnvFrom(getenv func(string) string) azureEnv {
	env := azureEnv{
		account: getenv("AZURE_STORAGE_ACCOUNT"), key: getenv("AZURE_STORAGE_KEY"), sas: strings.TrimPrefix(getenv("AZURE_STORAGE_SAS_TOKEN"), "?"),
		connectionString: getenv("AZURE_STORAGE_CONNECTION_STRING"),
	}
	if env.connectionString == "" {
		env.connectionString = getenv("AZURE_STORAGEBLOB_CONNECTIONSTRING")
	}
	env.endpoint = azureEndpoint{account: env.account, domain: getenv("AZURE_STORAGE_DOMAIN"), protocol: getenv("AZURE_STORAGE_PROTOCOL")}
	// What is neither true nor false was never an error in the environment.
	env.endpoint.isCDN, _ = strconv.ParseBool(getenv("AZURE_STORAGE_IS_CDN"))
	env.endpoint.isEmulator, _ = strconv.ParseBool(getenv("AZURE_STORAGE_IS_LOCAL_EMULATOR"))
	for setting := range strings.SplitSeq(env.connectionString, ";") {
		name, value, _ := strings.Cut(setting, "=")
		switch {
		case name == "AccountName" && env.endpoint.account == "":
			env.endpoint.account = value
		case name == "DefaultEndpointsProtocol" && env.endpoint.protocol == "":
			env.endpoint.protocol = value
		}
	}
	return env
}

// client creates the client of a container.
func (e azureEnv) client(name string, p params) (*container.Client, error) {
	if e.usesConnectionString() {
		client, err := container.NewClientFromConnectionString(e.connectionString, name, azureOptions())
		if err != nil {
			return nil, asCredentialsError(err)
		}
		return client, e.checkConnectionString(client.URL(), name, p)
	}
	endpoint, err := e.endpoint.with(p)
	if err != nil {
		return nil, err
	}
	if e.usesSAS() {
		if err := e.checkSAS(endpoint); err != nil {
			return nil, err
		}
	} else if e.account == "" {
		e.account = endpoint.account // whose key it is, if there is one
	}
	account, err := endpoint.url()
	if err != nil {
		return nil, err
	}
	client, err := e.clientAt(account.JoinPath(name))
	return client, asCredentialsError(err)
}

func (e azureEnv) hasKey() bool { return e.account != "" && e.key != "" }

func (e azureEnv) usesSAS() bool { return !e.hasKey() && e.sas != "" }

func (e azureEnv) usesConnectionString() bool {
	return !e.hasKey() && e.sas == "" && e.connectionString != ""
}

// checkConnectionString refuses parameters that name another account or server
// than the connection string, which alone says what is read.
func (e azureEnv) checkConnectionString(used, name string, p params) error {
	if len(p) == 0 {
		return nil
	}
	endpoint, err := e.endpoint.with(p)
	if err != nil {
		return err
	}
	// What names no account is not the one of the connection string, either.
	if named, err := endpoint.url(); err == nil {
		if u, err := url.Parse(used); err == nil && isSameServer(u, named) && u.Path == named.JoinPath(name).Path {
			return nil
		}
	}
	return &readError{
		problem: "the parameters of the path name another storage account or server than the connection string in the environment",
		remedy: "Leave storage_account, domain, protocol, cdn and localemu out of the path, or unset AZURE_STORAGE_CONNECTION_STRING and " +
			"AZURE_STORAGEBLOB_CONNECTIONSTRING to use other credentials.",
	}
}

func isSameServer(a, b *url.URL) bool {
	return a.Scheme == b.Scheme && strings.EqualFold(a.Host, b.Host)
}

// checkSAS refuses to send the signature, which is part of every URL, to a
// server that the environment does not name.
func (e azureEnv) checkSAS(endpoint azureEndpoint) error {
	if e.endpoint.account == "" {
		return &readError{
			problem: "it is not known which account AZURE_STORAGE_SAS_TOKEN is for",
			remedy:  "Set AZURE_STORAGE_ACCOUNT to that account, even if the path names it: the token is sent to no other.",
		}
	}
	account, err := endpoint.url()
	if err != nil {
		return err
	}
	configured, err := e.endpoint.url()
	if err != nil {
		return err
	}
	if !isSameServer(configured, account) {
		return &readError{
			problem: "AZURE_STORAGE_SAS_TOKEN is not sent to another server, which the parameters of the path name",
			remedy:  "Name the server in AZURE_STORAGE_ACCOUNT, AZURE_STORAGE_DOMAIN and AZURE_STORAGE_PROTOCOL instead.",
		}
	}
	return nil
}

func (e azureEnv) clientAt(u *url.URL) (*container.Client, error) {
	switch {
	case e.hasKey():
		credential, err := container.NewSharedKeyCredential(e.account, e.key)
		if err != nil {
			return nil, err
		}
		return container.NewClientWithSharedKeyCredential(u.String(), credential, azureOptions())
	case e.sas != "":
		u.RawQuery = e.sas
		return container.NewClientWithNoCredential(u.String(), azureOptions())
	default:
		credential, err := azidentity.NewDefaultAzureCredential(nil)
		if err != nil {
			return nil, err
		}
		return container.NewClient(u.String(), azureCredential{credential}, azureOptions())
	}
}

// azureOptions are those of all clients, which share connections.
func azureOptions() *container.ClientOptions {
	client := newStoreClient(sharedTransport(), func(query url.Values) bool { return query.Get("comp") == "list" })
	return &container.ClientOptions{ClientOptions: azcore.ClientOptions{Transport: client}}
}

// azureCredential marks the errors of a credential as such.
type azureCredential struct{ azcore.TokenCredential }

func (c azureCredential) GetToken(ctx context.Context, options policy.TokenRequestOptions) (azcore.AccessToken, error) {
	token, err := c.TokenCredential.GetToken(ctx, options)
	if ctx.Err() == nil {
		err = asCredentialsError(err)
	}
	return token, err
}

// azureEndpoint says where a storage account is.
type azureEndpoint struct {
	account, domain, protocol string
	isCDN, isEmulator         bool
}

// with returns the endpoint as parameters of a path change it.
func (e azureEndpoint) with(p params) (azureEndpoint, error) {
	for name, setting := range map[string]*string{"storage_account": &e.account, "domain": &e.domain, "protocol": &e.protocol} {
		if value, given := p[name]; given {
			*setting = value
		}
	}
	for name, setting := range map[string]*bool{"cdn": &e.isCDN, "localemu": &e.isEmulator} {
		if _, given := p[name]; given {
			var err error
			if *setting, err = p.bool(name); err != nil {
				return e, err
			}
		}
	}
	return e, nil
}

// url returns the URL of the account: the account is a subdomain, but for
// emulators, where it is the path, and for a CDN, which knows it.
func (e azureEndpoint) url() (*url.URL, error) {
	if e.account == "" {
		return nil, &readError{problem: "the storage account is not known", remedy: "Set AZURE_STORAGE_ACCOUNT, or add ?storage_account= to the path."}
	}
	domain, protocol := e.domain, e.protocol
	if domain == "" {
		domain = "blob.core.windows.net"
	}
	if protocol == "" {
		protocol = "https"
	}
	if protocol != "https" && protocol != "http" {
		return nil, &readError{problem: "the protocol of the storage account is neither https nor http", remedy: "Set AZURE_STORAGE_PROTOCOL or ?protocol= to https, or leave both out."}
	}
	text := protocol + "://" + e.account + "." + domain
	switch {
	case strings.HasPrefix(domain, "127.0.0.1") || strings.HasPrefix(domain, "localhost") || e.isEmulator:
		text = protocol + "://" + domain + "/" + e.account
	case e.isCDN:
		text = protocol + "://" + domain
	}
	u, err := url.Parse(text)
	if err != nil || u.Host == "" || !plainCode.MatchString(e.account) {
		return nil, &readError{problem: "the name of the storage account or its domain is not valid", remedy: "Check AZURE_STORAGE_ACCOUNT and AZURE_STORAGE_DOMAIN, or ?storage_account= and ?domain= in the path."}
	}
	return u, nil
}

func (c azureClient) stat(ctx context.Context, key string) (revision, error) {
	got, err := c.container.NewBlobClient(key).GetProperties(ctx, nil)
	if err != nil {
		return revision{}, err
	}
	return newRevision(deref(got.ContentLength), string(deref(got.ETag)), deref(got.LastModified)), nil
}

func (c azureClient) list(ctx context.Context, prefix, delimiter, token string) (listPage, error) {
	maxResults := int32(objectsPerPage)
	var marker *string
	if token != "" {
		marker = &token
	}
	if delimiter == "" {
		got, err := c.container.NewListBlobsFlatPager(&container.ListBlobsFlatOptions{Prefix: &prefix, Marker: marker, MaxResults: &maxResults}).NextPage(ctx)
		if err != nil {
			return listPage{}, err
		}
		return azurePage(got.Segment.BlobItems, got.NextMarker), nil
	}
	got, err := c.container.NewListBlobsHierarchyPager(delimiter, &container.ListBlobsHierarchyOptions{Prefix: &prefix, Marker: marker, MaxResults: &maxResults}).NextPage(ctx)
	if err != nil {
		return listPage{}, err
	}
	return azurePage(got.Segment.BlobItems, got.NextMarker), nil
}

func azurePage(items []*container.BlobItem, next *string) listPage {
	page := listPage{next: deref(next)}
	for _, item := range items {
		if p := item.Properties; p != nil {
			page.objects = append(page.objects, listedObject{deref(item.Name), newRevision(deref(p.ContentLength), string(deref(p.ETag)), deref(p.LastModified))})
		}
	}
	return page
}

func (c azureClient) read(ctx context.Context, key string, offset, length int64, _ revision) (download, error) {
	options := &blob.DownloadStreamOptions{Range: blob.HTTPRange{Offset: offset, Count: max(length, 0)}} // a count of 0 is the rest
	got, err := c.container.NewBlobClient(key).DownloadStream(ctx, options)
	if err != nil {
		return download{}, err
	}
	return download{
		body: got.Body, length: deref(got.ContentLength), contentRange: deref(got.ContentRange),
		tag: string(deref(got.ETag)), changed: deref(got.LastModified),
	}, nil
}
