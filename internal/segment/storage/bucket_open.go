package storage

import (
	"context"
	"net/url"
	"os"
	"strconv"
	"sync"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/s3"
	gcaws "gocloud.dev/aws"
	"gocloud.dev/blob"
	_ "gocloud.dev/blob/azureblob" // opens azblob
	"gocloud.dev/blob/gcsblob"
	"gocloud.dev/blob/s3blob"
	"gocloud.dev/gcp"
	"golang.org/x/oauth2"
)

// openBucket opens a bucket with the credentials that its cloud finds.
func openBucket(ctx context.Context, u *url.URL) (*blob.Bucket, error) {
	switch u.Scheme {
	case s3blob.Scheme:
		return openS3(ctx, u)
	case gcsblob.Scheme:
		return openGCS(ctx, u)
	default:
		return blob.DefaultURLMux().OpenBucketURL(ctx, u)
	}
}

// openS3 does what the opener of the library does, but with one HTTP client
// for all buckets: those of its own each keep connections open.
func openS3(ctx context.Context, u *url.URL) (*blob.Bucket, error) {
	query := u.Query()
	var options []func(*s3.Options)
	for name, set := range map[string]func(*s3.Options, bool){
		"use_path_style":   func(o *s3.Options, on bool) { o.UsePathStyle = on },
		"s3ForcePathStyle": func(o *s3.Options, on bool) { o.UsePathStyle = on },
		"accelerate":       func(o *s3.Options, on bool) { o.UseAccelerate = on },
	} {
		if !query.Has(name) {
			continue
		}
		on, err := strconv.ParseBool(query.Get(name))
		if err != nil {
			return nil, &fault{problem: "the parameter " + name + " is neither true nor false"}
		}
		options = append(options, func(o *s3.Options) { set(o, on) })
		query.Del(name)
	}
	config, err := gcaws.V2ConfigFromURLParams(ctx, query)
	if err != nil {
		return nil, err
	}
	options = append(options, func(o *s3.Options) {
		o.HTTPClient = awsClient(config.HTTPClient)
		o.DisableLogOutputChecksumValidationSkipped = true
		if n, err := strconv.Atoi(os.Getenv("AWS_MAX_ATTEMPTS")); err == nil && n > 0 {
			o.RetryMaxAttempts = n // the library's configuration loses it
		}
	})
	return s3blob.OpenBucket(ctx, s3.NewFromConfig(config, options...), u.Host, nil)
}

// awsClient returns the first client that it was given. All of a process are
// configured by the same environment.
func awsClient(client aws.HTTPClient) aws.HTTPClient {
	awsClientOnce.Do(func() { theAWSClient = client })
	return theAWSClient
}

var (
	awsClientOnce sync.Once
	theAWSClient  aws.HTTPClient
)

// openGCS does what the opener of the library does, but does not go on without
// credentials.
func openGCS(ctx context.Context, u *url.URL) (*blob.Bucket, error) {
	client := gcp.NewAnonymousHTTPClient(gcp.DefaultTransport())
	if os.Getenv("STORAGE_EMULATOR_HOST") == "" && u.Query().Get("anonymous") != "true" {
		// Tokens are asked for long after this call, so not with its context.
		credentials, err := gcp.DefaultCredentials(context.WithoutCancel(ctx))
		if err != nil {
			return nil, err
		}
		client.Transport = &oauth2.Transport{Base: client.Transport, Source: credentials.TokenSource}
	}
	opener := gcsblob.URLOpener{Client: client}
	return opener.OpenBucketURL(ctx, u)
}
