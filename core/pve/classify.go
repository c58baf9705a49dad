package pve

import (
	"encoding/json"
	"maps"
	"net/http"
	"regexp"
	"slices"
	"strings"
)

// Status codes of Proxmox's own: what its proxy says when the daemon or node behind it does not answer.
// Proxmox: AnyEvent::HTTP's codes for a connection that failed and for one that broke or timed out.
const (
	statusNoConnection = 595
	statusNoAnswer     = 596
)

// failure turns an answer with status >= 400 into an error.
//
// Proxmox: the text is in the body's message since pve-http-server 5.2.0, before that only in the reason
// phrase, of which a multi-line text keeps the first line.
func failure(status int, statusLine string, body []byte) *Error {
	reason := strings.TrimSpace(strings.TrimPrefix(statusLine, strings.SplitN(statusLine, " ", 2)[0]))
	var answer struct {
		Message any            `json:"message"`
		Errors  map[string]any `json:"errors"`
	}
	e := &Error{Status: status, Message: reason}
	if json.Unmarshal(body, &answer) == nil {
		if text, ok := answer.Message.(string); ok && strings.TrimSpace(text) != "" {
			e.Message = strings.TrimSpace(text)
		}
		for name, text := range answer.Errors {
			if e.Params == nil {
				e.Params = make(map[string]string, len(answer.Errors))
			}
			s, _ := text.(string)
			e.Params[name] = strings.TrimSpace(s)
		}
	}
	if e.Message == "" {
		e.Message = http.StatusText(status)
	}
	e.Kind = kindOfAnswer(status, e)
	if e.Kind == ErrPermission {
		e.Path, e.Privilege = missingPrivilege(e.Message)
	}
	return e
}

// kindOfAnswer decides by status first, then by text.
func kindOfAnswer(status int, e *Error) error {
	switch status {
	case http.StatusBadRequest:
		for _, text := range e.Params {
			if kind := kindOfText(text); kind == ErrExists || kind == ErrNotFound {
				return kind // Proxmox: {"vmid":"VM 100 already exists"}, {"upid":"no such task"}
			}
		}
		return ErrParameter
	case http.StatusUnauthorized:
		return ErrAuth
	case http.StatusForbidden:
		if kindOfText(e.Message) == ErrNotFound { // Proxmox: pool 'x' does not exist
			return ErrNotFound
		}
		return ErrPermission
	case http.StatusNotFound, http.StatusNotImplemented, 506:
		return ErrUnsupported // Proxmox: 501 for a path or method it does not know; what is missing is a 500
	case statusNoConnection, http.StatusBadGateway, http.StatusServiceUnavailable:
		return ErrUnreachable
	case statusNoAnswer, http.StatusGatewayTimeout, http.StatusTooManyRequests:
		return ErrBusy
	}
	if kind := kindOfText(e.Message); kind != nil {
		return kind
	}
	return ErrRefused
}

// texts says what Proxmox's sentences mean. Order matters: the first that fits wins.
// Proxmox: pve-guest-common AbstractConfig.pm, pve-container API2/LXC*.pm, pve-storage, pve-cluster.
var texts = []struct {
	kind    error
	pattern *regexp.Regexp
}{
	{ErrAppArmor, regexp.MustCompile(`net\.ipv4\.ip_unprivileged_port_start.*permission denied`)},
	{ErrBusy, regexp.MustCompile(`(?i)can't (?:aquire|acquire|lock)\b.* (?:got )?timeout|can't lock file|got timeout|got lock request timeout`)},
	{ErrChanged, regexp.MustCompile(`detected modified configuration`)},
	{ErrLocked, regexp.MustCompile(`is locked \(|^(?:CT|VM) is locked`)},
	{ErrNoQuorum, regexp.MustCompile(`(?i)no quorum`)},
	{ErrNoSpace, regexp.MustCompile(`(?i)no space left|out of space|not enough (?:free )?(?:disk )?space|insufficient free space|disk quota exceeded`)},
	{ErrPermission, regexp.MustCompile(`(?i)permission check failed|only allowed for root@pam|^only root (?:can|may)`)},
	{ErrParameter, regexp.MustCompile(`^bridge '.*' does not exist`)},
	{ErrProtected, regexp.MustCompile(`cannot remove protected volume`)},
	{ErrExists, regexp.MustCompile(`already exists|already used|refusing to override existing file`)},
	{ErrNotFound, regexp.MustCompile(`does not exist|^no such |^hostname lookup '.*' failed|unable to find configuration file`)},
	{ErrNotRunning, regexp.MustCompile(`(?i)not running`)},
	{ErrRunning, regexp.MustCompile(`(?i)already running|is running|running container`)},
	{ErrUnsupported, regexp.MustCompile(`(?i)feature (?:for '.*' )?is not available|not implemented|not supported|only possible from a snapshot`)},
	{ErrUnreachable, regexp.MustCompile(`(?i)connection refused|connection timed out|no route to host`)},
}

// kindOfText names the kind of one of Proxmox's sentences, nil when it means nothing special.
func kindOfText(text string) error {
	for _, t := range texts {
		if t.pattern.MatchString(text) {
			return t.kind
		}
	}
	return nil
}

// OutputKind names the fault that a failed script's output tells of, as far as it is one of the
// container's surroundings rather than the script's own: ErrAppArmor, ErrNoSpace, or nil.
func OutputKind(output string) error {
	for line := range strings.Lines(output) {
		if kind := kindOfText(line); kind == ErrAppArmor || kind == ErrNoSpace {
			return kind
		}
	}
	return nil
}

var privilegePattern = regexp.MustCompile(`Permission check failed \((/[^,)]*), ([A-Za-z.|]+)\)`)

// missingPrivilege reads "Permission check failed (/vms/100, VM.Allocate)".
func missingPrivilege(text string) (path, privilege string) {
	if m := privilegePattern.FindStringSubmatch(text); m != nil {
		return m[1], m[2]
	}
	return "", ""
}

func sortedKeys[V any](m map[string]V) []string { return slices.Sorted(maps.Keys(m)) }
