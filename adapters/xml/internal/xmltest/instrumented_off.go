//go:build !race && !poison

package xmltest

// Instrumented tells that the build has the race detector or poisoned arenas, where memory is not used again and everything is slow.
const Instrumented = false
