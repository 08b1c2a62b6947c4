package tokenizer

import (
	"encoding/binary"
	"encoding/json"
	"fmt"
	"strings"
	"unicode/utf8"

	"github.com/rivo/uniseg"
)

// charsMap is SentencePiece's precompiled_charsmap: a double-array trie (Darts-clone) of
// character sequences, whose values point at NUL-terminated replacements.
type charsMap struct {
	units []uint32
	text  string
}

func readPrecompiled(where string, c *component) (normalizer, error) {
	var file struct {
		Map []byte `json:"precompiled_charsmap"` // base64 in the file
	}
	if err := json.Unmarshal(c.raw, &file); err != nil {
		return nil, fmt.Errorf("%s: Precompiled: %w", where, err)
	}
	if len(file.Map) == 0 {
		return func(*piece) error { return nil }, nil
	}
	if len(file.Map) < 4 {
		return nil, fmt.Errorf("%s: Precompiled: precompiled_charsmap has %d bytes (expected a 4-byte length and a trie)", where, len(file.Map))
	}
	size := int(binary.LittleEndian.Uint32(file.Map))
	rest := file.Map[4:]
	if size > len(rest) || size < 4 {
		return nil, fmt.Errorf("%s: Precompiled: the trie's length is %d, but %d bytes follow", where, size, len(rest))
	}
	m := &charsMap{text: string(rest[size/4*4:])}
	for i := 0; i+4 <= size; i += 4 {
		m.units = append(m.units, binary.LittleEndian.Uint32(rest[i:]))
	}
	return m.normalize, nil
}

// normalize replaces grapheme clusters of up to five bytes as a whole, and otherwise
// character by character, as the library does.
func (m *charsMap) normalize(p *piece) error {
	dest := make([]change, 0, len(p.text))
	modified := false
	for state, rest := -1, p.text; rest != ""; {
		var cluster string
		cluster, rest, _, state = uniseg.FirstGraphemeClusterInString(rest, state)
		if len(cluster) < 6 {
			if to, ok := m.lookup(cluster); ok {
				dest, modified = appendReplaced(dest, cluster, to), true
				continue
			}
		}
		for _, r := range cluster {
			from := string(r)
			if to, ok := m.lookup(from); ok {
				dest, modified = appendReplaced(dest, from, to), true
			} else {
				dest = append(dest, change{r: r})
			}
		}
	}
	if modified {
		p.transform(dest, 0)
	}
	return nil
}

// appendReplaced appends to instead of from: extra characters are insertions, missing
// ones are taken from the character before.
func appendReplaced(dest []change, from, to string) []change {
	for _, r := range to {
		dest = append(dest, change{r: r})
	}
	diff := utf8.RuneCountInString(to) - utf8.RuneCountInString(from)
	for i := len(dest) - 1; diff > 0 && i >= 0; i-- {
		dest[i].delta = 1
		diff--
	}
	if diff < 0 && len(dest) > 0 {
		dest[len(dest)-1].delta += diff
	}
	return dest
}

// lookup gives the replacement of the shortest prefix of key that the trie holds.
func (m *charsMap) lookup(key string) (string, bool) {
	at := uint32(0)
	unit, ok := m.unit(at)
	if !ok {
		return "", false
	}
	at ^= unitOffset(unit)
	for i := range len(key) {
		if key[i] == 0 {
			break
		}
		at ^= uint32(key[i])
		if unit, ok = m.unit(at); !ok || unit&(1<<31|0xFF) != uint32(key[i]) {
			return "", false
		}
		at ^= unitOffset(unit)
		if unit>>8&1 == 1 {
			leaf, ok := m.unit(at)
			value := int(leaf & (1<<31 - 1))
			if !ok || value > len(m.text) {
				return "", false
			}
			to, _, _ := strings.Cut(m.text[value:], "\x00")
			return to, true
		}
	}
	return "", false
}

func (m *charsMap) unit(at uint32) (uint32, bool) {
	if int(at) >= len(m.units) {
		return 0, false
	}
	return m.units[at], true
}

func unitOffset(unit uint32) uint32 { return (unit >> 10) << ((unit & (1 << 9)) >> 6) }
