package simulator

import (
	"encoding/json"
	"fmt"
	"net"
	"net/http"
	"slices"
	"strings"
)

const controlPrefix = "/control/"

// ControlRequest is a request that the control endpoint takes.
type ControlRequest struct {
	Method, Path string
	Body         string // an example, empty for none
	Does         string
	handle       func(*Server, *http.Request) (any, error)
}

// ControlRequests are the requests that the control endpoint takes.
func ControlRequests() []ControlRequest {
	return []ControlRequest{
		{"GET", "/control/", "", "Lists these requests.", controlIndex},
		{"GET", "/control/lists", "", "Shows all lists: account, id, name, number of members, live flows.", controlLists},
		{"POST", "/control/lists", `{"id": "NewsLt", "name": "Newsletter"}`, "Creates a list. `account` is the ID of the account; by default the first one.", controlAddList},
		{"DELETE", "/control/lists/{id}", "", "Deletes a list.", controlDeleteList},
		{"GET", "/control/lists/{id}/members", "", "Shows the members of a list, with all data of their profiles.", controlMembers},
		{"POST", "/control/lists/{id}/members", `{"emails": ["ann@example.com"]}`, "Adds members. Creates profiles that do not exist.", controlAddMembers},
		{"DELETE", "/control/lists/{id}/members", `{"emails": ["ann@example.com"]}`, "Removes members. Their profiles stay.", controlRemoveMembers},
		{"GET", "/control/profiles", "", "Shows all profiles, or with `?email=ann@example.com` only that one.", controlProfiles},
		{"POST", "/control/unsubscribe", `{"email": "ann@example.com", "list": "DemoVP"}`, "Unsubscribes a person from a list. Without `list`: from everything.", controlUnsubscribe},
		{"GET", "/control/faults", "", "Shows how many faults still wait for requests.", controlFaults},
		{"POST", "/control/faults", `{"fault": "503:bulk_import_profiles:2"}`, "Adds a fault.", controlAddFault},
		{"DELETE", "/control/faults", "", "Removes all faults.", controlClearFaults},
		{"GET", "/control/requests", "", "Shows the requests that the API has received: operation, method, path, status.", controlSeenRequests},
		{"DELETE", "/control/requests", "", "Clears the list of received requests.", controlForgetRequests},
	}
}

// controlError is an error with the status to answer.
type controlError struct {
	status int
	text   string
}

func (e controlError) Error() string { return e.text }

func badControl(format string, args ...any) error {
	return controlError{http.StatusBadRequest, fmt.Sprintf(format, args...)}
}

// controlHandler serves the control endpoint. It has no key: only programs on this
// machine may use it, and no page of a browser under another name.
func (s *Server) controlHandler() http.Handler {
	mux := http.NewServeMux()
	for _, one := range ControlRequests() {
		pattern := one.Method + " " + one.Path
		if strings.HasSuffix(pattern, "/") {
			pattern += "{$}"
		}
		mux.HandleFunc(pattern, func(w http.ResponseWriter, r *http.Request) {
			answer, err := one.handle(s, r)
			writeControl(w, answer, err)
		})
	}
	mux.HandleFunc("/", func(w http.ResponseWriter, r *http.Request) {
		writeControl(w, nil, controlError{http.StatusNotFound, "There is no such request. GET /control/ lists all requests."})
	})
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if !isLoopback(r.RemoteAddr) || !isLoopback(r.Host) || r.Header.Get("Origin") != "" {
			writeControl(w, nil, controlError{http.StatusForbidden, "The control endpoint answers only programs on its own machine."})
			return
		}
		mux.ServeHTTP(w, r)
	})
}

func isLoopback(address string) bool {
	host, _, err := net.SplitHostPort(address)
	if err != nil {
		host = address
	}
	ip := net.ParseIP(strings.Trim(host, "[]"))
	return host == "localhost" || ip != nil && ip.IsLoopback()
}

func writeControl(w http.ResponseWriter, answer any, err error) {
	status := http.StatusOK
	if err != nil {
		status, answer = http.StatusInternalServerError, map[string]string{"error": err.Error()}
		if known, ok := err.(controlError); ok { //nolint:errorlint // made here and never wrapped
			status = known.status
		}
	}
	w.Header().Set("Content-Type", "application/json")
	w.WriteHeader(status)
	encoder := json.NewEncoder(w)
	encoder.SetIndent("", "  ")
	_ = encoder.Encode(answer) // the client may have hung up
}

func readControl(r *http.Request, into any) error {
	decoder := json.NewDecoder(http.MaxBytesReader(nil, r.Body, 1<<20))
	decoder.DisallowUnknownFields()
	if err := decoder.Decode(into); err != nil {
		return badControl("The body is not the JSON of this request: %s.", err)
	}
	return nil
}

// onControlList runs what needs the list of the path, with the state locked.
func (s *Server) onControlList(id string, do func(*account, *list) (any, error)) (any, error) {
	_, unlock := s.lock()
	defer unlock()
	a, l := s.findList(id)
	if l == nil {
		return nil, controlError{http.StatusNotFound, fmt.Sprintf("There is no list %q.", id)}
	}
	return do(a, l)
}

func controlIndex(*Server, *http.Request) (any, error) {
	type shown struct {
		Method string `json:"method"`
		Path   string `json:"path"`
		Body   string `json:"body,omitempty"`
		Does   string `json:"does"`
	}
	return convert(ControlRequests(), func(c ControlRequest) shown { return shown{c.Method, c.Path, c.Body, c.Does} }), nil
}

type controlList struct {
	Account   string   `json:"account"`
	ID        string   `json:"id"`
	Name      string   `json:"name"`
	Members   int      `json:"members"`
	LiveFlows []string `json:"live_flows"`
}

func showList(a *account, l *list) controlList {
	shown := controlList{Account: a.ID, ID: l.ID, Name: l.Name, Members: l.members.size(), LiveFlows: []string{}}
	for _, f := range l.flows {
		if f.isLive() {
			shown.LiveFlows = append(shown.LiveFlows, f.Name)
		}
	}
	return shown
}

func controlLists(s *Server, _ *http.Request) (any, error) {
	_, unlock := s.lock()
	defer unlock()
	all := []controlList{}
	for _, a := range s.accounts {
		for _, l := range a.lists {
			all = append(all, showList(a, l))
		}
	}
	return all, nil
}

func controlAddList(s *Server, r *http.Request) (any, error) {
	var body struct{ Account, ID, Name string }
	if err := readControl(r, &body); err != nil {
		return nil, err
	}
	main, unlock := s.lock()
	defer unlock()
	a := main
	if body.Account != "" {
		a = s.account(body.Account)
	}
	_, taken := s.findList(body.ID)
	switch {
	case a == nil:
		return nil, badControl("There is no account %q.", body.Account)
	case taken != nil:
		return nil, badControl("The list %q already exists.", body.ID)
	}
	return showList(a, s.addList(a, List{ID: body.ID, Name: body.Name}, s.options.Now())), nil
}

func controlDeleteList(s *Server, r *http.Request) (any, error) {
	return s.onControlList(r.PathValue("id"), func(a *account, l *list) (any, error) {
		a.deleteList(l.ID)
		return struct{}{}, nil
	})
}

type controlProfile struct {
	Account       string         `json:"account"`
	ID            string         `json:"id"`
	Email         string         `json:"email"`
	PhoneNumber   string         `json:"phone_number"`
	ExternalID    string         `json:"external_id"`
	Attributes    map[string]any `json:"attributes"`
	Properties    map[string]any `json:"properties"`
	Lists         []string       `json:"lists"`
	Subscriptions map[string]any `json:"subscriptions"`
}

func showProfile(a *account, who *person) controlProfile {
	p := a.people.profile(who)
	shown := controlProfile{
		Account: a.ID, ID: p.ID, Email: p.Email, PhoneNumber: p.PhoneNumber, ExternalID: p.ExternalID,
		Attributes: p.Attributes, Properties: p.Properties, Lists: []string{}, Subscriptions: who.subscriptions(),
	}
	for _, l := range a.lists {
		if l.members.has(who.number) {
			shown.Lists = append(shown.Lists, l.ID)
		}
	}
	return shown
}

func controlMembers(s *Server, r *http.Request) (any, error) {
	return s.onControlList(r.PathValue("id"), func(a *account, l *list) (any, error) {
		all := []controlProfile{}
		for _, who := range a.entriesOf(l) {
			all = append(all, showProfile(a, who))
		}
		return all, nil
	})
}

type controlEmails struct{ Emails []string }

func controlAddMembers(s *Server, r *http.Request) (any, error) {
	return s.changeMembers(r, func(a *account, l *list, email string) bool {
		return l.members.add(a.people.upsert(&details{email: email}, s.options.Now()).number, s.options.Now())
	})
}

func controlRemoveMembers(s *Server, r *http.Request) (any, error) {
	return s.changeMembers(r, func(a *account, l *list, email string) bool {
		who := a.people.byAddress(email)
		member := who != nil && l.members.has(who.number)
		if member {
			l.members.remove(who.number)
		}
		return member
	})
}

func (s *Server) changeMembers(r *http.Request, change func(*account, *list, string) bool) (any, error) {
	var body controlEmails
	if err := readControl(r, &body); err != nil {
		return nil, err
	}
	if len(body.Emails) == 0 || slices.Contains(body.Emails, "") {
		return nil, badControl("`emails` names no address, or an empty one.")
	}
	return s.onControlList(r.PathValue("id"), func(a *account, l *list) (any, error) {
		changed := 0
		for _, email := range body.Emails {
			if change(a, l, email) {
				changed++
			}
		}
		return map[string]int{"changed": changed}, nil
	})
}

func controlProfiles(s *Server, r *http.Request) (any, error) {
	_, unlock := s.lock()
	defer unlock()
	email, all := r.URL.Query().Get("email"), []controlProfile{}
	for _, a := range s.accounts {
		for _, who := range a.people.all {
			if email == "" || strings.EqualFold(who.email, email) {
				all = append(all, showProfile(a, who))
			}
		}
	}
	return all, nil
}

func controlUnsubscribe(s *Server, r *http.Request) (any, error) {
	var body struct{ Email, List string }
	if err := readControl(r, &body); err != nil {
		return nil, err
	}
	if body.Email == "" {
		return nil, badControl("`email` is missing.")
	}
	if body.List == "" {
		s.SuppressEverything(body.Email, "UNSUBSCRIBE")
		return struct{}{}, nil
	}
	return s.onControlList(body.List, func(a *account, l *list) (any, error) {
		s.unsubscribe(a, l, body.Email)
		return struct{}{}, nil
	})
}

func controlFaults(s *Server, _ *http.Request) (any, error) {
	return map[string]int{"pending": len(s.Pending())}, nil
}

func controlAddFault(s *Server, r *http.Request) (any, error) {
	var body struct{ Fault string }
	if err := readControl(r, &body); err != nil {
		return nil, err
	}
	f, err := ParseFault(body.Fault)
	if err != nil {
		return nil, badControl("%s", err)
	}
	s.Inject(f)
	return map[string]int{"pending": len(s.Pending())}, nil
}

func controlClearFaults(s *Server, _ *http.Request) (any, error) {
	s.ClearFaults()
	return map[string]int{"pending": 0}, nil
}

func controlSeenRequests(s *Server, _ *http.Request) (any, error) {
	type shown struct {
		Operation string `json:"operation"`
		Method    string `json:"method"`
		Path      string `json:"path"`
		Status    int    `json:"status"` // 0 when the connection was closed without an answer
	}
	return convert(s.Requests(), func(r Request) shown {
		return shown{s.operationOf(r.Method, r.Path), r.Method, r.Path, r.Status}
	}), nil
}

func controlForgetRequests(s *Server, _ *http.Request) (any, error) {
	s.ResetRequests()
	return struct{}{}, nil
}
