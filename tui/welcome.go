package tui

import (
	"proximity/core"
	"proximity/tui/ui"
)

// welcome is the first run: nothing is connected yet.
func welcome(c *Console, w int) []string {
	var out []string
	add := func(role ui.Role, indent int, s string) {
		rows := ui.Wrap(s, max(10, w-indent-1))
		for _, r := range rows {
			l := c.theme.NewLine(w)
			out = append(out, l.Space(indent).Add(role, r).String())
		}
	}
	gap := func() { out = append(out, "") }
	gap()
	add(ui.Strong, 2, "Nothing is connected yet. Two steps, about three minutes.")
	gap()
	if err := c.actor.May(core.VerbChangeHosts, ""); err != nil {
		add(ui.Text, 2, "An admin connects the first Proxmox host: "+refusal(err)+".")
		return out
	}
	add(ui.Text, 2, "1  Connect a Proxmox host: 4, then n. Or in a shell, with its root password on stdin:")
	add(ui.Accent, 5, "ssh "+c.host+" hosts add NAME https://ADDRESS:8006 --user root@pam --password-stdin")
	add(ui.Muted, 5, "It shows the fingerprint of the certificate and says how to go on once you have compared it.")
	gap()
	add(ui.Text, 2, "2  Deploy your first app: 3 opens the catalogue, n deploys.")
	gap()
	add(ui.Muted, 2, "An API token works as well: --token ID=SECRET, with --credentials - for the node's SSH key.")
	add(ui.Muted, 2, "No Proxmox at hand? \"proximity demo\" starts one that is simulated.")
	return out
}
