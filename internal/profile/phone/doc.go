// Package phone converts telephone numbers to E.164 form and reports which exist,
// by the dial plans of the world's regions. Its results are those of Google's
// libphonenumber, from whose metadata the plans are generated; a test in
// tools/dialplan compares the two.
package phone

//go:generate go -C ../../../tools run ./dialplan ../internal/profile/phone/plans.go
