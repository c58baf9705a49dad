// Command proximity is an app platform for Proxmox VE, run from a terminal.
package main

import (
	"context"
	"os"
)

func main() {
	p := program{in: os.Stdin, out: os.Stdout, err: os.Stderr, getenv: os.Getenv}
	os.Exit(p.run(context.Background(), os.Args[1:]))
}
