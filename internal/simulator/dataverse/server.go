// Package dataverse is a stand-in for a Dataverse environment with the tables
// of Customer Insights - Data, and for Microsoft Entra ID, which signs in to it.
// It accepts only requests that the real ones accept.
package dataverse

import (
	"crypto/rand"
	"encoding/pem"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"sync"
	"time"
)

// The only app registration.
const (
	Tenant       = "11111111-2222-3333-4444-555555555555"
	Client       = "aaaaaaaa-bbbb-cccc-dddd-eeeeeeeeeeee"
	ClientSecret = "sEcr3t~of.the-stand_in"
)

// Profile is a unified customer: values by column, without the prefix.
type Profile map[string]any

// Server is one environment.
type Server struct {
	URL          string // of the environment
	AuthorityURL string // of Microsoft Entra ID, empty in memory

	http      *httptest.Server
	authority *httptest.Server

	mu          sync.Mutex
	columns     []column
	profiles    []stored
	memberships []stored
	tokens      map[string]time.Time // with the end of each
	requests    []string
	running     int
	maxRunning  int
	faults      []*Fault

	// How the environment behaves; see Set.
	NoMetadata       bool   // metadata may not be read
	NoTables         bool   // Customer Insights is not connected
	NotMember        bool   // there is no application user
	MissingPrivilege string // of the application user
	MaxPage          int    // records of a page at most; 0 is 5,000
	TokenLifetime    time.Duration
	EscapeHTML       bool // lists of segments escape & and the like
	ProfileCount     int  // 0: the number of profiles; negative: counting fails
}

type column struct{ name, kind string }

type stored struct {
	id     string // of the record; tables are ordered by it
	values map[string]any
}

// Fault is a failure of the next requests whose address contains Match.
type Fault struct {
	Match      string
	Times      int
	Status     int
	RetryAfter string // header
	Body       string // instead of Dataverse's error
	HTML       bool
	Truncate   bool // the answer breaks off
}

// Start starts an environment whose unified profiles have text columns with
// these names.
func Start(columns ...string) *Server {
	s := newServer(columns)
	s.http = httptest.NewServer(http.HandlerFunc(s.api))
	s.URL = s.http.URL
	mux := http.NewServeMux()
	mux.HandleFunc("/{tenant}/v2.0/.well-known/openid-configuration", s.discover)
	mux.HandleFunc("POST /{tenant}/oauth2/v2.0/token", s.token)
	s.authority = httptest.NewTLSServer(mux)
	s.AuthorityURL = s.authority.URL
	return s
}

// StartInMemory starts an environment without an authority that only the
// returned transport reaches. It can be used under the clock of synctest.
func StartInMemory(columns ...string) (*Server, *http.Transport) {
	s := newServer(columns)
	s.http = httptest.NewUnstartedServer(http.HandlerFunc(s.api))
	s.http.Listener.Close()
	listener := newMemoryListener()
	s.http.Listener = listener
	s.http.Start()
	s.URL = s.http.URL
	return s, &http.Transport{DialContext: listener.dial}
}

func newServer(columns []string) *Server {
	s := &Server{tokens: map[string]time.Time{}, TokenLifetime: time.Hour}
	for _, name := range columns {
		s.AddColumn(name, "String")
	}
	return s
}

// AuthorityCertificate returns the certificate of the authority as PEM.
func (s *Server) AuthorityCertificate() []byte {
	return pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: s.authority.Certificate().Raw})
}

// Close ends the environment.
func (s *Server) Close() {
	s.http.Close()
	if s.authority != nil {
		s.authority.Close()
	}
}

// AddColumn adds a column of an AttributeType of Dataverse to the unified
// profiles.
func (s *Server) AddColumn(name, kind string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.columns = append(s.columns, column{"msdynci_" + strings.ToLower(name), kind})
}

// Add adds a customer who is in segments.
func (s *Server) Add(id string, profile Profile, segments ...string) {
	s.AddProfile(id, profile)
	s.AddMembership(id, segments...)
}

// AddProfile adds a unified profile.
func (s *Server) AddProfile(id string, profile Profile) {
	s.mu.Lock()
	defer s.mu.Unlock()
	values := map[string]any{"msdynci_customerid": id}
	for name, value := range profile {
		values["msdynci_"+strings.ToLower(name)] = value
	}
	s.profiles = append(s.profiles, stored{rand.Text(), values})
}

// AddMembership puts a customer into segments.
func (s *Server) AddMembership(id string, segments ...string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.memberships = append(s.memberships, stored{rand.Text(), map[string]any{"msdynci_customerid": id, "msdynci_segments": encode(segments, s.EscapeHTML)}})
}

// Remove takes a customer out of all segments.
func (s *Server) Remove(id string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.memberships = slices.DeleteFunc(s.memberships, func(m stored) bool { return m.values["msdynci_customerid"] == id })
}

// Fail makes requests fail.
func (s *Server) Fail(f Fault) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.faults = append(s.faults, &f)
}

// Requests returns the unescaped addresses of the requests to the Web API,
// relative to its root.
func (s *Server) Requests() []string {
	s.mu.Lock()
	defer s.mu.Unlock()
	return slices.Clone(s.requests)
}

// MaxConcurrent returns the largest number of requests that ran at once.
func (s *Server) MaxConcurrent() int {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.maxRunning
}

// Set changes how the environment behaves while requests run.
func (s *Server) Set(change func(*Server)) {
	s.mu.Lock()
	defer s.mu.Unlock()
	change(s)
}
