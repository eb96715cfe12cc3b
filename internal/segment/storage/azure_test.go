//nolint:paralleltest // credentials come from the environment, which azureEnvironment sets
package storage_test

import (
	"bufio"
	"bytes"
	"encoding/base64"
	"fmt"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/Azure/azure-sdk-for-go/sdk/storage/azblob/container"
	"github.com/Azure/azure-sdk-for-go/sdk/storage/azblob/sas"
)

// The account that every Azurite has, and its key, which is public.
const (
	azuriteAccount = "devstoreaccount1"
	azuriteKey     = "Eby8vdM02xNOcqFlqUwJPLlmEtlCDXJ1OUzFT50uSRZ6IFsuFq2UVErCz4I6tq/K1SZFPTOtr/KBHBeksoGMGw=="
)

// azureEnvironment sets the account and its key, and unsets everything else.
func azureEnvironment(t *testing.T) {
	t.Helper()
	for name, value := range map[string]string{
		"AZURE_STORAGE_ACCOUNT": azuriteAccount, "AZURE_STORAGE_KEY": azuriteKey,
		"AZURE_STORAGE_SAS_TOKEN": "", "AZURE_STORAGE_CONNECTION_STRING": "", "AZURE_STORAGEBLOB_CONNECTIONSTRING": "",
		"AZURE_STORAGE_DOMAIN": "", "AZURE_STORAGE_PROTOCOL": "", "AZURE_STORAGE_IS_CDN": "", "AZURE_STORAGE_IS_LOCAL_EMULATOR": "",
	} {
		t.Setenv(name, value)
	}
}

// startAzurite starts a server whose account has that key, and returns its address.
func startAzurite(t *testing.T, key string) string {
	t.Helper()
	program, err := exec.LookPath("azurite-blob")
	if err != nil {
		program, err = exec.LookPath(filepath.Join("..", "..", "..", "build", "azurite", "node_modules", ".bin", "azurite-blob"))
	}
	if err != nil {
		t.Skip("needs Azurite, which is not installed here: make servers, or npm install -g azurite")
	}
	if program, err = filepath.Abs(program); err != nil {
		t.Fatal(err)
	}
	command := exec.Command(program, "--inMemoryPersistence", "--skipApiVersionCheck", "--disableTelemetry", "--blobHost", "127.0.0.1", "--blobPort", "0")
	command.Dir = t.TempDir()
	command.Env = append(os.Environ(), "AZURITE_ACCOUNTS="+azuriteAccount+":"+key)
	output, err := command.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	var problems bytes.Buffer
	command.Stderr = &problems
	if err := command.Start(); err != nil {
		t.Fatal(err)
	}
	addresses := make(chan string, 1)
	ended := make(chan struct{})
	go func() {
		defer close(ended)
		for lines := bufio.NewScanner(output); lines.Scan(); { // of requests, too
			if _, address, ok := strings.Cut(lines.Text(), "successfully listens on http://"); ok {
				addresses <- address
			}
		}
		_ = command.Wait() // killed
	}()
	t.Cleanup(func() {
		_ = command.Process.Kill() // may have ended
		<-ended
	})
	select {
	case address := <-addresses:
		return address
	case <-ended:
		t.Fatalf("Azurite ended: %s", &problems)
	case <-time.After(time.Minute):
		t.Fatal("Azurite does not listen")
	}
	return ""
}

// azurePath is the path of an object on a server on this machine.
func azurePath(address, container, key string) string {
	return fmt.Sprintf("azblob://%s/%s?protocol=http&domain=%s&localemu=true", container, key, address)
}

// startContainer starts a server with an empty container "segments".
func startContainer(t *testing.T) (address string, client *container.Client) {
	t.Helper()
	azureEnvironment(t)
	address = startAzurite(t, azuriteKey)
	credential, err := container.NewSharedKeyCredential(azuriteAccount, azuriteKey)
	if err != nil {
		t.Fatal(err)
	}
	client, err = container.NewClientWithSharedKeyCredential("http://"+address+"/"+azuriteAccount+"/segments", credential, nil)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := client.Create(t.Context(), nil); err != nil {
		t.Fatal(err)
	}
	return address, client
}

func putBlob(t *testing.T, client *container.Client, key, content string) {
	t.Helper()
	if _, err := client.NewBlockBlobClient(key).UploadBuffer(t.Context(), []byte(content), nil); err != nil {
		t.Fatal(err)
	}
}

func TestAzure(t *testing.T) {
	address, client := startContainer(t)
	objects{
		path:     func(container, key string) string { return azurePath(address, container, key) },
		name:     func(container, key string) string { return "azblob://" + container + "/" + key },
		put:      func(t *testing.T, key, content string) { t.Helper(); putBlob(t, client, key, content) },
		secrets:  []string{azuriteKey, azuriteAccount, address, "SharedKey"},
		noBucket: `there is no bucket or container "no-such-segments". Check the name of the container`,
		url:      func(key string) string { return "http://" + address + "/" + azuriteAccount + "/segments/" + key },
	}.test(t)
}

// A shared access signature or a connection string replaces the key.
func TestAzureWithoutAKey(t *testing.T) {
	address, client := startContainer(t)
	putBlob(t, client, "a.csv", numbered(3))
	signedURL, err := client.GetSASURL(sas.ContainerPermissions{Read: true, List: true}, time.Now().Add(time.Hour), nil)
	if err != nil {
		t.Fatal(err)
	}
	_, signature, _ := strings.Cut(signedURL, "?")
	endpoint := "BlobEndpoint=http://" + address + "/" + azuriteAccount + ";"
	for name, env := range map[string]map[string]string{
		"shared access signature":              {"AZURE_STORAGE_KEY": "", "AZURE_STORAGE_SAS_TOKEN": signature, "AZURE_STORAGE_DOMAIN": address, "AZURE_STORAGE_PROTOCOL": "http"},
		"connection string":                    {"AZURE_STORAGE_ACCOUNT": "", "AZURE_STORAGE_CONNECTION_STRING": endpoint + "AccountName=" + azuriteAccount + ";AccountKey=" + azuriteKey},
		"connection string with the signature": {"AZURE_STORAGE_ACCOUNT": "", "AZURE_STORAGE_CONNECTION_STRING": endpoint + "SharedAccessSignature=" + signature},
	} {
		t.Run(name, func(t *testing.T) {
			for name, value := range env {
				t.Setenv(name, value)
			}
			wantNumbered(t, withShortWaits("azblob://segments/a.csv"), 3)
			wantNumbered(t, withShortWaits("azblob://segments/*.csv"), 3)
		})
	}
}

func TestAzureRefusesAWrongKey(t *testing.T) {
	azureEnvironment(t)
	address := startAzurite(t, base64.StdEncoding.EncodeToString([]byte("another key")))
	for _, key := range []string{"vip.csv", "*.csv"} {
		err := openFails(t, azurePath(address, "segments", key))
		// Azure itself says AuthenticationFailed; see below.
		expectWords(t, err, `"azblob://segments/`+key+`" cannot be read: access is denied (403 AuthorizationFailure)`, "AZURE_STORAGE_KEY")
		rejectWords(t, err, azuriteKey, address, "SharedKey")
	}
}

// Refusals as Azure sends them. Those of a request for properties have no body.
func TestAzureRefusals(t *testing.T) {
	azureEnvironment(t)
	for name, tc := range map[string]struct {
		status     int
		code, want string
	}{
		"wrong key":         {http.StatusForbidden, "AuthenticationFailed", "the credentials were refused (403 AuthenticationFailed). Credentials come from AZURE_STORAGE_ACCOUNT with AZURE_STORAGE_KEY"},
		"no permission":     {http.StatusForbidden, "AuthorizationPermissionMismatch", "access is denied (403 AuthorizationPermissionMismatch)"},
		"no such blob":      {http.StatusNotFound, "BlobNotFound", "there is no such object in the bucket"},
		"no such container": {http.StatusNotFound, "ContainerNotFound", `there is no bucket or container "segments"`},
	} {
		t.Run(name, func(t *testing.T) {
			server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
				w.Header().Set("x-ms-error-code", tc.code)
				w.WriteHeader(tc.status)
				if r.Method != http.MethodHead {
					_, _ = fmt.Fprintf(w, "<?xml version=\"1.0\"?><Error><Code>%s</Code><Message>No. Time:%s</Message></Error>", tc.code, time.Now())
				}
			}))
			defer server.Close()
			address := strings.TrimPrefix(server.URL, "http://")
			for _, key := range []string{"vip.csv", "*.csv"} {
				err := openFails(t, azurePath(address, "segments", key))
				expectWords(t, err, tc.want)
				rejectWords(t, err, azuriteKey, address, "SharedKey")
			}
		})
	}
}
