// Package sketch compares two large sets of profiles without keeping either.
//
// A sketch is an invertible Bloom lookup table: a small table of sums over the
// entries of a set. An entry is a key, which stands for a person, and a value,
// which stands for what is known about that person. Each entry is added into
// three cells, chosen by a hash, and a cell holds nothing but the number of its
// entries and the sums of their keys, values and check sums.
// Subtracting the sketch of an earlier set from that of a later one cancels
// whatever both contain, so that a sketch of the difference alone remains. A cell
// that is left with a single entry gives that entry away; taking it out of its
// other two cells leaves more cells with a single entry, and so on, until the
// table is empty and the whole difference is known. This is called peeling.
//
// The size of a sketch depends on how many entries may differ and not on how many
// there are. With 768 cells and more, three quarters as many differences as there
// are cells are peeled in 199 cases of 200; with 96 cells, half as many are in 98 of
// 100. An added or removed profile is one difference, an updated one is two.
//
// # Guarantee
//
// A difference that peels is the exact difference; one that does not peel is
// reported as such. Beside its cells a sketch holds the number of its entries and
// a fingerprint, the 128-bit sum of a hash of each. What has been peeled is
// believed only if it accounts for every cell, for the change in number and for
// the change in fingerprint. Damage, too many differences and entries that were
// counted twice therefore end in "not peeled" and never in a wrong answer.
//
// Two people are taken for one when their keys agree. In a set of a million people
// the chance that this happens at all is one in 37 million.
//
// # Privacy
//
// Keys are SipHash values of addresses under a random salt that is stored in the
// sketch. No address can be computed from a sketch. A guess can be tested, but
// only against entries that can be peeled:
//
//   - Who has two sketches with the same salt, or one and a list of nearly everybody
//     in it, can test whether an address is among those that differ.
//   - A sketch of few people peels by itself. Who has one of up to about 80 people
//     can test whether an address is among them, and of up to about 300, one or two
//     can be found in cells that they have to themselves. With more people each cell
//     is a sum over ten or more, and one sketch alone tells of nobody.
//
// # Literature
//
// M. T. Goodrich and M. Mitzenmacher, "Invertible Bloom Lookup Tables", 2011,
// describe the table. D. Eppstein, M. T. Goodrich, F. Uyeda and G. Varghese,
// "What's the Difference? Efficient Set Reconciliation without Prior Context",
// 2011, describe how to subtract one from another.
package sketch
