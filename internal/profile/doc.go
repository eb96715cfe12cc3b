// Package profile turns a row of a segment into a Klaviyo profile.
//
// A [Mapping] is compiled once against the columns of a source and gives an
// [Encoder], which appends one profile after the other, as JSON, to a buffer.
// The encoder normalises (email, phone number, dates), validates, and says of
// each row that cannot become a profile why: a [Rejection]. It holds no state
// between rows, so several goroutines may share one.
package profile
