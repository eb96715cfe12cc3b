// Package dataverse is a stand-in for a Dataverse environment with the tables
// of Customer Insights - Data, and for Microsoft Entra ID, which signs in to it.
// It takes only what the real ones take, as far as reading segments goes.
package dataverse

import (
	"crypto/rand"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"sync"
	"time"
)

// The app registration that the stand-in knows.
const (
	Tenant       = "11111111-2222-3333-4444-555555555555"
	Client       = "aaaaaaaa-bbbb-cccc-dddd-eeeeeeeeeeee"
	ClientSecret = "sEcr3t~of.the-stand_in"
)

// Profile is a unified customer: columns, without the prefix, and their values.
type Profile map[string]any

// Server is one environment.
type Server struct {
	URL string // of the environment, and of the authority

	http *httptest.Server

	mu          sync.Mutex
	columns     []column
	profiles    []stored
	memberships []stored
	tokens      map[string]time.Time // with the end of each
	requests    []string
	running     int
	busiest     int
	faults      []*Fault

	// What can be wrong with an environment.
	NoMetadata bool   // metadata must not be read
	NoTables   bool   // Customer Insights is not connected
	NotMember  bool   // there is no application user
	Privilege  string // that the application user lacks
	MaxPage    int    // smaller pages than asked for; 0 is 5,000
	TokenLives time.Duration
	EscapeHTML bool // & and the like are escaped in lists of segments
	Profiles   int  // the count that Dataverse answers, 0 for the real one, negative for no count
}

type column struct{ name, kind string }

type stored struct {
	id     string // of the record, by which tables are ordered
	values map[string]any
}

// Fault is a failure of the next requests whose address holds Of.
type Fault struct {
	Of         string
	Times      int
	Status     int    // 0: answer as usual
	RetryAfter string // header
	Body       string // instead of Dataverse's error
	HTML       bool
	Truncate   bool // the answer breaks off
}

// Start starts an environment whose unified profiles have text columns with
// these names.
func Start(columns ...string) *Server {
	s := &Server{tokens: map[string]time.Time{}, TokenLives: time.Hour}
	for _, name := range columns {
		s.AddColumn(name, "String")
	}
	mux := http.NewServeMux()
	mux.HandleFunc("/{tenant}/v2.0/.well-known/openid-configuration", s.discover)
	mux.HandleFunc("POST /{tenant}/oauth2/v2.0/token", s.token)
	mux.HandleFunc("/api/data/v9.2/", s.api)
	s.http = httptest.NewServer(mux)
	s.URL = s.http.URL
	return s
}

// Close ends the environment.
func (s *Server) Close() { s.http.Close() }

// AddColumn adds a column to the unified profiles, with an AttributeType of
// Dataverse's.
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

// Requests returns the addresses of the requests to the Web API, below its root
// and not escaped.
func (s *Server) Requests() []string {
	s.mu.Lock()
	defer s.mu.Unlock()
	return slices.Clone(s.requests)
}

// Busiest is how many requests ran at once.
func (s *Server) Busiest() int {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.busiest
}

// Set changes what is wrong with the environment.
func (s *Server) Set(change func(*Server)) {
	s.mu.Lock()
	defer s.mu.Unlock()
	change(s)
}
