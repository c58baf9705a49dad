package wire

import (
	"bytes"
	"compress/gzip"
	"fmt"
	"net/http"
	"strings"
	"time"
)

// Response is one answer. Reason is the phrase of the status line; it ends at its first newline.
type Response struct {
	Status int
	Reason string // "" = the standard phrase
	Type   string // Content-Type, "" = none is sent
	Body   []byte
	Header map[string]string // further headers
}

const minGzip = 1024

// encode writes the status line, the headers in the order of the real server, and the body.
func (r Response) encode(req *Request, keep bool, now time.Time) []byte {
	reason := r.Reason
	if reason == "" {
		reason = http.StatusText(r.Status)
	}
	reason, _, _ = strings.Cut(reason, "\n")
	reason = strings.ReplaceAll(reason, "\r", "")
	body, encoding := r.Body, ""
	if req != nil && len(body) > minGzip && strings.Contains(req.Header.Get("Accept-Encoding"), "gzip") {
		var packed bytes.Buffer
		z, _ := gzip.NewWriterLevel(&packed, gzip.BestSpeed)
		if _, err := z.Write(body); err == nil && z.Close() == nil {
			body, encoding = packed.Bytes(), "gzip"
		}
	}
	proto := "HTTP/1.1"
	if req != nil && req.proto == "HTTP/1.0" {
		proto = "HTTP/1.0"
	}
	var b bytes.Buffer
	b.Grow(len(body) + 512)
	fmt.Fprintf(&b, "%s %d %s\r\n", proto, r.Status, reason)
	connection := "close"
	if keep {
		connection = "Keep-Alive"
	}
	date := now.UTC().Format(http.TimeFormat)
	fmt.Fprintf(&b, "Cache-Control: max-age=0\r\nConnection: %s\r\nDate: %s\r\nPragma: no-cache\r\nServer: pve-api-daemon/3.0\r\n", connection, date)
	if encoding != "" {
		fmt.Fprintf(&b, "Content-Encoding: %s\r\n", encoding)
	}
	fmt.Fprintf(&b, "Content-Length: %d\r\n", len(body))
	if r.Type != "" {
		fmt.Fprintf(&b, "Content-Type: %s\r\n", r.Type)
	}
	fmt.Fprintf(&b, "Expires: %s\r\n", date)
	for k, v := range r.Header {
		fmt.Fprintf(&b, "%s: %s\r\n", k, v)
	}
	b.WriteString("\r\n")
	b.Write(body)
	return b.Bytes()
}
