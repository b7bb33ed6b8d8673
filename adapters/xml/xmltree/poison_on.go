//go:build poison

package xmltree

const poison = true
