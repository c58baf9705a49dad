package tui

import (
	"cmp"
	"strconv"
	"strings"

	tea "charm.land/bubbletea/v2"

	"proximity/core"
	"proximity/tui/ui"
)

// hostForm connects a host, or changes how one is reached. Nothing secret is
// sent before the host's certificate has been accepted.
type hostForm struct {
	formPage
	was core.HostView // without a name: the host is new
	key string        // the private key for the nodes' SSH, as it was pasted
}

// The form's fields are named as core names them.
const (
	hostName   = "name"
	hostURL    = "url"
	hostLogin  = "credentials"
	hostSecret = "secret"
	hostSSH    = "ssh"
	sshUser    = "ssh_user"
	sshPort    = "ssh_port"
	sshKey     = "ssh_key"
	sshSecret  = "ssh_password"
)

// newHostForm makes the form, for a host that is there or for a new one.
func newHostForm(h core.HostView) *hostForm {
	p := &hostForm{was: h, formPage: newFormPage()}
	text := func(key, label, preset, help string) *ui.Field {
		f := &ui.Field{Key: key, Label: label, Default: preset, Help: help, Input: ui.Input{Max: 120}}
		p.form.Fields = append(p.form.Fields, f)
		return f
	}
	secret := func(key, label, help string) {
		f := text(key, label, "", help)
		f.Input.Secret = true
		if h.Name != "" {
			f.Default = "unchanged"
		}
	}
	text(hostName, "Name", h.Name, "what it is called here, e.g. homelab")
	text(hostURL, "Address", h.URL, "of any node, e.g. https://10.0.0.1:8006")
	text(hostLogin, "Account", h.User, "root@pam, or the id of a token: proximity@pve!main")
	secret(hostSecret, "Secret", "the account's password, or the token's secret")
	fold := &ui.Field{Key: hostSSH, Label: "SSH to the nodes", Kind: ui.FoldField, Help: "without it no app can be deployed; the password of root@pam serves"}
	p.form.Fields = append(p.form.Fields, fold)
	text(sshUser, "User", cmp.Or(h.SSHUser, "root"), "")
	port := text(sshPort, "Port", "22", "")
	port.Kind, port.Input.Max = ui.NumberField, 5
	if h.SSHPort > 0 {
		port.Default = strconv.Itoa(h.SSHPort)
	}
	secret(sshKey, "Private key", "paste it, with its first and last line")
	secret(sshSecret, "Password", "where there is no key")
	p.form.Fields = append(p.form.Fields, &ui.Field{Key: buttonGo, Kind: ui.ButtonField, Label: map[bool]string{true: "Connect", false: "Save"}[h.Name == ""]},
		&ui.Field{Key: buttonLeave, Kind: ui.ButtonField, Label: "Leave"})
	p.form.Open()
	return p
}

func (p *hostForm) digit() int { return 4 }

func (p *hostForm) crumbs(*Console) []string {
	if p.was.Name == "" {
		return []string{"Connect a host"}
	}
	return []string{p.was.Name, "Edit"}
}

// Answers of core to the form.
type (
	hostCert struct {
		url  string
		cert core.Certificate
		err  error
	}
	hostDone struct {
		host core.HostView
		err  error
	}
)

func (p *hostForm) value(key string) string {
	if f := p.form.Field(key); f != nil {
		return strings.TrimSpace(f.Input.Value())
	}
	return ""
}

// submit looks at the certificate of an address first.
func (p *hostForm) submit(c *Console) tea.Cmd {
	if p.sending {
		c.say(info, "it is being sent already")
		return nil
	}
	for _, f := range p.form.Fields {
		f.Problem, f.Hint = "", ""
	}
	if p.key == "" && p.value(sshKey) != "" {
		p.wrong(c, sshKey, "that is not a private key", "paste all of it, with its first and last line")
		return nil
	}
	url := p.value(hostURL)
	switch {
	case p.was.Name == "" && p.value(hostName) == "":
		p.wrong(c, hostName, "the host needs a name", "")
		return nil
	case p.was.Name == "" && url == "":
		p.wrong(c, hostURL, "where is it?", "https://ADDRESS:8006")
		return nil
	case p.was.Name != "" && p.change() == core.HostEdit{}:
		c.say(info, "nothing is another than it was")
		return nil
	}
	p.sending = true
	if url == "" || url == p.was.URL {
		return p.send(c, "")
	}
	c.say(info, "asking "+url+" for its certificate")
	ctx := c.ctx
	return func() tea.Msg {
		cert, err := c.core.ProbeHost(ctx, c.actor, url)
		return answer{p, 0, hostCert{url, cert, err}}
	}
}

// wrong says what is wrong with a field and goes there.
func (p *hostForm) wrong(c *Console, key, text, hint string) {
	if p.form.Field(key) == nil {
		key = buttonGo
	}
	f := p.form.Field(key)
	f.Problem, f.Hint = text, hint
	p.form.Go(key)
	c.say(warn, text)
}

// change is the form as a change of the host.
func (p *hostForm) change() core.HostEdit {
	e := core.HostEdit{URL: p.value(hostURL), SSHUser: p.value(sshUser), SSHKey: p.key, SSHPassword: p.value(sshSecret)}
	e.SSHPort, _ = strconv.Atoi(p.value(sshPort))
	if e.URL == p.was.URL {
		e.URL = ""
	}
	if name := p.value(hostName); name != p.was.Name {
		e.Name = name
	}
	login, secret := p.value(hostLogin), p.value(hostSecret)
	token := strings.Contains(login, "!") || login == "" && p.was.Auth == "token"
	switch {
	case token:
		e.TokenID, e.TokenSecret = login, secret
	default:
		e.User, e.Password = login, secret
	}
	return e
}

func (p *hostForm) send(c *Console, fingerprint string) tea.Cmd {
	ctx, e := c.ctx, p.change()
	e.Fingerprint = fingerprint
	if p.was.Name != "" {
		return func() tea.Msg {
			h, err := c.core.EditHost(ctx, c.actor, p.was.Name, e)
			return answer{p, 0, hostDone{h, err}}
		}
	}
	r := core.AddHostRequest{Name: e.Name, URL: e.URL, TokenID: e.TokenID, TokenSecret: e.TokenSecret, User: e.User, Password: e.Password,
		SSHUser: e.SSHUser, SSHPort: e.SSHPort, SSHKey: e.SSHKey, SSHPassword: e.SSHPassword, Fingerprint: fingerprint}
	return func() tea.Msg {
		h, err := c.core.AddHost(ctx, c.actor, r)
		return answer{p, 0, hostDone{h, err}}
	}
}

func (p *hostForm) receive(c *Console, _ uint64, body any) tea.Cmd {
	switch a := body.(type) {
	case hostCert:
		if a.err != nil {
			p.failed(c, a.err)
			return nil
		}
		if a.cert.Trusted {
			return p.send(c, "")
		}
		p.sending = false
		c.over = &confirm{heading: "Certificate of " + a.url, button: "That is it", opened: c.now(), text: []string{
			"No authority vouches for the certificate that answers there. Compare it with what `pvenode cert info` prints on the node; nothing has been sent yet.",
			a.cert.Fingerprint, a.cert.Subject},
			yes: func(c *Console) tea.Cmd {
				p.sending = true
				return p.send(c, a.cert.Fingerprint)
			}}
	case hostDone:
		if a.err != nil {
			p.failed(c, a.err)
			return nil
		}
		p.sending = false
		does := " is connected"
		if p.was.Name != "" {
			does = " is reached as you said"
		}
		c.say(good, a.host.Name+does+" · a → test host shows whether all is ready")
		if c.page() == page(p) {
			c.back()
		}
		c.refresh()
	}
	return nil
}

// failed tells what core has against the form.
func (p *hostForm) failed(c *Console, err error) {
	p.sending = false
	e, ok := err.(*core.Error)
	if !ok {
		c.fail("", err)
		return
	}
	key := map[string]string{"token": hostLogin, "password": hostSecret}[e.Field]
	p.wrong(c, cmp.Or(key, e.Field), e.Text, e.Hint)
}

func (p *hostForm) edit(c *Console, key, text string) (tea.Cmd, bool) {
	if key == "esc" {
		c.back()
		if p.was.Name != "" {
			c.say(info, p.was.Name+" stays as it is")
		} else {
			c.say(info, "no host is connected")
		}
		return nil, true
	}
	if p.sending {
		c.say(info, "it is being sent: one moment")
		return nil, true
	}
	used, changed, pressed := p.form.Key(key, text)
	if changed && p.form.Focus().Key == sshKey { // what is pasted goes as one
		p.forget()
	}
	switch pressed {
	case buttonGo:
		return p.submit(c), true
	case buttonLeave:
		return p.edit(c, "esc", "")
	}
	return nil, used
}

func (p *hostForm) forget() {
	if p.key != "" {
		p.key = ""
		f := p.form.Field(sshKey)
		f.Note = ""
		f.Input.Set("")
	}
}

func (p *hostForm) paste(_ *Console, s string) (tea.Cmd, bool) {
	f := p.form.Focus()
	if f.Key != sshKey {
		return nil, p.form.Paste(s)
	}
	if !strings.Contains(s, "PRIVATE KEY-----") {
		return nil, false
	}
	p.key = strings.NewReplacer("\r\n", "\n", "\r", "\n").Replace(strings.TrimSpace(s)) + "\n"
	f.Input.Set("key")
	f.Note, f.Problem, f.Hint = "a private key is pasted", "", ""
	return nil, true
}

func (p *hostForm) body(c *Console, w, h int) []string {
	l := c.theme.NewLine(w)
	l.Space(1)
	if p.was.Name == "" {
		l.Add(ui.Strong, "Connect a Proxmox host").Space(2).Add(ui.Muted, "a cluster or a single machine; docs/hosts.md makes its account")
	} else {
		l.Add(ui.Strong, "Change how "+p.was.Name+" is reached").Space(2).Add(ui.Muted, "empty fields stay as they are; it must stay the same cluster")
	}
	out := []string{l.String()}
	if h >= 12 {
		out = append(out, "")
	}
	return p.between(c, out, nil, w, h, 0)
}
