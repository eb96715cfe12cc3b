package provider

import (
	"context"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/hashicorp/terraform-plugin-go/tfprotov6"
	"github.com/hashicorp/terraform-plugin-go/tfprotov6/tf6server"
	"google.golang.org/grpc"
	"google.golang.org/grpc/credentials/insecure"
	"google.golang.org/grpc/test/bufconn"
	"google.golang.org/protobuf/reflect/protoreflect"
	"google.golang.org/protobuf/reflect/protoregistry"
	"google.golang.org/protobuf/types/dynamicpb"

	"github.com/klaviyo-community/terraform-provider-klaviyo/internal/segment/sqltest"
)

// wire is a provider behind gRPC, as Terraform talks to it.
type wire struct {
	t    *testing.T
	conn *grpc.ClientConn
}

// newWire serves the provider and configures it for the Klaviyo of a test.
func newWire(w *env) *wire {
	w.t.Helper()
	listener := bufconn.Listen(1 << 20)
	grpcServer := grpc.NewServer()
	const address = "registry.terraform.io/klaviyo-community/klaviyo"
	provider := NewServer("test")()
	provider.(*server).grace = time.Minute // a busy machine takes longer than Terraform waits
	plugin := &tf6server.GRPCProviderPlugin{GRPCProvider: func() tfprotov6.ProviderServer { return provider }, Opts: []tf6server.ServeOpt{tf6server.WithLoggingSink(w.t)}, Name: address}
	if err := plugin.GRPCServer(nil, grpcServer); err != nil {
		w.t.Fatal(err)
	}
	go func() { _ = grpcServer.Serve(listener) }()
	w.t.Cleanup(grpcServer.Stop)
	dial := func(ctx context.Context, _ string) (net.Conn, error) { return listener.DialContext(ctx) }
	conn, err := grpc.NewClient("passthrough:provider", grpc.WithContextDialer(dial), grpc.WithTransportCredentials(insecure.NewCredentials()))
	if err != nil {
		w.t.Fatal(err)
	}
	w.t.Cleanup(func() { _ = conn.Close() })
	g := &wire{w.t, conn}
	config := dynamic(w.t, protocolSchema(w.t).Provider.ValueType(), values{"api_key": mainKey, "base_url": w.URL, "retry_timeout": "0s"})
	if errs := g.call("ConfigureProvider", values{"config": config}); len(errs) > 0 {
		w.t.Fatal(errs)
	}
	return g
}

// message is a message of the protocol. plugin-go keeps their Go types to
// itself, so it is made from the description.
func (g *wire) message(name string, fields values) *dynamicpb.Message {
	g.t.Helper()
	descriptor, err := protoregistry.GlobalFiles.FindDescriptorByName(protoreflect.FullName("tfplugin6." + name))
	if err != nil {
		g.t.Fatal(err)
	}
	m := dynamicpb.NewMessage(descriptor.(protoreflect.MessageDescriptor))
	for name, value := range fields {
		field := m.Descriptor().Fields().ByName(protoreflect.Name(name))
		if encoded, ok := value.(*tfprotov6.DynamicValue); ok {
			inner := m.NewField(field)
			inner.Message().Set(field.Message().Fields().ByName("msgpack"), protoreflect.ValueOfBytes(encoded.MsgPack))
			m.Set(field, inner)
			continue
		}
		m.Set(field, protoreflect.ValueOf(value))
	}
	return m
}

// call makes a call of one answer and returns the diagnostics in it.
func (g *wire) call(method string, request values) []string {
	g.t.Helper()
	answer := g.message(method+".Response", nil)
	if err := g.conn.Invoke(g.t.Context(), "/tfplugin6.Provider/"+method, g.message(method+".Request", request), answer); err != nil {
		g.t.Fatal(err)
	}
	return diagnosticsIn(answer)
}

// stop asks the provider to stop, as Terraform does on Ctrl-C.
func (g *wire) stop() {
	g.t.Helper()
	g.call("StopProvider", nil)
}

// invoke starts the action.
func (g *wire) invoke(export values) grpc.ClientStream {
	g.t.Helper()
	stream, err := g.conn.NewStream(g.t.Context(), &grpc.StreamDesc{ServerStreams: true}, "/tfplugin6.Provider/InvokeAction")
	if err != nil {
		g.t.Fatal(err)
	}
	config := dynamic(g.t, protocolSchema(g.t).ActionSchemas[runAction].Schema.ValueType(), values{exportArgument: export})
	if err := stream.SendMsg(g.message("InvokeAction.Request", values{"action_type": runAction, "config": config})); err != nil {
		g.t.Fatal(err)
	}
	if err := stream.CloseSend(); err != nil {
		g.t.Fatal(err)
	}
	return stream
}

// completed reads events until the stream ends, and returns the diagnostics of
// the one that completes the action.
func (g *wire) completed(stream grpc.ClientStream) (diagnostics []string) {
	g.t.Helper()
	for {
		event := g.message("InvokeAction.Event", nil)
		if stream.RecvMsg(event) != nil {
			return diagnostics
		}
		if completed := event.Descriptor().Fields().ByName("completed"); event.Has(completed) {
			diagnostics = diagnosticsIn(event.Get(completed).Message())
		}
	}
}

func diagnosticsIn(m protoreflect.Message) (out []string) {
	field := m.Descriptor().Fields().ByName("diagnostics")
	if field == nil {
		return nil
	}
	for i := range m.Get(field).List().Len() {
		d := m.Get(field).List().Get(i).Message()
		text := func(name protoreflect.Name) string { return d.Get(d.Descriptor().Fields().ByName(name)).String() }
		out = append(out, text("summary")+": "+text("detail"))
	}
	return out
}

// gate blocks requests until the client gives up.
type gate struct {
	t       *testing.T
	closed  atomic.Bool
	waiting chan struct{}
}

func newGate(t *testing.T) *gate { return &gate{t: t, waiting: make(chan struct{})} }

func (g *gate) hold(r *http.Request) {
	if !g.closed.Load() {
		return
	}
	select {
	case g.waiting <- struct{}{}:
		<-r.Context().Done()
	case <-r.Context().Done():
	}
}

// reached waits until a request is blocked at the gate.
func (g *gate) reached() {
	g.t.Helper()
	select {
	case <-g.waiting:
	case <-time.After(time.Minute):
		g.t.Fatal("nobody comes to the gate")
	}
}

// close makes a request wait from now on.
func (g *gate) close() { g.closed.Store(true) }

// gateAt is a gate for the requests to Klaviyo that are meant.
func (w *env) gateAt(meant func(*http.Request) bool) *gate {
	g := newGate(w.t)
	w.OnRequest(func(r *http.Request) {
		if meant(r) {
			g.hold(r)
		}
	})
	return g
}

// isPoll recognizes the request that asks how far the import jobs are, rather
// than whether there are earlier ones.
func isPoll(r *http.Request) bool {
	return r.Method == http.MethodGet && r.URL.Path == importsPath && r.URL.Query().Get("page[size]") == "100" && !r.URL.Query().Has("filter")
}

// Whenever Terraform is interrupted, the action says what it has done.
func TestServer_stoppedActionReports(t *testing.T) {
	t.Parallel()
	tests := map[string]struct {
		rounds int
		hang   func(w *env) func() (export values, hangs func()) // for each round
		says   []string
	}{
		"while Klaviyo imports": {20, func(w *env) func() (values, func()) {
			g := w.gateAt(isPoll)
			g.close()
			return func() (values, func()) { return w.exportObject(threeCSV), g.reached }
		}, []string{"Export Interrupted", "accepted but not finished 1 job with 3 profiles"}},

		"while a file is read": {50, func(w *env) func() (values, func()) {
			return func() (values, func()) {
				g := newGate(w.t)
				g.close()
				source := httptest.NewServer(http.HandlerFunc(func(rw http.ResponseWriter, r *http.Request) {
					_, _ = rw.Write([]byte(threeCSV))
					_ = http.NewResponseController(rw).Flush()
					g.hold(r)
				}))
				w.t.Cleanup(source.Close)
				return w.exportObject(threeCSV).with("segment", blocks{{"name": "vip", "file": values{"path": source.URL + "/vip.csv"}}}), g.reached
			}
		}, []string{"Export Interrupted", "Nothing was sent"}},

		"while a query runs": {5, func(w *env) func() (values, func()) {
			db := sqltest.Postgres(w.t)
			export := w.exportObject(threeCSV).with("segment", blocks{{"name": "vip", "sql": values{
				"url": db.URL(), "query": `SELECT 'ann@example.com' AS "EMail", pg_sleep(3600)::text AS slept`,
			}}})
			sleeping := "SELECT count(*) FROM pg_stat_activity WHERE datname = current_database() AND state = 'active' AND wait_event = 'PgSleep'"
			return func() (values, func()) {
				return export, func() {
					for start := time.Now(); db.Value(sleeping) != "1"; {
						if time.Since(start) > time.Minute {
							w.t.Fatal("the query does not run")
						}
					}
				}
			}
		}, []string{"Export Interrupted", "Nothing was sent"}},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			w := newEnv(t)
			next := test.hang(w)
			g := newWire(w)
			for round := range test.rounds {
				export, hangs := next()
				stream := g.invoke(export)
				hangs()
				g.stop()
				if got := g.completed(stream); len(got) != 1 || !says(test.says...).MatchString(got[0]) {
					t.Fatalf("in round %d the action ends with %q, want %q", round, got, test.says)
				}
			}
		})
	}
}

// What is no action has one answer, which arrives in any case, and soon.
func TestServer_stoppedResourceReports(t *testing.T) {
	t.Parallel()
	apply := func(c *core, from object, config values) values {
		of, plan := c.typeOf(from.kind), c.plan(from, config)
		return values{
			"type_name": from.kind, "prior_state": c.dynamic(of, from.state), "planned_state": plan.PlannedState,
			"config": c.dynamic(of, c.config(from.kind, config)), "planned_private": plan.PlannedPrivate,
		}
	}
	tests := map[string]struct {
		method  string
		request func(w *env, c *core) values
		at      func(*http.Request) bool
		says    []string
	}{
		"create": {"ApplyResourceChange", func(w *env, c *core) values {
			return apply(c, c.absent(exportKind), w.exportObject(threeCSV))
		}, isPoll, []string{"Export Interrupted", "accepted but not finished 1 job with 3 profiles"}},

		"update": {"ApplyResourceChange", func(w *env, c *core) values {
			config := w.exportObject(threeCSV)
			return apply(c, c.apply(c.absent(exportKind), config), config.with("triggers", values{"release": "2"}))
		}, isPoll, []string{"Export Interrupted", "accepted but not finished 1 job with 3 profiles"}},

		"read": {"ReadResource", func(w *env, c *core) values {
			list := c.apply(c.absent(listKind), values{"name": "Gold"})
			return values{"type_name": listKind, "current_state": c.dynamic(c.typeOf(listKind), list.state)}
		}, func(r *http.Request) bool { return strings.HasPrefix(r.URL.Path, "/api/lists/") }, []string{"Interrupted: The operation was cancelled"}},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			w := newEnv(t)
			request := test.request(w, newCore(w, mainKey))
			gate := w.gateAt(test.at)
			gate.close()
			g := newWire(w)
			stopped := make(chan struct{})
			go func() {
				defer close(stopped)
				gate.reached()
				g.stop()
			}()
			defer func() { <-stopped }() // its answer may come last
			if got := g.call(test.method, request); len(got) != 1 || !says(test.says...).MatchString(got[0]) {
				t.Errorf("it ends with %q, want %q", got, test.says)
			}
		})
	}
}

// fakeServer is a provider with one action, and nothing to stop.
type fakeServer struct {
	tfprotov6.ProviderServer
	tfprotov6.ActionServer
	events func(ctx context.Context, push func(tfprotov6.InvokeActionEvent) bool)
}

func (f fakeServer) StopProvider(context.Context, *tfprotov6.StopProviderRequest) (*tfprotov6.StopProviderResponse, error) {
	return &tfprotov6.StopProviderResponse{}, nil
}

func (f fakeServer) InvokeAction(ctx context.Context, _ *tfprotov6.InvokeActionRequest) (*tfprotov6.InvokeActionServerStream, error) {
	return &tfprotov6.InvokeActionServerStream{Events: func(push func(tfprotov6.InvokeActionEvent) bool) { f.events(ctx, push) }}, nil
}

func (f fakeServer) invoke(t *testing.T) (*server, *tfprotov6.InvokeActionServerStream) {
	t.Helper()
	s := &server{ProviderServer: f, ActionServer: f, grace: stopGrace, running: map[*invocation]struct{}{}}
	stream, err := s.InvokeAction(t.Context(), &tfprotov6.InvokeActionRequest{})
	if err != nil {
		t.Fatal(err)
	}
	return s, stream
}

// An action that does not end keeps the provider from stopping for a second,
// and for no longer than Terraform asks it to.
func TestServer_stopGivesUp(t *testing.T) {
	t.Parallel()
	for name, test := range map[string]struct{ request, want time.Duration }{
		"after its grace":      {time.Hour, stopGrace},
		"with its own request": {stopGrace / 2, stopGrace / 2},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				release := make(chan struct{})
				s, stream := fakeServer{events: func(context.Context, func(tfprotov6.InvokeActionEvent) bool) { <-release }}.invoke(t)
				go func() {
					for range stream.Events {
						t.Error("there is an event")
					}
				}()
				ctx, cancel := context.WithTimeout(t.Context(), test.request)
				defer cancel()
				began := time.Now() // the clock of the bubble
				if _, err := s.StopProvider(ctx, nil); err != nil {
					t.Error(err)
				}
				if took := time.Since(began); took != test.want {
					t.Errorf("it took %s, want %s", took, test.want)
				}
				close(release)
			})
		})
	}
}

// An action that has lost its listener is cancelled, and it can still
// send events until it ends.
func TestServer_listenerLeaves(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		ended := false
		s, stream := fakeServer{events: func(ctx context.Context, push func(tfprotov6.InvokeActionEvent) bool) {
			for ctx.Err() == nil {
				push(tfprotov6.InvokeActionEvent{})
			}
			ended = push(tfprotov6.InvokeActionEvent{})
		}}.invoke(t)
		for range stream.Events {
			break
		}
		synctest.Wait()
		if !ended {
			t.Error("the action has not ended")
		}
		if len(s.running) > 0 {
			t.Error("the action is still held to be running")
		}
	})
}
