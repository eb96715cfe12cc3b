package profile

// AddressOf returns the address of an encoded profile, empty for what is no encoded
// profile.
func AddressOf(resource []byte) string {
	end := addressEnd(resource)
	if end == 0 {
		return ""
	}
	return string(resource[len(head)+1 : end-1]) // nothing in a valid address is escaped
}
