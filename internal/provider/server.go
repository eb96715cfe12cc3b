package provider

import (
	"context"
	"sync"
	"time"

	"github.com/hashicorp/terraform-plugin-framework/provider"
	"github.com/hashicorp/terraform-plugin-framework/providerserver"
	"github.com/hashicorp/terraform-plugin-go/tfprotov6"
)

// stopGrace is the maximum time that a stopped provider waits for its actions.
const stopGrace = time.Second

// NewServer returns the constructor of the server that Terraform talks to, for
// the provider in the given version.
func NewServer(version string) func() tfprotov6.ProviderServer {
	return func() tfprotov6.ProviderServer { return newServer(New(version)()) }
}

// newServer serves a provider with the framework's server.
func newServer(p provider.Provider) tfprotov6.ProviderServer {
	framework := providerserver.NewProtocol6(p)()
	actions, ok := framework.(tfprotov6.ActionServer)
	if !ok {
		return framework
	}
	return &server{ProviderServer: framework, ActionServer: actions, grace: stopGrace, running: map[*invocation]struct{}{}}
}

// server is the framework's server, except that an action which is stopped can
// still report what it has done. As soon as StopProvider returns, plugin-go
// drops all events of actions that are under way, the last one with the
// diagnostics included. So StopProvider returns after that event.
//
// Methods for list resources and state stores are not passed on, since the
// provider has neither.
type server struct {
	tfprotov6.ProviderServer
	tfprotov6.ActionServer
	grace time.Duration // for actions when the provider is stopped

	mu      sync.Mutex
	running map[*invocation]struct{}
}

// invocation is an action under way.
type invocation struct {
	cancel context.CancelFunc
	ended  chan struct{} // closed once the last event was delivered, or the listener has left
}

// InvokeAction implements tfprotov6.ActionServer.
func (s *server) InvokeAction(ctx context.Context, req *tfprotov6.InvokeActionRequest) (*tfprotov6.InvokeActionServerStream, error) {
	ctx, i := s.begin(ctx)
	stream, err := s.ActionServer.InvokeAction(ctx, req)
	if err != nil {
		s.end(i)
		return nil, err
	}
	return &tfprotov6.InvokeActionServerStream{Events: func(push func(tfprotov6.InvokeActionEvent) bool) {
		defer s.end(i)
		for event := range i.receive(stream) {
			if !push(event) {
				return
			}
		}
	}}, nil
}

// receive passes the events of an action on until the invocation has ended. It
// also receives later ones, because the framework would block their senders.
func (i *invocation) receive(stream *tfprotov6.InvokeActionServerStream) <-chan tfprotov6.InvokeActionEvent {
	events := make(chan tfprotov6.InvokeActionEvent)
	go func() {
		defer close(events)
		for event := range stream.Events {
			select {
			case events <- event:
			case <-i.ended:
			}
		}
	}()
	return events
}

// StopProvider implements tfprotov6.ProviderServer. It cancels everything that
// is running and waits until the actions have reported how they ended.
func (s *server) StopProvider(ctx context.Context, req *tfprotov6.StopProviderRequest) (*tfprotov6.StopProviderResponse, error) {
	stopped := s.cancelActions()
	resp, err := s.ProviderServer.StopProvider(ctx, req)
	ctx, cancel := context.WithTimeout(ctx, s.grace)
	defer cancel()
	for _, i := range stopped {
		select {
		case <-i.ended:
		case <-ctx.Done():
		}
	}
	return resp, err
}

func (s *server) begin(ctx context.Context) (context.Context, *invocation) {
	ctx, cancel := context.WithCancel(ctx)
	i := &invocation{cancel, make(chan struct{})}
	s.mu.Lock()
	defer s.mu.Unlock()
	s.running[i] = struct{}{}
	return ctx, i
}

// end also cancels the action, which has finished or has lost its listener.
func (s *server) end(i *invocation) {
	i.cancel()
	close(i.ended)
	s.mu.Lock()
	defer s.mu.Unlock()
	delete(s.running, i)
}

func (s *server) cancelActions() []*invocation {
	s.mu.Lock()
	defer s.mu.Unlock()
	var cancelled []*invocation
	for i := range s.running {
		i.cancel()
		cancelled = append(cancelled, i)
	}
	return cancelled
}
