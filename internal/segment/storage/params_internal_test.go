package storage

import (
	"strings"
	"testing"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/s3"
)

// A parameter that is not supported is refused by its name, with what to write
// instead, before anything is sent.
func TestParametersThatAreRefused(t *testing.T) { // not parallel: it sets the environment
	t.Setenv("STORAGE_EMULATOR_HOST", "")
	for path, want := range map[string]string{
		"s3://b/a.csv?hostname_immutable=true":            `the parameter "hostname_immutable" is not supported. Write use_path_style=true instead`,
		"s3://b/a.csv?rate_limiter_capacity=5":            `the parameter "rate_limiter_capacity" is not supported. Leave it out`,
		"s3://b/a.csv?request_checksum_calculation=x":     `the parameter "request_checksum_calculation" is not supported. Leave it out: it concerns writing`,
		"s3://b/a.csv?regoin=eu-west-1":                   `the parameter "regoin" is not known. Parameters of s3:// are region, profile, role`,
		"s3://b/a.csv?region=a&region=b":                  `the parameter "region" is given more than once`,
		"s3://b/a.csv?anonymous=maybe":                    `the parameter "anonymous" is neither true nor false`,
		"s3://b/a.csv?region=x&fips=2":                    `the parameter "fips" is neither true nor false`,
		"s3://b/a.csv?response_checksum_validation=never": `the parameter "response_checksum_validation" is neither when_supported nor when_required`,
		"s3://b/a.csv?region=%zz":                         `the parameters after the ? are not valid`,
		"s3://b/a.csv?region=a;b=c":                       `the parameters after the ? are not valid`,
		"gs://b/a.csv?access_id=-":                        `the parameter "access_id" is not supported. Write anonymous=true`,
		"gs://b/a.csv?private_key_path=x":                 `the parameter "private_key_path" is not supported. Leave it out, and name the file of the key in GOOGLE_APPLICATION_CREDENTIALS`,
		"gs://b/a.csv?grpc=true":                          `the parameter "grpc" is not supported. Leave it out`,
		"gs://b/a.csv?zonal=true":                         `the parameter "zonal" is not supported. Copy the object`,
		"gs://b/a.csv?anonymous=maybe":                    `the parameter "anonymous" is neither true nor false`,
		"gs://b/a.csv?universe_domain=x/y":                `the parameter "universe_domain" is not a domain`,
		"gs://b/a.csv?region=x":                           `the parameter "region" is not known. Parameters of gs:// are anonymous, universe_domain`,
		"azblob://b/a.csv?account=x":                      `the parameter "account" is not known. Parameters of azblob:// are storage_account, domain`,
		"azblob://b/a.csv?storage_account=x&cdn=maybe":    `the parameter "cdn" is neither true nor false`,
		"azblob://b/a.csv?storage_account=x&protocol=ftp": `the protocol of the storage account is neither https nor http`,
		"azblob://b/a.csv?storage_account=x%2Fy%3Fz":      `the name of the storage account or its domain is not valid`,
		"azblob://b/a.csv":                                `the storage account is not known. Set AZURE_STORAGE_ACCOUNT, or add ?storage_account=`,
	} {
		for _, name := range []string{"AZURE_STORAGE_ACCOUNT", "AZURE_STORAGE_KEY", "AZURE_STORAGE_SAS_TOKEN", "AZURE_STORAGE_CONNECTION_STRING", "AZURE_STORAGEBLOB_CONNECTIONSTRING"} {
			t.Setenv(name, "")
		}
		t.Setenv("AWS_REGION", "us-east-1")
		if _, err := Of(path).Find(t.Context(), path); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: error %v, want %q", path, err, want)
		}
	}
}

func TestS3ParametersOfTheClient(t *testing.T) {
	t.Parallel()
	for query, holds := range map[string]func(o s3.Options) bool{
		"":                      func(o s3.Options) bool { return !o.UsePathStyle && o.BaseEndpoint == nil && !o.UseAccelerate },
		"use_path_style=true":   func(o s3.Options) bool { return o.UsePathStyle },
		"use_path_style=false":  func(o s3.Options) bool { return !o.UsePathStyle },
		"s3ForcePathStyle=true": func(o s3.Options) bool { return o.UsePathStyle },
		"accelerate=true":       func(o s3.Options) bool { return o.UseAccelerate },
		"dualstack=true": func(o s3.Options) bool {
			return o.EndpointOptions.UseDualStackEndpoint == aws.DualStackEndpointStateEnabled
		},
		"fips=true":                      func(o s3.Options) bool { return o.EndpointOptions.UseFIPSEndpoint == aws.FIPSEndpointStateEnabled },
		"endpoint=https://x.supabase/s3": func(o s3.Options) bool { return *o.BaseEndpoint == "https://x.supabase/s3" },
	} {
		a := address{scheme: schemeS3, bucket: "b", query: query}
		p, err := a.params("use_path_style", "s3ForcePathStyle", "accelerate", "dualstack", "fips", "endpoint")
		if err != nil {
			t.Fatal(err)
		}
		set, err := s3Options(p)
		if err != nil {
			t.Fatal(err)
		}
		var o s3.Options
		if set(&o); !holds(o) {
			t.Errorf("%q gives other options", query)
		}
	}
}

func TestGCSEndpoint(t *testing.T) {
	t.Parallel()
	for _, tc := range []struct{ universe, emulator, want string }{
		{"", "", "https://storage.googleapis.com"},
		{"apis-tpczero.goog", "", "https://storage.apis-tpczero.goog"},
		{"", "localhost:4443", "http://localhost:4443"},
		{"", "https://localhost:4443/storage/v1/", "https://localhost:4443"},
		{"", "ftp://localhost", ""},
		{"", "http://", ""},
		{"user@x", "", ""},
	} {
		if got, err := gcsEndpoint(tc.universe, tc.emulator); got != tc.want || (err == nil) != (tc.want != "") {
			t.Errorf("%+v: %q, %v", tc, got, err)
		}
	}
}

func TestGCSObjectURL(t *testing.T) {
	t.Parallel()
	const want = "https://host/o/a%20b%2F%2B%26%3D%40%3A%21%2A%27%28%29%24%2C%3B%C3%BC-._~"
	if got := (gcsClient{objects: "https://host/o"}).objectURL("a b/+&=@:!*'()$,;ü-._~"); got != want {
		t.Errorf("URL %q, want %q", got, want)
	}
}

// The environment determines the URL of the account and the credentials.
func TestAzureEnvironment(t *testing.T) {
	t.Parallel()
	const key = "c2VjcmV0"
	for name, tc := range map[string]struct {
		env   map[string]string
		query string
		want  string // URL of the container, or the error
	}{
		"key":                    {map[string]string{"AZURE_STORAGE_ACCOUNT": "a", "AZURE_STORAGE_KEY": key}, "", "https://a.blob.core.windows.net/c"},
		"key that is not base64": {map[string]string{"AZURE_STORAGE_ACCOUNT": "a", "AZURE_STORAGE_KEY": "hush!"}, "", "illegal base64"},
		"account of the path":    {map[string]string{"AZURE_STORAGE_ACCOUNT": "a", "AZURE_STORAGE_KEY": key}, "storage_account=b", "https://b.blob.core.windows.net/c"},
		"national cloud":         {map[string]string{"AZURE_STORAGE_ACCOUNT": "a", "AZURE_STORAGE_KEY": key, "AZURE_STORAGE_DOMAIN": "blob.core.chinacloudapi.cn"}, "", "https://a.blob.core.chinacloudapi.cn/c"},
		"CDN":                    {map[string]string{"AZURE_STORAGE_ACCOUNT": "a", "AZURE_STORAGE_KEY": key}, "cdn=true&domain=cdn.example.com", "https://cdn.example.com/c"},
		"CDN of the environment": {map[string]string{"AZURE_STORAGE_ACCOUNT": "a", "AZURE_STORAGE_KEY": key, "AZURE_STORAGE_IS_CDN": "true", "AZURE_STORAGE_DOMAIN": "cdn.example.com"}, "", "https://cdn.example.com/c"},
		"emulator":               {map[string]string{"AZURE_STORAGE_ACCOUNT": "a", "AZURE_STORAGE_KEY": key}, "localemu=true&protocol=http&domain=azurite:10000", "http://azurite:10000/a/c"},
		"emulator by its name":   {map[string]string{"AZURE_STORAGE_ACCOUNT": "a", "AZURE_STORAGE_KEY": key, "AZURE_STORAGE_PROTOCOL": "http", "AZURE_STORAGE_DOMAIN": "127.0.0.1:10000"}, "", "http://127.0.0.1:10000/a/c"},
		"emulator, environment":  {map[string]string{"AZURE_STORAGE_ACCOUNT": "a", "AZURE_STORAGE_KEY": key, "AZURE_STORAGE_IS_LOCAL_EMULATOR": "1", "AZURE_STORAGE_DOMAIN": "azurite"}, "", "https://azurite/a/c"},
		"shared access":          {map[string]string{"AZURE_STORAGE_ACCOUNT": "a", "AZURE_STORAGE_SAS_TOKEN": "?sv=1&sig=x"}, "", "https://a.blob.core.windows.net/c?sv=1&sig=x"},
		"shared access, elsewhere": {
			map[string]string{"AZURE_STORAGE_ACCOUNT": "a", "AZURE_STORAGE_SAS_TOKEN": "sig=x"},
			"domain=example.com",
			"AZURE_STORAGE_SAS_TOKEN is not sent to another server, which the parameters of the path name. Name the server in AZURE_STORAGE_ACCOUNT",
		},
		"key before shared access": {map[string]string{"AZURE_STORAGE_ACCOUNT": "a", "AZURE_STORAGE_KEY": key, "AZURE_STORAGE_SAS_TOKEN": "sig=x"}, "", "https://a.blob.core.windows.net/c"},
		"connection string":        {map[string]string{"AZURE_STORAGE_CONNECTION_STRING": "DefaultEndpointsProtocol=https;AccountName=a;AccountKey=" + key + ";EndpointSuffix=core.windows.net"}, "", "https://a.blob.core.windows.net/c"},
		"other connection string":  {map[string]string{"AZURE_STORAGEBLOB_CONNECTIONSTRING": "AccountName=a;AccountKey=" + key}, "", "https://a.blob.core.windows.net/c"},
		"connection string, SAS":   {map[string]string{"AZURE_STORAGE_CONNECTION_STRING": "BlobEndpoint=https://a.example.com;SharedAccessSignature=sv=1&sig=x"}, "", "https://a.example.com/c?sv=1&sig=x"},
		"bad connection string":    {map[string]string{"AZURE_STORAGE_CONNECTION_STRING": "x"}, "", "connection string is either blank or malformed"},
		"connection string, its own account in the path": {
			map[string]string{"AZURE_STORAGE_CONNECTION_STRING": "AccountName=a;AccountKey=" + key},
			"storage_account=a",
			"https://a.blob.core.windows.net/c",
		},
		"connection string, another account in the path": {
			map[string]string{"AZURE_STORAGE_CONNECTION_STRING": "AccountName=a;AccountKey=" + key},
			"storage_account=b",
			"the parameters of the path name another storage account or server than the connection string in the environment. Leave storage_account",
		},
		"connection string, another domain in the path": {
			map[string]string{"AZURE_STORAGEBLOB_CONNECTIONSTRING": "AccountName=a;AccountKey=" + key},
			"domain=blob.core.chinacloudapi.cn",
			"the parameters of the path name another storage account or server",
		},
		"connection string, another account of an emulator": {
			map[string]string{"AZURE_STORAGE_CONNECTION_STRING": "BlobEndpoint=http://127.0.0.1:10000/a;AccountName=a;AccountKey=" + key},
			"storage_account=b&protocol=http&domain=127.0.0.1:10000",
			"the parameters of the path name another storage account or server",
		},
		"connection string without an account": {
			map[string]string{"AZURE_STORAGE_CONNECTION_STRING": "BlobEndpoint=https://a.example.com;SharedAccessSignature=sig=x"},
			"domain=example.com",
			"the parameters of the path name another storage account or server",
		},
		"key for the account of the path": {map[string]string{"AZURE_STORAGE_KEY": "hush!"}, "storage_account=a", "illegal base64"},
		"key for no account":              {map[string]string{"AZURE_STORAGE_KEY": key}, "", "the storage account is not known. Set AZURE_STORAGE_ACCOUNT"},
		"shared access for no account": {
			map[string]string{"AZURE_STORAGE_SAS_TOKEN": "sig=x", "AZURE_STORAGE_KEY": key},
			"storage_account=a",
			"it is not known which account AZURE_STORAGE_SAS_TOKEN is for. Set AZURE_STORAGE_ACCOUNT",
		},
		"identity": {map[string]string{"AZURE_STORAGE_ACCOUNT": "a"}, "", "https://a.blob.core.windows.net/c"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			p, err := address{scheme: schemeAzure, query: tc.query}.params("storage_account", "domain", "protocol", "cdn", "localemu")
			if err != nil {
				t.Fatal(err)
			}
			client, err := azureEnvFrom(func(name string) string { return tc.env[name] }).client("c", p)
			got := ""
			if client != nil {
				got = client.URL()
			}
			if got != tc.want && (err == nil || !strings.Contains(err.Error(), tc.want)) {
				t.Errorf("URL %q, error %v, want %q", got, err, tc.want)
			}
			if err != nil && strings.Contains(err.Error(), "hush") {
				t.Errorf("error %q reveals a key", err)
			}
		})
	}
}
