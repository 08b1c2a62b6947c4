package finding

import (
	"bytes"
	"strings"
)

const (
	outlineDepth = 5    // containers within one another whose keys are listed
	outlineKeys  = 4096 // more tell nothing
	outlineKey   = 64   // bytes of a key
)

// outline lists the keys in the beginning of a JSON document as paths, ".log.entries"
// or "[].info.name", and its arrays, ".runs[]". The document may be cut anywhere, or
// be several one after another: it is scanned, not parsed.
func outline(head []byte) map[string]bool {
	paths := map[string]bool{}
	type container struct {
		object bool
		base   int // length of its path
	}
	var stack []container
	var path []byte
	deeper := 0 // containers below outlineDepth
	isKey := false
	record := func() {
		if len(paths) < outlineKeys {
			paths[string(path)] = true
		}
	}
	for i := 0; i < len(head); i++ {
		switch c := head[i]; c {
		case '{', '[':
			if len(stack) == outlineDepth || deeper > 0 {
				deeper++
				continue
			}
			if c == '[' {
				path = append(path, "[]"...)
				record()
			}
			stack = append(stack, container{c == '{', len(path)})
			isKey = c == '{'
		case '}', ']':
			if deeper > 0 {
				deeper--
				continue
			}
			if len(stack) > 0 {
				stack = stack[:len(stack)-1]
			}
			path = path[:0]
			if len(stack) > 0 {
				path = path[:stack[len(stack)-1].base]
			}
		case ',':
			isKey = len(stack) > 0 && stack[len(stack)-1].object
		case ':':
			isKey = false
		case '"':
			end := stringEnd(head, i)
			if isKey && deeper == 0 && len(stack) > 0 && end <= len(head) && end-i-2 <= outlineKey {
				path = append(path[:stack[len(stack)-1].base], '.')
				path = append(path, head[i+1:end-1]...)
				record()
			}
			i = end - 1
		}
	}
	return paths
}

// stringEnd is skipString for text that may be cut: then it is past the end.
func stringEnd(head []byte, i int) int {
	for i++; i < len(head) && head[i] != '"'; i++ {
		if head[i] == '\\' {
			i++
		}
	}
	return i + 1
}

// hasAny says whether any of the paths is there.
func hasAny(outline map[string]bool, paths ...string) bool {
	for _, path := range paths {
		if outline[path] {
			return true
		}
	}
	return false
}

// sniffKeys makes the sniff of a JSON format: one of these paths is its own.
func sniffKeys(paths ...string) func(head []byte) bool {
	return func(head []byte) bool { return looksLikeJSON(head) && hasAny(outline(head), paths...) }
}

// looksLikeJSON: begins as an object or an array.
func looksLikeJSON(head []byte) bool {
	i := skipSpace(head, 0)
	return i < len(head) && (head[i] == '{' || head[i] == '[')
}

// xmlRoot finds the name of an XML document's root element, and its start tag, or "".
// Where the document type is longer than head, its name is the root's.
func xmlRoot(head []byte) (name, tag string) {
	rest := bytes.TrimSpace(head)
	for {
		switch {
		case !bytes.HasPrefix(rest, []byte("<")):
			return "", ""
		case bytes.HasPrefix(rest, []byte("<?")):
			rest = after(rest, "?>")
		case bytes.HasPrefix(rest, []byte("<!--")):
			rest = after(rest, "-->")
		case bytes.HasPrefix(rest, []byte("<!DOCTYPE")):
			declared, body := doctype(rest)
			if len(body) == 0 {
				return declared, ""
			}
			rest = body
		default:
			end := bytes.IndexByte(rest, '>')
			if end < 0 {
				end = len(rest)
			}
			tag = strings.TrimSuffix(string(rest[1:end]), "/")
			if fields := strings.Fields(tag); len(fields) > 0 {
				name = fields[0]
			}
			return name, tag
		}
		rest = bytes.TrimSpace(rest)
	}
}

func after(text []byte, mark string) []byte {
	_, rest, _ := bytes.Cut(text, []byte(mark))
	return rest
}

// doctype gives the declared root's name and what follows the declaration, if that is
// in the text: past its internal subset, whose quoted texts may hold any character.
func doctype(text []byte) (name string, rest []byte) {
	if fields := bytes.Fields(text[len("<!DOCTYPE"):]); len(fields) > 0 {
		name = string(bytes.TrimRight(fields[0], "[>"))
	}
	depth, quote := 0, byte(0)
	for i, c := range text {
		switch {
		case quote != 0:
			if c == quote {
				quote = 0
			}
		case c == '"' || c == '\'':
			quote = c
		case c == '<':
			depth++
		case c == '>':
			if depth--; depth == 0 {
				return name, text[i+1:]
			}
		}
	}
	return name, nil
}
