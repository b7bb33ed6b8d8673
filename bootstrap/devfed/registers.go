package devfed

import (
	"crypto/sha256"
	"embed"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
)

// registers are the reference registers of the test federation: synthetic persons, organisations and authorisations, its own samples among them.
//
//go:embed stamdata/*.csv
var registers embed.FS

// LayInRegisters makes the folder dir with the files of the synthetic registers, all of them or none, unless it is there already.
func LayInRegisters(dir string) error {
	if _, err := os.Stat(dir); !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	if err := os.MkdirAll(filepath.Dir(dir), 0o700); err != nil {
		return err
	}
	made, err := os.MkdirTemp(filepath.Dir(dir), partial)
	if err != nil {
		return err
	}
	err = eachRegister(func(name string, data []byte) error { return write(filepath.Join(made, name), data, private) })
	if err == nil {
		err = os.Rename(made, dir)
	}
	if err != nil {
		return errors.Join(err, os.RemoveAll(made))
	}
	return nil
}

// RegisterSums returns the SHA-256 of each file of the synthetic registers by its name: a store that took one has persons who do not exist.
func RegisterSums() (map[string][32]byte, error) {
	sums := map[string][32]byte{}
	err := eachRegister(func(name string, data []byte) error {
		sums[name] = sha256.Sum256(data)
		return nil
	})
	return sums, err
}

func eachRegister(do func(name string, data []byte) error) error {
	files, err := fs.Glob(registers, "stamdata/*.csv")
	if err != nil {
		return err
	}
	for _, file := range files {
		data, err := registers.ReadFile(file)
		if err != nil {
			return err
		}
		if err := do(filepath.Base(file), data); err != nil {
			return fmt.Errorf("register %s: %w", filepath.Base(file), err)
		}
	}
	return nil
}
