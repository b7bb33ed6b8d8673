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
