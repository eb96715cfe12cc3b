package simulator

import (
	"fmt"
	"net/http"
	"slices"
	"time"
)

// Flow is a flow that starts when somebody joins a list.
type Flow struct {
	ID       string
	Name     string
	Status   string // live, manual or draft; default draft
	Archived bool
}

var flowFields = []string{"archived", "created", "id", "name", "status", "trigger_type", "updated"}

func flowOperations() []*operation {
	return []*operation{{
		method: "GET", path: "lists/{id}/flow-triggers", scopes: []string{"flows:read", "lists:read"}, limit: small,
		parameters: []parameter{fieldsOf("flow", flowFields)}, handle: getFlowTriggers,
	}}
}

// AddFlow lets a list trigger a flow. It panics when
// there is no such list.
func (s *Server) AddFlow(listID string, f Flow) Flow {
	s.mu.Lock()
	defer s.mu.Unlock()
	a, l := s.mustList(listID)
	if f.ID == "" {
		number := 1
		for _, other := range a.lists {
			number += len(other.flows)
		}
		f.ID = fmt.Sprintf("FLow%02d", number)
	}
	if f.Status == "" {
		f.Status = "draft"
	}
	l.flows = append(l.flows, f)
	return f
}

func (f Flow) isLive() bool { return f.Status == "live" && !f.Archived }

// join puts a profile on a list as anything but a historical import does: who is
// new there starts the flows of the list that are live.
func (l *list) join(profile uint32, now time.Time) {
	live := slices.ContainsFunc(l.flows, Flow.isLive)
	if l.members.add(profile, now) && live {
		l.started = append(l.started, profile)
	}
}

// FlowStarts returns the addresses of the people for whom joining a list started
// its live flows, in the order of joining.
func (s *Server) FlowStarts(listID string) []string {
	_, unlock := s.lock()
	defer unlock()
	a, l := s.mustList(listID)
	return convert(l.started, func(number uint32) string { return a.people.all[number].email })
}

func getFlowTriggers(x *exchange) response {
	return onList(x, func(l *list) response {
		return document(http.StatusOK, map[string]any{
			"data":  convert(l.flows, func(f Flow) object { return x.flowObject(l, f) }),
			"links": x.wholeLinks(),
		})
	})
}

// includeFlows adds the flows of the lists to a compound document, when asked to.
func (x *exchange) includeFlows(content map[string]any, lists ...*list) {
	if len(x.query.words["include"]) == 0 {
		return
	}
	included := []object{}
	for _, l := range lists {
		for _, f := range l.flows {
			if x.query.asks("include", "flow-triggers") {
				included = append(included, x.flowObject(l, f))
			}
		}
	}
	content["included"] = included
}

func (x *exchange) flowObject(l *list, f Flow) object {
	attributes := map[string]any{
		"name": f.Name, "status": f.Status, "archived": f.Archived, "trigger_type": "Added to List",
		"created": timestamp(l.Created), "updated": timestamp(l.Updated),
	}
	asked, given := x.query.fields("flow")
	return object{
		Type: "flow", ID: f.ID, Attributes: sparse(attributes, asked, given),
		Relationships: map[string]any{
			"flow-actions": x.relation("flows", f.ID, "flow-actions", nil),
			"tags":         x.relation("flows", f.ID, "tags", nil),
		},
		Links: map[string]any{"self": x.link("flows", f.ID)},
	}
}
