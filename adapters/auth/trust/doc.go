// Package trust reads what is trusted from files and applies it to certificates: pinned signer keys, roots of client certificates,
// revocations, our own signing keys, and who holds which certificate.
//
// An anchor is a key. The certificate that stands in a message is a hint to which key signed, never a reason to trust it.
package trust
