package sshd

import (
	"errors"
	"fmt"
	"net"
	"os"
	"os/user"
	"strconv"
	"syscall"
	"time"

	"golang.org/x/sys/unix"
)

// peerName is who opened the other end of a socket: the user this server runs
// as, or root; anybody else is an error.
func peerName(c net.Conn) (string, error) {
	uc, ok := c.(*net.UnixConn)
	if !ok {
		return "", errors.New("not a local connection")
	}
	raw, err := uc.SyscallConn()
	if err != nil {
		return "", err
	}
	var cred *unix.Ucred
	var credErr error
	if err := raw.Control(func(fd uintptr) {
		cred, credErr = unix.GetsockoptUcred(int(fd), unix.SOL_SOCKET, unix.SO_PEERCRED)
	}); err != nil {
		return "", err
	}
	if credErr != nil {
		return "", credErr
	}
	if cred.Uid != 0 && int(cred.Uid) != os.Geteuid() {
		return "", fmt.Errorf("user %d may not use this socket", cred.Uid)
	}
	if u, err := user.LookupId(strconv.FormatUint(uint64(cred.Uid), 10)); err == nil {
		return u.Username, nil
	}
	return "local", nil
}

// silence is how long a peer may not acknowledge what it was sent.
const silence = 90 * time.Second

// dropSilentPeers makes connections fail whose other end vanished while there
// was something to send, which keep-alives do not notice.
func dropSilentPeers(_, _ string, c syscall.RawConn) error {
	return c.Control(func(fd uintptr) {
		_ = unix.SetsockoptInt(int(fd), unix.IPPROTO_TCP, unix.TCP_USER_TIMEOUT, int(silence.Milliseconds()))
	})
}
