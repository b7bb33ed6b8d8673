//go:build race || poison

package xmltree

const instrumented = true
