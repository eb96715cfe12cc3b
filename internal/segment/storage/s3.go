package storage

import (
	"context"
	"net/url"
	"sync"

	"github.com/aws/aws-sdk-go-v2/aws"
	awshttp "github.com/aws/aws-sdk-go-v2/aws/transport/http"
	"github.com/aws/aws-sdk-go-v2/config"
	"github.com/aws/aws-sdk-go-v2/credentials/stscreds"
	"github.com/aws/aws-sdk-go-v2/service/s3"
	"github.com/aws/aws-sdk-go-v2/service/sts"
	"github.com/aws/smithy-go/logging"
)

// s3Client reads a bucket of Amazon S3, or of a store with its protocol.
type s3Client struct {
	client *s3.Client
	bucket string
}

var _ bucketClient = s3Client{}

func newS3Client(ctx context.Context, a address) (bucketClient, error) {
	p, err := a.params("region", "profile", "role", "anonymous", "endpoint", "use_path_style", "s3ForcePathStyle", "accelerate", "dualstack", "fips", "response_checksum_validation")
	if err != nil {
		return nil, err
	}
	cfg, err := loadAWSConfig(ctx, p)
	if err != nil {
		return nil, err
	}
	if cfg.Region == "" {
		return nil, &readError{problem: "the region of the bucket is not known", remedy: "Add it to the path, as in ?region=eu-west-1, or set AWS_REGION. Stores other than Amazon's often accept any."}
	}
	options, err := s3Options(p)
	if err != nil {
		return nil, err
	}
	return s3Client{s3.NewFromConfig(cfg, options), a.bucket}, nil
}

// loadAWSConfig loads the configuration that all tools of AWS share, from the
// environment and from files.
func loadAWSConfig(ctx context.Context, p params) (aws.Config, error) {
	options := []func(*config.LoadOptions) error{
		config.WithRegion(p["region"]), config.WithSharedConfigProfile(p["profile"]),
		config.WithLogger(logging.Nop{}), // its warnings may contain URLs
	}
	anonymous, err := p.bool("anonymous")
	if err != nil {
		return aws.Config{}, err
	}
	if anonymous {
		options = append(options, config.WithCredentialsProvider(aws.AnonymousCredentials{}))
	}
	switch p["response_checksum_validation"] {
	case "":
	case "when_supported":
		options = append(options, config.WithResponseChecksumValidation(aws.ResponseChecksumValidationWhenSupported))
	case "when_required":
		options = append(options, config.WithResponseChecksumValidation(aws.ResponseChecksumValidationWhenRequired))
	default:
		return aws.Config{}, &readError{problem: `the parameter "response_checksum_validation" is neither when_supported nor when_required`}
	}
	cfg, err := config.LoadDefaultConfig(ctx, options...)
	if err != nil {
		return aws.Config{}, asCredentialsError(err)
	}
	cfg.HTTPClient = sharedAWSClient(cfg.HTTPClient)
	if anonymous {
		return cfg, nil
	}
	if role := p["role"]; role != "" {
		cfg.Credentials = aws.NewCredentialsCache(stscreds.NewAssumeRoleProvider(sts.NewFromConfig(cfg), role))
	}
	cfg.Credentials = awsCredentials{cfg.Credentials}
	return cfg, nil
}

// s3Options returns the options that come from parameters of the path.
func s3Options(p params) (func(*s3.Options), error) {
	on := map[string]bool{}
	for _, name := range []string{"use_path_style", "s3ForcePathStyle", "accelerate", "dualstack", "fips"} {
		var err error
		if on[name], err = p.bool(name); err != nil {
			return nil, err
		}
	}
	endpoint := p["endpoint"]
	if endpoint != "" && !isEndpoint(endpoint) {
		return nil, &readError{problem: `the parameter "endpoint" is not the URL of a server`, remedy: "Write it as in ?endpoint=https://storage.example.com."}
	}
	return func(o *s3.Options) {
		if endpoint != "" {
			o.BaseEndpoint = aws.String(endpoint)
		}
		o.UsePathStyle = on["use_path_style"] || on["s3ForcePathStyle"]
		o.UseAccelerate = on["accelerate"]
		if on["dualstack"] {
			o.EndpointOptions.UseDualStackEndpoint = aws.DualStackEndpointStateEnabled
		}
		if on["fips"] {
			o.EndpointOptions.UseFIPSEndpoint = aws.FIPSEndpointStateEnabled
		}
		o.DisableLogOutputChecksumValidationSkipped = true
	}, nil
}

func isEndpoint(endpoint string) bool {
	u, err := url.Parse(endpoint)
	return err == nil && (u.Scheme == "https" || u.Scheme == "http") && u.Host != "" && u.RawQuery == "" && u.Fragment == ""
}

// awsCredentials marks the errors of a provider as those of credentials.
type awsCredentials struct{ aws.CredentialsProvider }

func (c awsCredentials) Retrieve(ctx context.Context) (aws.Credentials, error) {
	credentials, err := c.CredentialsProvider.Retrieve(ctx)
	if ctx.Err() == nil {
		err = asCredentialsError(err)
	}
	return credentials, err
}

// sharedAWSClient returns the first client that it was given, so that all
// buckets share its connections. The environment configures all alike.
func sharedAWSClient(client aws.HTTPClient) aws.HTTPClient {
	firstAWSClient.once.Do(func() {
		if own, ok := client.(*awshttp.BuildableClient); ok {
			client = newStoreClient(own.GetTransport(), func(query url.Values) bool { return query.Has("list-type") })
		}
		firstAWSClient.client = client
	})
	return firstAWSClient.client
}

var firstAWSClient struct {
	once   sync.Once
	client aws.HTTPClient
}

func (c s3Client) stat(ctx context.Context, key string) (revision, error) {
	head, err := c.client.HeadObject(ctx, &s3.HeadObjectInput{Bucket: &c.bucket, Key: &key})
	if err != nil {
		return revision{}, err
	}
	return newRevision(deref(head.ContentLength), deref(head.ETag), deref(head.LastModified)), nil
}

// errNoNextPage means a store that answers as for version 1 of the listing, in which the
// first page would pass for all objects.
var errNoNextPage = &readError{
	problem: "the listing goes on after its first page, but the store does not say how to get the next one",
	remedy:  "The store must know version 2 of the listing (ListObjectsV2). Update it, or read the files by another protocol.",
}

func (c s3Client) list(ctx context.Context, prefix, delimiter, token string) (page listPage, err error) {
	input := &s3.ListObjectsV2Input{Bucket: &c.bucket, Prefix: &prefix, MaxKeys: aws.Int32(objectsPerPage)}
	if delimiter != "" {
		input.Delimiter = &delimiter
	}
	if token != "" {
		input.ContinuationToken = &token
	}
	listed, err := c.client.ListObjectsV2(ctx, input)
	if err != nil {
		return listPage{}, err
	}
	for _, object := range listed.Contents {
		page.objects = append(page.objects, listedObject{deref(object.Key), newRevision(deref(object.Size), deref(object.ETag), deref(object.LastModified))})
	}
	if deref(listed.IsTruncated) {
		if page.next = deref(listed.NextContinuationToken); page.next == "" {
			return listPage{}, errNoNextPage
		}
	}
	return page, nil
}

func (c s3Client) read(ctx context.Context, key string, offset, length int64, _ revision) (download, error) {
	input := &s3.GetObjectInput{Bucket: &c.bucket, Key: &key}
	if header := rangeHeader(offset, length); header != "" {
		input.Range = &header
	}
	got, err := c.client.GetObject(ctx, input)
	if err != nil {
		return download{}, err
	}
	return download{
		body: got.Body, length: deref(got.ContentLength), contentRange: deref(got.ContentRange),
		tag: deref(got.ETag), changed: deref(got.LastModified),
	}, nil
}
