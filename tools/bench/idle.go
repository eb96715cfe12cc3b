package main

import (
	"bufio"
	"bytes"
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/x509"
	"encoding/pem"
	"fmt"
	"math/big"
	"os"
	"os/exec"
	"strconv"
	"strings"
	"time"
)

// idleMemory is the resident memory in MiB of a provider that Terraform has
// started and not yet asked for anything.
func idleMemory(ctx context.Context, binary string) (float64, error) {
	certificate, err := clientCertificate()
	if err != nil {
		return 0, err
	}
	ctx, cancel := context.WithTimeout(ctx, time.Minute)
	defer cancel()
	cmd := exec.CommandContext(ctx, binary)
	var log bytes.Buffer
	cmd.Stderr = &log
	cmd.Env = append(os.Environ(),
		"TF_PLUGIN_MAGIC_COOKIE=d602bf8f470bc67ca7faa0386276bbdd4330efaf76d1a219cb4d6991ca9872b2", // the same for every provider
		"PLUGIN_PROTOCOL_VERSIONS=6",
		"PLUGIN_CLIENT_CERT="+certificate,
	)
	stdout, err := cmd.StdoutPipe()
	if err != nil {
		return 0, err
	}
	if err := cmd.Start(); err != nil {
		return 0, err
	}
	handshake, readErr := bufio.NewReader(stdout).ReadString('\n')
	kibibytes, err := processStatus(strconv.Itoa(cmd.Process.Pid), "VmRSS")
	_ = cmd.Process.Kill() // it may have ended
	_ = cmd.Wait()         // says that it was killed
	if readErr != nil || !strings.HasPrefix(handshake, "1|6|") {
		return 0, fmt.Errorf("the provider does not greet as a plugin of protocol 6 does, but with %q. Its log: %s", handshake, &log)
	}
	return kibibytes / 1024, err
}

// clientCertificate is a certificate such as Terraform makes for each provider
// that it starts: the provider then makes one of its own.
func clientCertificate() (string, error) {
	key, err := ecdsa.GenerateKey(elliptic.P521(), rand.Reader)
	if err != nil {
		return "", err
	}
	now := time.Now()
	template := &x509.Certificate{SerialNumber: big.NewInt(1), DNSNames: []string{"localhost"}, NotBefore: now.Add(-time.Hour), NotAfter: now.Add(time.Hour)}
	der, err := x509.CreateCertificate(rand.Reader, template, template, &key.PublicKey, key)
	if err != nil {
		return "", err
	}
	return string(pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: der})), nil
}

// processStatus reads a size in KiB from Linux's status of a process, "self" for
// this one.
func processStatus(pid, field string) (float64, error) {
	status, err := os.ReadFile("/proc/" + pid + "/status")
	if err != nil {
		return 0, err
	}
	for line := range strings.Lines(string(status)) {
		var kibibytes float64
		if n, _ := fmt.Sscanf(line, field+": %f kB", &kibibytes); n == 1 {
			return kibibytes, nil
		}
	}
	return 0, fmt.Errorf("the status of process %s has no %s", pid, field)
}
