package provider

import (
	"io"
	"net/http"
	"net/http/httptest"
	"testing"
)

// withoutEnd is a server that closes the connection after a file and says
// nothing of its length.
func withoutEnd(t *testing.T, content string) string {
	t.Helper()
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		conn, _, err := http.NewResponseController(w).Hijack()
		if err != nil {
			t.Error(err)
			return
		}
		_, _ = io.WriteString(conn, "HTTP/1.1 200 OK\r\nConnection: close\r\n\r\n"+content)
		_ = conn.Close()
	}))
	t.Cleanup(server.Close)
	return server.URL
}
