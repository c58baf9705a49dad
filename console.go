package main

import (
	"context"
	"errors"
	"fmt"
	"os/user"

	"golang.org/x/term"

	"proximity/cli"
	"proximity/core"
	"proximity/sshd"
)

// console opens the console here: the running server's, else that of a server
// in this process which ends with it and has no door but the socket.
func (p *program) console(ctx context.Context) error {
	data, err := p.dataFolder()
	if err != nil {
		return err
	}
	socket, err := socketIn(data)
	if err != nil {
		return err
	}
	client, err := sshd.Dial(ctx, socket)
	if err == nil {
		return p.attach(ctx, client)
	}
	if !errors.Is(err, sshd.ErrNoServer) {
		return err
	}
	if !p.terminal() {
		return wrong("`proximity serve` runs the server, `proximity help` lists the commands", "the console needs a terminal")
	}
	if isDemo(data) {
		return wrong("run `proximity demo --data "+data+"`", "%s holds a demo", data)
	}
	log, file, err := fileLogger(data, "info")
	if err != nil {
		return err
	}
	defer file.Close()
	cfg, err := p.catalogue(core.Config{Data: data, Logger: log})
	if err != nil {
		return err
	}
	s, err := openServer(cfg, doors{})
	if err != nil {
		return err
	}
	return p.around(ctx, s, socket)
}

// around shows the console of a server in this process, and ends it after.
func (p *program) around(ctx context.Context, s *server, socket string, others ...func(context.Context) error) error {
	var seen error
	left := 0
	console := func(ctx context.Context) error {
		client, err := sshd.Dial(ctx, socket)
		if err == nil {
			seen = p.attach(ctx, client)
			if jobs, err := s.core.Jobs(context.WithoutCancel(ctx), core.LocalAdmin("proximity"), core.JobFilter{Live: true}); err == nil {
				left = len(jobs)
			}
			err = errLeft
		}
		return err
	}
	err := s.run(ctx, append(others, console)...)
	if left > 0 {
		fmt.Fprintf(p.err, "%d unfinished: they go on when Proximity runs again\n", left)
	}
	if errors.Is(err, errLeft) {
		return seen
	}
	return err
}

// errLeft ends a server whose console was left.
var errLeft = errors.New("the console was left")

// attach shows a server's console, or where there is no terminal what it says
// in plain text.
func (p *program) attach(ctx context.Context, client *sshd.Client) error {
	defer client.Close()
	var code int
	var err error
	if p.terminal() {
		code, err = client.Console(ctx, nil, p.in, p.out)
	} else {
		code, err = client.Exec(ctx, nil, nil, p.out, p.err)
	}
	if err == nil && code != 0 {
		return exitCode(code)
	}
	return err
}

// command runs a command that ssh knows, too: on the running server, else on
// the data folder itself.
func (p *program) command(ctx context.Context, args []string) int {
	code, err := p.ask(ctx, args)
	if err != nil {
		return cli.Fail(p.err, err, args)
	}
	return code
}

func (p *program) ask(ctx context.Context, args []string) (int, error) {
	env := cli.Env{In: p.in, Out: p.out, Err: p.err, Getenv: p.getenv}
	if args[0] == "version" {
		return cli.Run(ctx, env, args), nil
	}
	data, err := p.dataFolder()
	if err != nil {
		return 0, err
	}
	socket, err := socketIn(data)
	if err != nil {
		return 0, err
	}
	client, err := sshd.Dial(ctx, socket)
	if err == nil {
		defer client.Close()
		if p.terminal() && term.IsTerminal(int(p.err.Fd())) {
			return client.Console(ctx, args, p.in, p.out)
		}
		return client.Exec(ctx, args, p.in, p.out, p.err)
	}
	if !errors.Is(err, sshd.ErrNoServer) {
		return 0, err
	}
	if args[0] == "doctor" && fresh(data) {
		return cli.Findings(ctx, env, args, core.CheckData(data)), nil
	}
	if fresh(data) {
		return 0, &core.Error{Kind: core.ErrUnreachable, Text: "no server is running, and there is nothing in " + data, Hint: "start one with `proximity serve`, or try `proximity demo`", Err: err}
	}
	cfg, err := p.catalogue(core.Config{Data: data, PublicHost: p.getenv("PROXIMITY_PUBLIC_HOST")})
	if err != nil {
		return 0, err
	}
	c, err := openCore(cfg)
	if err != nil && args[0] == "doctor" {
		return cli.Findings(ctx, env, args, cli.Unopened(data, err)), nil
	}
	if err != nil {
		return 0, err
	}
	env.Core, env.Actor, env.Offline = c, core.LocalAdmin(login()), true
	if width, _, err := term.GetSize(int(p.out.Fd())); err == nil {
		env.Width = width
	}
	code := cli.Run(ctx, env, args)
	return code, c.Close()
}

// login is who runs this process.
func login() string {
	if u, err := user.Current(); err == nil {
		return u.Username
	}
	return "local"
}
