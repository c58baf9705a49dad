package keys

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"

	"golang.org/x/crypto/ssh"
)

// readOrMake returns the content of a private file, and makes the file first when there is none. Of two processes
// that make it at the same time one wins, and both get the winner's content.
func readOrMake(path string, make func() ([]byte, error)) ([]byte, error) {
	data, err := readPrivate(path)
	if !errors.Is(err, os.ErrNotExist) {
		return data, err
	}
	fresh, err := make()
	if err != nil {
		return nil, fmt.Errorf("make %s: %w", path, err)
	}
	if err := writeOnce(path, fresh); err != nil {
		return nil, fmt.Errorf("write %s: %w", path, err)
	}
	return readPrivate(path)
}

func readPrivate(path string) ([]byte, error) {
	if err := checkPrivate(path, "600"); err != nil {
		return nil, err
	}
	data, err := os.ReadFile(path)
	if err != nil {
		return nil, err
	}
	if len(data) == 0 {
		return nil, damaged(path, errors.New("it is empty"))
	}
	return data, nil
}

// checkPrivate refuses what others than the owner may read or write.
func checkPrivate(path, mode string) error {
	info, err := os.Stat(path)
	if err != nil {
		return err
	}
	if info.Mode().Perm()&0o077 != 0 {
		return fmt.Errorf("others may use %s (mode %04o): run chmod %s %s, and renew what it protects if they have", path, info.Mode().Perm(), mode, path)
	}
	return nil
}

func damaged(path string, err error) error {
	return fmt.Errorf("key file %s cannot be used: %w: bring it back from a saved state, or remove it to begin anew without what it protects", path, err)
}

// writeOnce makes a file of mode 0600 that appears complete or not at all, unless there is one already.
func writeOnce(path string, data []byte) error {
	dir := filepath.Dir(path)
	f, err := os.CreateTemp(dir, "."+filepath.Base(path)+"-*") // mode 0600
	if err != nil {
		return err
	}
	defer os.Remove(f.Name())
	_, err = f.Write(data)
	if err = errors.Join(err, f.Sync(), f.Close()); err != nil {
		return err
	}
	if err := os.Link(f.Name(), path); err != nil && !errors.Is(err, os.ErrExist) {
		return err
	}
	d, err := os.Open(dir)
	if err != nil {
		return err
	}
	return errors.Join(d.Sync(), d.Close())
}

// WriteClientKey makes an ed25519 key without passphrase at path (0600) for ssh -i, or keeps the one that is there.
func WriteClientKey(path string) (PublicKey, error) {
	data, err := readOrMake(path, func() ([]byte, error) { return newKeyPEM(filepath.Base(path)) })
	if err != nil {
		return PublicKey{}, err
	}
	signer, err := ssh.ParsePrivateKey(data)
	if err != nil {
		return PublicKey{}, damaged(path, err)
	}
	return publicKey(signer.PublicKey(), filepath.Base(path)), nil
}
