package pve

// Change is a key that is not the pinned one: the certificate of the configured node's API, or the host key
// of a node's SSH. Nothing secret was sent to whoever showed it.
type Change struct {
	Kind         error  // ErrCertificate or ErrHostKey
	Node         string // for ErrHostKey
	Address      string
	Known, Shown string // fingerprints, as they are pinned
}

// Halt has every call fail with why from now on, before anything is sent. why should wrap one of the kinds.
// What is under way goes on. There is no way back: make another client.
func (c *Client) Halt(why error) { c.halted.CompareAndSwap(nil, &why) }

// halt is why no call is to be made, nil for none.
func (c *Client) halt() error {
	if why := c.halted.Load(); why != nil {
		return *why
	}
	return nil
}

// changed tells whoever configured us that a key is not the pinned one.
func (c *Client) changed(ch Change) {
	if c.config.Changed != nil {
		c.config.Changed(ch)
	}
}
