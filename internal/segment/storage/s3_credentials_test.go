package storage_test

import (
	"fmt"
	"net/http"
	"net/url"
	"path/filepath"
	"strings"
	"sync"
	"testing"
)

// signatures records how the requests to a store are signed.
type signatures struct {
	mu   sync.Mutex
	last string
}

func (s *signatures) record(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		s.mu.Lock()
		s.last = r.Header.Get("Authorization")
		s.mu.Unlock()
		next.ServeHTTP(w, r)
	})
}

// credentialServer stands in for the services of AWS that issue credentials: STS,
// the metadata service of EC2, the agent of a container.
func credentialServer(w http.ResponseWriter, r *http.Request) {
	const (
		keys    = `"AccessKeyId":"%s","SecretAccessKey":"s","Token":"t","Expiration":"2099-01-01T00:00:00Z"`
		stsKeys = `<Credentials><AccessKeyId>%s</AccessKeyId><SecretAccessKey>s</SecretAccessKey><SessionToken>t</SessionToken><Expiration>2099-01-01T00:00:00Z</Expiration></Credentials>`
	)
	switch {
	case r.Method == http.MethodPost:
		_ = r.ParseForm() // a failure shows below
		action := r.Form.Get("Action")
		if r.Form.Get("RoleArn") != "arn:aws:iam::123456789012:role/reader" {
			w.WriteHeader(http.StatusForbidden)
			return
		}
		_, _ = fmt.Fprintf(w, "<%[1]sResponse><%[1]sResult>"+stsKeys+"</%[1]sResult></%[1]sResponse>", action, "AKIA"+strings.ToUpper(action))
	case r.Method == http.MethodPut: // token of the metadata service
		w.Header().Set("X-Aws-Ec2-Metadata-Token-Ttl-Seconds", "21600")
		_, _ = w.Write([]byte("token"))
	case r.URL.Path == "/container":
		_, _ = fmt.Fprintf(w, "{"+keys+"}", "AKIACONTAINER")
	case strings.HasSuffix(r.URL.Path, "/security-credentials/"):
		_, _ = w.Write([]byte("reader"))
	case strings.HasSuffix(r.URL.Path, "/security-credentials/reader"):
		_, _ = fmt.Fprintf(w, `{"Code":"Success",`+keys+"}", "AKIAINSTANCE")
	default:
		w.WriteHeader(http.StatusNotFound)
	}
}

// Credentials and region come from wherever AWS's own tools take them.
func TestS3Credentials(t *testing.T) {
	s := newStore(t)
	s.put(t, "a.csv", numbered(3))
	var signed signatures
	s.Handler = signed.record(s.Handler)
	issuer := serve(t, credentialServer)
	profiles := writeFile(t, "config", `[profile crm]
region = eu-north-1
aws_access_key_id = AKIAPROFILE
aws_secret_access_key = s
[profile assumed]
region = eu-south-1
role_arn = arn:aws:iam::123456789012:role/reader
source_profile = crm
[profile command]
region = us-west-1
credential_process = echo '{"Version":1,"AccessKeyId":"AKIAPROCESS","SecretAccessKey":"s"}'
`)
	for name, tc := range map[string]struct {
		env   map[string]string
		query url.Values
		want  string // in the Authorization header
	}{
		"environment":        {nil, nil, "AKIA" + secret + "/"},
		"region of the path": {nil, url.Values{"region": {"ap-south-2"}}, "/ap-south-2/s3/"},
		"region unknown yet": {nil, url.Values{"region": {"xx-new-1"}}, "/xx-new-1/s3/"},
		"profile of the path": {
			map[string]string{"AWS_ACCESS_KEY_ID": "", "AWS_SECRET_ACCESS_KEY": "", "AWS_REGION": ""}, url.Values{"profile": {"crm"}}, "/eu-north-1/s3/",
		},
		"AWS_PROFILE":      {map[string]string{"AWS_ACCESS_KEY_ID": "", "AWS_SECRET_ACCESS_KEY": "", "AWS_PROFILE": "crm"}, nil, "AKIAPROFILE/"},
		"role of profile":  {map[string]string{"AWS_ACCESS_KEY_ID": "", "AWS_SECRET_ACCESS_KEY": "", "AWS_PROFILE": "assumed"}, nil, "AKIAASSUMEROLE/"},
		"process":          {map[string]string{"AWS_ACCESS_KEY_ID": "", "AWS_SECRET_ACCESS_KEY": "", "AWS_PROFILE": "command"}, nil, "AKIAPROCESS/"},
		"role of the path": {nil, url.Values{"role": {"arn:aws:iam::123456789012:role/reader"}}, "AKIAASSUMEROLE/"},
		"web identity": {map[string]string{
			"AWS_ACCESS_KEY_ID": "", "AWS_SECRET_ACCESS_KEY": "", "AWS_ROLE_ARN": "arn:aws:iam::123456789012:role/reader",
			"AWS_WEB_IDENTITY_TOKEN_FILE": writeFile(t, "jwt", "jwt"),
		}, nil, "AKIAASSUMEROLEWITHWEBIDENTITY/"},
		"container": {map[string]string{"AWS_ACCESS_KEY_ID": "", "AWS_SECRET_ACCESS_KEY": "", "AWS_CONTAINER_CREDENTIALS_FULL_URI": issuer + "/container"}, nil, "AKIACONTAINER/"},
		"instance": {map[string]string{
			"AWS_ACCESS_KEY_ID": "", "AWS_SECRET_ACCESS_KEY": "", "AWS_EC2_METADATA_DISABLED": "", "AWS_EC2_METADATA_SERVICE_ENDPOINT": issuer,
		}, nil, "AKIAINSTANCE/"},
		"anonymous": {map[string]string{"AWS_ACCESS_KEY_ID": "", "AWS_SECRET_ACCESS_KEY": ""}, url.Values{"anonymous": {"true"}}, ""},
	} {
		t.Run(name, func(t *testing.T) {
			for _, unset := range []string{"AWS_ROLE_ARN", "AWS_WEB_IDENTITY_TOKEN_FILE", "AWS_CONTAINER_CREDENTIALS_FULL_URI", "AWS_CONTAINER_CREDENTIALS_RELATIVE_URI"} {
				t.Setenv(unset, "")
			}
			t.Setenv("AWS_CONFIG_FILE", profiles)
			t.Setenv("AWS_ENDPOINT_URL_STS", issuer)
			for name, value := range tc.env {
				t.Setenv(name, value)
			}
			query := url.Values{"endpoint": {s.endpoint}, "s3ForcePathStyle": {"true"}}
			for name, values := range tc.query {
				query[name] = values
			}
			wantNumbered(t, withShortWaits("s3://b/a.csv?"+query.Encode()), 3)
			if !strings.Contains(signed.last, tc.want) || (signed.last == "") != (tc.want == "") {
				t.Errorf("Authorization %q, want %q", signed.last, tc.want)
			}
		})
	}
}

func TestS3ConfigurationThatIsNotUsable(t *testing.T) {
	s3Environment(t)
	for name, tc := range map[string]struct {
		env         map[string]string
		query, want string
	}{
		"no such profile": {nil, "?profile=none", "no usable credentials were found: failed to get shared config profile, none. Credentials come from AWS_ACCESS_KEY_ID"},
		"bad file":        {map[string]string{"AWS_CONFIG_FILE": writeFile(t, "config", "[profile "+secret)}, "?profile=x", "no usable credentials were found"},
		"no region":       {map[string]string{"AWS_REGION": "", "AWS_DEFAULT_REGION": ""}, "", "the region of the bucket is not known. Add it to the path, as in ?region=eu-west-1"},
		"role refused": {
			map[string]string{"AWS_ENDPOINT_URL_STS": serve(t, credentialServer)},
			"?role=arn:aws:iam::123456789012:role/other",
			"no usable credentials were found",
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Setenv("AWS_CONFIG_FILE", filepath.Join(t.TempDir(), "none"))
			for name, value := range tc.env {
				t.Setenv(name, value)
			}
			_, err := readIDs(t, withShortWaits("s3://b/a.csv"+tc.query))
			wantError(t, err, tc.want)
		})
	}
}

// S3 names the region of the bucket to a client that uses another one.
func TestS3OtherRegionIsNamed(t *testing.T) { //nolint:paralleltest // s3Environment sets the environment
	s3Environment(t)
	endpoint := serve(t, func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("X-Amz-Bucket-Region", "eu-central-1")
		w.WriteHeader(http.StatusMovedPermanently)
	})
	_, err := readIDs(t, at(endpoint, "b/a.csv"))
	wantError(t, err, `the bucket is in another region (301 MovedPermanently). Add its region to the path, as in "s3://b/a.csv?region=eu-central-1"`)
}
