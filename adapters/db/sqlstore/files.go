package sqlstore

import (
	"fmt"
	"os"
)

// files are the files of an open database, as they were when it was opened. SQLite goes on writing to files that were moved or deleted: what
// it then commits is gone with the process.
type files map[string]os.FileInfo

func watch(paths ...string) (files, error) {
	found := files{}
	for _, p := range paths {
		info, err := os.Stat(p)
		if err != nil {
			return nil, err
		}
		found[p] = info
	}
	return found, nil
}

// present is errUnavailable if a file is no longer at its path.
func (f files) present() error {
	for path, opened := range f {
		info, err := os.Stat(path)
		if err != nil {
			return fmt.Errorf("%w: %w", errUnavailable, err)
		}
		if !os.SameFile(info, opened) {
			return fmt.Errorf("%w: %s is another file than the one that was opened", errUnavailable, path)
		}
	}
	return nil
}
