package standin

import (
	"fmt"
	"maps"
	"slices"
	"sync"
)

// Tokens are the access tokens that a token endpoint has given out.
type Tokens struct {
	mu    sync.Mutex
	count int
	valid map[string]string // the scope by the token
}

// Mint gives out a token.
func (t *Tokens) Mint(scope string) string {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.count++
	token := fmt.Sprintf("stand-in-token-%d", t.count)
	if t.valid == nil {
		t.valid = map[string]string{}
	}
	t.valid[token] = scope
	return token
}

// Scope returns what a token allows, and whether it is valid.
func (t *Tokens) Scope(token string) (scope string, valid bool) {
	t.mu.Lock()
	defer t.mu.Unlock()
	scope, valid = t.valid[token]
	return scope, valid
}

// Expire makes all tokens so far invalid.
func (t *Tokens) Expire() {
	t.mu.Lock()
	defer t.mu.Unlock()
	clear(t.valid)
}

// Minted returns how many tokens were given out.
func (t *Tokens) Minted() int {
	t.mu.Lock()
	defer t.mu.Unlock()
	return t.count
}

// Valid returns the tokens that are valid now.
func (t *Tokens) Valid() []string {
	t.mu.Lock()
	defer t.mu.Unlock()
	return slices.Sorted(maps.Keys(t.valid))
}
