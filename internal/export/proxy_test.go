package export_test

import (
	"maps"
	"net/http"
	"net/http/httptest"
	"testing"
)

// newProxy puts a handler in front of a simulator and returns its address.
func newProxy(t *testing.T, w *env, handle func(http.ResponseWriter, *http.Request, http.Handler)) string {
	t.Helper()
	server := httptest.NewServer(http.HandlerFunc(func(rw http.ResponseWriter, r *http.Request) { handle(rw, r, w.Server) }))
	t.Cleanup(server.Close)
	return server.URL
}

// newEditor is a proxy that changes answers on their way.
func newEditor(t *testing.T, w *env, edit func(*http.Request, *httptest.ResponseRecorder)) string {
	t.Helper()
	return newProxy(t, w, func(rw http.ResponseWriter, r *http.Request, next http.Handler) {
		answer := record(next, r)
		edit(r, answer)
		replay(rw, answer)
	})
}

// record is what a handler answers.
func record(next http.Handler, r *http.Request) *httptest.ResponseRecorder {
	recorder := httptest.NewRecorder()
	next.ServeHTTP(recorder, r)
	return recorder
}

// replay sends an answer on, as it may have been changed.
func replay(rw http.ResponseWriter, answer *httptest.ResponseRecorder) {
	maps.Copy(rw.Header(), answer.Header())
	rw.Header().Del("Content-Length")
	rw.WriteHeader(answer.Code)
	_, _ = rw.Write(answer.Body.Bytes())
}
