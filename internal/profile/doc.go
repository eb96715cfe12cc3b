// Package profile turns a row of a segment into a Klaviyo profile.
//
// A [Mapping] is compiled once against the columns of a source and gives an
// [Encoder], which appends one profile after the other, as JSON, to a buffer.
// The encoder normalizes (email, phone number, dates) and validates. For a row
// that cannot become a profile it returns the reason, a [Rejection]. It holds no
// state between rows, so several goroutines may share one.
package profile
