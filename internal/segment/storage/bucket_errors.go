package storage

import (
	"errors"
	"fmt"
	"net/http"
	"regexp"
	"strings"

	"cloud.google.com/go/storage"
	"github.com/Azure/azure-sdk-for-go/sdk/azcore"
	awshttp "github.com/aws/aws-sdk-go-v2/aws/transport/http"
	"github.com/aws/smithy-go"
	"google.golang.org/api/googleapi"
)

// status is how a store answered.
type status struct {
	http int    // 0: it did not
	code string // its own, may be empty
}

func (s status) String() string { return strings.TrimSpace(fmt.Sprint(s.http, " ", s.code)) }

// statusOf finds the answer of a store in an error of its client.
func statusOf(err error) (s status) {
	var (
		aws     *awshttp.ResponseError
		awsCode smithy.APIError
		google  *googleapi.Error
		azure   *azcore.ResponseError
	)
	if errors.As(err, &aws) {
		s.http = aws.HTTPStatusCode()
	}
	if errors.As(err, &awsCode) {
		s.code = awsCode.ErrorCode()
	}
	if errors.As(err, &google) {
		s.http = google.Code
		if len(google.Errors) > 0 {
			s.code = google.Errors[0].Reason
		}
	}
	if errors.As(err, &azure) {
		s.http, s.code = azure.StatusCode, azure.ErrorCode
	}
	if !plainCode.MatchString(s.code) {
		s.code = "" // whoever answered is no store
	}
	return s
}

var plainCode = regexp.MustCompile(`^[A-Za-z0-9._-]{1,80}$`)

// explain makes a fault of an error of a store's client. Those fill pages, and
// hold addresses and names of accounts.
func (a address) explain(err error) error {
	var known *fault
	s := statusOf(err)
	switch {
	case err == nil || errors.As(err, &known):
		return err
	case IsContextError(err):
		return err
	case errors.Is(err, errNoAnswer):
		return unreachable(err)
	case refusedCodes[s.code]:
		return &fault{problem: fmt.Sprintf("the credentials were refused (%s)", s), remedy: a.chain()}
	case aboutCredentials(err):
		return &fault{problem: "no usable credentials were found: " + brief(err), remedy: a.chain()}
	case noBucketCodes[s.code] || errors.Is(err, storage.ErrBucketNotExist) || strings.Contains(err.Error(), "bucket does not exist"):
		return &fault{problem: fmt.Sprintf("there is no bucket or container %q", a.bucket), remedy: a.elsewhere()}
	case s.http != 0:
		return a.answered(s)
	case unusable(err):
		return &fault{problem: "the bucket cannot be opened: " + brief(err), remedy: a.elsewhere()}
	default:
		return unreachable(err)
	}
}

// answered explains an answer by its status.
func (a address) answered(s status) error {
	switch {
	case s.http == http.StatusNotFound && a.scheme == "azblob" && strings.ContainsAny(a.key, unreadableInAzure):
		return &fault{problem: "there is no such object in the bucket", remedy: `A blob whose name holds ", #, % or \ cannot be read from Azure Blob Storage. Give it another name.`}
	case s.http == http.StatusNotFound:
		return &fault{problem: "there is no such object in the bucket", remedy: "Check the key, upper and lower case included, or write the object before planning."}
	case s.http == http.StatusUnauthorized:
		return &fault{problem: fmt.Sprintf("the credentials were refused (%s)", s), remedy: a.chain()}
	case s.http == http.StatusForbidden:
		return &fault{
			problem: fmt.Sprintf("access is denied (%s)", s),
			remedy: "Let the identity that Terraform runs as read and list the objects of the bucket. Who may not list them is told that access is denied where there is no object, too. " +
				a.chain(),
		}
	case s.http == http.StatusMovedPermanently || s.http == http.StatusTemporaryRedirect || s.code == "AuthorizationHeaderMalformed":
		return &fault{problem: fmt.Sprintf("the bucket is in another region (%s)", s), remedy: fmt.Sprintf("Add its region to the path, as in %q, or set AWS_REGION.", a.String()+"?region=eu-west-1")}
	case s.http == http.StatusPreconditionFailed || s.http == http.StatusRequestedRangeNotSatisfiable:
		return errChanged
	default:
		return &fault{
			problem: fmt.Sprintf("the store answers %s", s),
			passes:  s.http >= http.StatusInternalServerError || s.http == http.StatusTooManyRequests || s.http == http.StatusRequestTimeout,
		}
	}
}

// unreadableInAzure are the characters that the library does not send to Azure
// as they are.
const unreadableInAzure = `"#%\`

// Codes by which the stores say more than by the status.
var (
	refusedCodes = map[string]bool{
		"InvalidAccessKeyId": true, "SignatureDoesNotMatch": true, "ExpiredToken": true, "InvalidToken": true, "TokenRefreshRequired": true, // S3
		"AuthenticationFailed": true, "InvalidAuthenticationInfo": true, "NoAuthenticationInformation": true, // Azure
		"authError": true, // Google
	}
	noBucketCodes = map[string]bool{"NoSuchBucket": true, "InvalidBucketName": true, "ContainerNotFound": true}
)

// aboutCredentials recognizes what has no type of its own in any of the
// clients.
func aboutCredentials(err error) bool {
	for _, words := range []string{
		"get credentials", "getting credentials", "could not find default credentials", "private key should be",
		"oauth2: ", "DefaultAzureCredential", "shared config profile", "credentials: ",
	} {
		if strings.Contains(err.Error(), words) {
			return true
		}
	}
	return false
}

// unusable recognizes what is wrong before anything is sent.
func unusable(err error) bool {
	for _, words := range []string{"parameter", "region", "Region", "AccountName", "azureblob", "connection string", "invalid protocol"} {
		if strings.Contains(err.Error(), words) {
			return true
		}
	}
	return false
}

// chain says where credentials come from.
func (a address) chain() string {
	switch a.scheme {
	case "s3":
		return "Credentials come from AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY (with AWS_SESSION_TOKEN), from the profile that AWS_PROFILE or ?profile= names, " +
			"from web identity, or from the role of the container or the instance."
	case "gs":
		return "Credentials come from the file that GOOGLE_APPLICATION_CREDENTIALS names, from gcloud auth application-default login, or from the metadata server; ?anonymous=true uses none."
	default:
		return "Credentials come from AZURE_STORAGE_ACCOUNT with AZURE_STORAGE_KEY or AZURE_STORAGE_SAS_TOKEN, from AZURE_STORAGE_CONNECTION_STRING, " +
			"or, with AZURE_STORAGE_ACCOUNT alone, from AZURE_CLIENT_ID and its siblings, workload identity, managed identity, or az login."
	}
}

// elsewhere says how the bucket is found.
func (a address) elsewhere() string {
	switch a.scheme {
	case "s3":
		return "Check the name and the region (AWS_REGION or ?region=). Another store than Amazon's is named by ?endpoint=https://..., often with &use_path_style=true."
	case "gs":
		return "Check the name of the bucket."
	default:
		return "Check the name of the container. The account comes from AZURE_STORAGE_ACCOUNT, or from ?storage_account= in the path."
	}
}
