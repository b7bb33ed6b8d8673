package auth

import "strings"

// Trim returns s without the white space of XML at its ends.
func Trim(s string) string { return strings.Trim(s, " \t\r\n") }
