// Package loopback tells this machine from others. Plain connections that carry
// credentials or personal data are allowed to this machine only.
package loopback

import "net"

// Is reports whether a host is the loopback interface.
func Is(host string) bool {
	if host == "localhost" {
		return true
	}
	ip := net.ParseIP(host)
	return ip != nil && ip.IsLoopback()
}
