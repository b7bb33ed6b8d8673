package auth

// IsDigits tells whether s is n decimal digits, as CVR numbers (8) and education codes (4) are.
func IsDigits(s string, n int) bool {
	for i := range len(s) {
		if s[i] < '0' || s[i] > '9' {
			return false
		}
	}
	return len(s) == n
}

// IsAuthorisationCode tells whether s has the form of an authorisation code: 5 of A-Z and 0-9.
func IsAuthorisationCode(s string) bool {
	for i := range len(s) {
		if c := s[i]; (c < '0' || c > '9') && (c < 'A' || c > 'Z') {
			return false
		}
	}
	return len(s) == 5
}
