package rest

import (
	"crypto/rand"
	"crypto/sha256"
	"encoding/base64"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"strings"
)

// operatorSize is the length of the operator's token in octets, before it is written in base64url.
const operatorSize = 32

// OperatorToken returns the SHA-256 of the token in the file at path, which alone may read it: whoever can read the file runs the server. A
// file that is not there is made with a new token. Nobody else makes it at the same time: the caller holds the lock of the data directory.
func OperatorToken(path string) (hash [32]byte, err error) {
	text, err := os.ReadFile(path)
	if errors.Is(err, fs.ErrNotExist) {
		text, err = makeOperatorToken(path)
	}
	if err != nil {
		return hash, fmt.Errorf("read operator token: %w", err)
	}
	info, err := os.Stat(path)
	if err != nil {
		return hash, fmt.Errorf("read operator token: %w", err)
	}
	if info.Mode().Perm()&0o077 != 0 {
		return hash, fmt.Errorf("read operator token %s: others may read or write the file; its mode must be 0600", path)
	}
	token := strings.TrimSpace(string(text))
	if secret, err := base64.RawURLEncoding.Strict().DecodeString(token); err != nil || len(secret) != operatorSize {
		return hash, fmt.Errorf("read operator token %s: want %d characters of base64url", path, base64.RawURLEncoding.EncodedLen(operatorSize))
	}
	return sha256.Sum256([]byte(token)), nil
}

// makeOperatorToken writes the file as a whole or not at all.
func makeOperatorToken(path string) ([]byte, error) {
	var secret [operatorSize]byte
	_, _ = rand.Read(secret[:]) // never fails
	text := []byte(base64.RawURLEncoding.EncodeToString(secret[:]) + "\n")
	f, err := os.OpenFile(path+".new", os.O_WRONLY|os.O_CREATE|os.O_TRUNC, 0o600)
	if err != nil {
		return nil, err
	}
	_, err = f.Write(text)
	if err == nil {
		err = f.Sync()
	}
	if err := errors.Join(err, f.Close()); err != nil {
		return nil, err
	}
	return text, os.Rename(path+".new", path)
}
