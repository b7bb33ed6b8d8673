//go:build !poison

package xmltree

const poison = false
