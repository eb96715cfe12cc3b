// Package phone writes telephone numbers in E.164 form and tells which exist,
// by the dial plans of the world's regions. It takes the same texts, and comes
// to the same results, as Google's libphonenumber, from whose metadata the
// plans are generated; a test in tools/dialplan compares the two.
package phone

//go:generate go -C ../../../tools run ./dialplan ../internal/profile/phone/plans.go
