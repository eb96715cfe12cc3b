package storage

import (
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"regexp"
	"strings"

	"github.com/Azure/azure-sdk-for-go/sdk/azcore"
	awshttp "github.com/aws/aws-sdk-go-v2/aws/transport/http"
	"github.com/aws/smithy-go"
)

// status is how a store answered.
type status struct {
	http   int    // 0: it did not
	code   string // the store's own; may be empty
	region string // of the bucket, where S3 names it
}

func (s status) String() string { return strings.TrimSpace(fmt.Sprint(s.http, " ", s.code)) }

// isDenied reports whether the store knows who asks, and refuses.
func (s status) isDenied() bool {
	return s.http == http.StatusForbidden && !refusedCodes[s.code] && !noBucketCodes[s.code]
}

// statusOf finds the answer of a store in an error of its client.
func statusOf(err error) (s status) {
	var (
		aws     *awshttp.ResponseError
		awsCode smithy.APIError
		google  *gcsError
		azure   *azcore.ResponseError
	)
	if errors.As(err, &aws) {
		s.http = aws.HTTPStatusCode()
		if aws.Response != nil {
			s.region = aws.Response.Header.Get("X-Amz-Bucket-Region")
		}
	}
	if errors.As(err, &awsCode) {
		s.code = awsCode.ErrorCode()
	}
	if errors.As(err, &google) {
		s.http, s.code = google.status, google.reason
	}
	if errors.As(err, &azure) {
		s.http, s.code = azure.StatusCode, azure.ErrorCode
	}
	if !plainCode.MatchString(s.code) {
		s.code = "" // not the answer of a store
	}
	if !plainCode.MatchString(s.region) {
		s.region = ""
	}
	return s
}

var plainCode = regexp.MustCompile(`^[A-Za-z0-9._-]{1,80}$`)

// credentialsError says that no credentials were obtained, so that no request
// reached the store.
type credentialsError struct {
	err       error
	retryable bool
}

// asCredentialsError marks an error of whatever finds credentials.
func asCredentialsError(err error) error {
	if err == nil {
		return nil
	}
	return &credentialsError{err: err}
}

func (e *credentialsError) Error() string { return e.err.Error() }

func (e *credentialsError) Unwrap() error { return e.err }

// explain makes a *readError of an error of a store's client. Those errors are
// long, and quote URLs and names of accounts.
func (a address) explain(err error) error {
	var (
		known       *readError
		credentials *credentialsError
	)
	s := statusOf(err)
	switch {
	case err == nil || errors.As(err, &known):
		return err
	case errors.As(err, &credentials): // first, since it wraps statuses and timeouts of other servers
		return &readError{problem: "no usable credentials were found: " + brief(credentials.err), remedy: a.credentialsHint(), retryable: credentials.retryable}
	case IsContextError(err):
		return err
	case errors.Is(err, errTimeout):
		return unreachable(err)
	case refusedCodes[s.code]:
		return &readError{problem: fmt.Sprintf("the credentials were refused (%s)", s), remedy: a.credentialsHint()}
	case noBucketCodes[s.code]:
		return &readError{problem: fmt.Sprintf("there is no bucket or container %q", a.bucket), remedy: a.bucketHint()}
	case s.http >= http.StatusMultipleChoices: // else the body broke off
		return a.explainStatus(s)
	case isTransferError(err):
		return unreachable(err)
	default:
		return &readError{problem: "the bucket cannot be opened: " + brief(err), remedy: a.bucketHint()}
	}
}

// explainStatus explains an answer by its status.
func (a address) explainStatus(s status) error {
	switch {
	case s.http == http.StatusNotFound:
		return &readError{problem: "there is no such object in the bucket", remedy: "Check the key, upper and lower case included, or write the object before planning.", missing: true}
	case s.http == http.StatusUnauthorized:
		return &readError{problem: fmt.Sprintf("the credentials were refused (%s)", s), remedy: a.credentialsHint()}
	case s.isDenied():
		return &readError{
			problem: fmt.Sprintf("access is denied (%s)", s),
			remedy: "Let the identity that Terraform runs as read and list the objects of the bucket. Without the permission to list, a missing object is reported as denied access, too. " +
				a.credentialsHint(),
		}
	case s.http == http.StatusMovedPermanently || s.http == http.StatusTemporaryRedirect || s.code == "AuthorizationHeaderMalformed":
		region := s.region
		if region == "" {
			region = "eu-west-1"
		}
		return &readError{problem: fmt.Sprintf("the bucket is in another region (%s)", s), remedy: fmt.Sprintf("Add its region to the path, as in %q, or set AWS_REGION.", a.String()+"?region="+region)}
	case s.http == http.StatusPreconditionFailed || s.http == http.StatusRequestedRangeNotSatisfiable:
		return errChanged
	default:
		return &readError{problem: fmt.Sprintf("the store answers %s", s), retryable: isRetryableStatus(s.http)}
	}
}

// Codes that say more than the status.
var (
	refusedCodes = map[string]bool{
		"InvalidAccessKeyId": true, "SignatureDoesNotMatch": true, "ExpiredToken": true, "InvalidToken": true, "TokenRefreshRequired": true, // S3
		"AuthenticationFailed": true, "InvalidAuthenticationInfo": true, "NoAuthenticationInformation": true, // Azure
		"authError": true, // Google
	}
	noBucketCodes = map[string]bool{"NoSuchBucket": true, "InvalidBucketName": true, "ContainerNotFound": true, gcsNoBucket: true}
)

// isTransferError reports whether a request or its answer was lost on the way,
// rather than refused before it was sent.
func isTransferError(err error) bool {
	var netErr net.Error // includes *url.Error, that of every HTTP client
	return errors.As(err, &netErr) || errors.Is(err, io.ErrUnexpectedEOF)
}
