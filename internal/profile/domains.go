package profile

import "sync/atomic"

// domains remembers the first host names that were found to be valid and in
// lower case: most people of a segment have their address at one of few. It is
// safe for concurrent use.
type domains [64]atomic.Pointer[string]

// has reports whether a host name is known to be valid as it is written.
func (d *domains) has(host string) bool {
	known := d.place(host).Load()
	return known != nil && *known == host
}

// add remembers a valid host name in lower case, unless another one has its
// place.
func (d *domains) add(host []byte) {
	if p := d.place(string(host)); p.Load() == nil {
		name := string(host)
		p.CompareAndSwap(nil, &name)
	}
}

// place is where a host name is remembered, if at all.
func (d *domains) place(host string) *atomic.Pointer[string] {
	n := uint(len(host))
	if n == 0 {
		return &d[0]
	}
	return &d[(n+uint(host[0])*7+uint(host[n/2])*31)%uint(len(d))]
}
