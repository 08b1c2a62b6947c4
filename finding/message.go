package finding

import (
	"bytes"
	"encoding/base64"
	"fmt"
	"mime"
	"regexp"
	"strings"
	"unicode/utf8"
)

// opaqueMedia are kinds of body that hold nothing to read.
var opaqueMedia = regexp.MustCompile(`^(?:image/(?:[^s]|s[^v])|font/|audio/|video/|application/(?:font|x-font|octet-stream|zip|gzip|x-gzip|pdf|wasm|vnd\.ms-fontobject|x-protobuf|grpc))`)

// readableBody is a body as text: one that is not text is told by its size and kind.
func readableBody(body []byte, contentType string) string {
	if len(body) == 0 {
		return ""
	}
	media, _, err := mime.ParseMediaType(contentType)
	if err != nil {
		media, _, _ = strings.Cut(strings.ToLower(contentType), ";")
		media = strings.TrimSpace(media)
	}
	if opaqueMedia.MatchString(media) || looksBinary(body) {
		if media == "" {
			media = "binary data"
		}
		return fmt.Sprintf("[%s bytes of %s]", Thousands(len(body)), Clean(firstBytes(media, 100)))
	}
	text, _ := validText(body)
	return string(text)
}

// looksBinary: a NUL, or much that is not UTF-8, at the beginning.
func looksBinary(body []byte) bool {
	head := body[:min(len(body), 4096)]
	if bytes.IndexByte(head, 0) >= 0 {
		return true
	}
	bad := 0
	for rest := head; len(rest) > 0; {
		r, size := utf8.DecodeRune(rest)
		if r == utf8.RuneError && size == 1 {
			bad++
		}
		rest = rest[size:]
	}
	return bad > len(head)/10+3
}

var typeField = regexp.MustCompile(`(?im)^content-type:[ \t]*([^\r\n]*)`)

// readableMessage is a raw HTTP message as text, its head as it is.
func readableMessage(raw []byte) string {
	head, bodyStart := splitHead(raw)
	contentType := ""
	if m := typeField.FindSubmatch(head); m != nil {
		contentType = string(m[1])
	}
	text, _ := validText(raw[:bodyStart])
	return string(text) + readableBody(raw[bodyStart:], contentType)
}

// decodeBase64 decodes text that may be wrapped, unpadded or cut.
func decodeBase64(text string) ([]byte, error) {
	compact := strings.Map(func(r rune) rune {
		switch r {
		case ' ', '\t', '\r', '\n', '=':
			return -1
		case '-':
			return '+'
		case '_':
			return '/'
		}
		return r
	}, text)
	if len(compact)%4 == 1 {
		compact = compact[:len(compact)-1] // cut within its last byte
	}
	return base64.RawStdEncoding.DecodeString(compact)
}

// joinMessage puts a message together from its head and its body. The head's lines may
// be indented, by a formatter of the report; a header line never is.
func joinMessage(head, body string) string {
	end := "\n"
	if strings.Contains(head, "\r\n") {
		end = "\r\n"
	}
	if head = strings.Trim(head, "\r\n\t "); head == "" {
		return body
	}
	var b strings.Builder
	for line := range strings.Lines(head) {
		b.WriteString(strings.TrimLeft(line, " \t"))
	}
	return b.String() + end + end + readableMessageBody(head, body)
}

func readableMessageBody(head, body string) string {
	contentType := ""
	if m := typeField.FindStringSubmatch(head); m != nil {
		contentType = m[1]
	}
	return readableBody([]byte(body), contentType)
}
