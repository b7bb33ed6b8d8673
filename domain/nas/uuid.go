package nas

import "strings"

// PullPointOf returns the id that the address of a pull point ends with, or the id where the address is nothing else; ok is false where the last
// segment of the path is no UUID. Which server the address names is not looked at.
func PullPointOf(address string) (PullPointID, bool) {
	id, ok := lastSegment(address)
	return PullPointID(id), ok
}

// SubscriptionOf is PullPointOf of a subscription.
func SubscriptionOf(address string) (SubscriptionID, bool) {
	id, ok := lastSegment(address)
	return SubscriptionID(id), ok
}

func lastSegment(address string) (uuid string, ok bool) {
	address = trim(address)
	if end := strings.IndexAny(address, "?#"); end >= 0 {
		address = address[:end]
	}
	return parseUUID(address[strings.LastIndexByte(address, '/')+1:])
}

// parseUUID returns a UUID in lower case; ok is false for what has another form.
func parseUUID(s string) (uuid string, ok bool) {
	if len(s) != len("00000000-0000-0000-0000-000000000000") {
		return "", false
	}
	for i := range len(s) {
		switch c := s[i]; {
		case i == 8 || i == 13 || i == 18 || i == 23:
			ok = c == '-'
		default:
			ok = '0' <= c && c <= '9' || 'a' <= c && c <= 'f' || 'A' <= c && c <= 'F'
		}
		if !ok {
			return "", false
		}
	}
	return strings.ToLower(s), true
}
