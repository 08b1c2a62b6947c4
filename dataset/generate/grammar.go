package generate

import (
	"crypto/sha256"
	"encoding/binary"
	"fmt"
	"math/rand/v2"
	"strconv"
	"strings"
)

// gen is the source of everything drawn for one pair.
type gen struct {
	*rand.Rand
	values map[string]string // of the template's slots, so that one text is one thing in request and response
	keys   map[string]int    // names given to members of the body, so that none comes twice
}

// newGen seeds a generator from what a pair depends on. The hash keeps the streams of neighbouring pairs apart.
func newGen(seed uint64, kind string, k int) *gen {
	h := sha256.Sum256(fmt.Appendf(nil, "janus generate\x00%d\x00%s\x00%d", seed, kind, k))
	return &gen{
		Rand:   rand.New(rand.NewPCG(binary.LittleEndian.Uint64(h[:8]), binary.LittleEndian.Uint64(h[8:16]))),
		values: map[string]string{},
		keys:   map[string]int{},
	}
}

func (g *gen) pick(list ...string) string { return list[g.IntN(len(list))] }

func (g *gen) chance(p float64) bool { return g.Float64() < p }

// between is a number from lo to hi, both included.
func (g *gen) between(lo, hi int) int { return lo + g.IntN(hi-lo+1) }

// unique is a name that no other member of the body has been given.
func (g *gen) unique(key string) string {
	g.keys[key]++
	if n := g.keys[key]; n > 1 {
		return key + "_" + strconv.Itoa(n)
	}
	return key
}

// some is a random part of a list, in the list's order, each entry with probability p.
func (g *gen) some(p float64, list ...string) []string {
	var out []string
	for _, s := range list {
		if g.chance(p) {
			out = append(out, s)
		}
	}
	return out
}

// say draws a text from a small grammar: [a|b|c] is one of its parts, which may have brackets of their own, and {name} is
// the value that follows that name in with. Values are put in last, so that nothing in them is read as grammar.
func (g *gen) say(text string, with ...string) string {
	return substitute(g.choose(text), with)
}

// substitute puts values in for {name}; with is names and values in turn.
func substitute(text string, with []string) string {
	pairs := make([]string, len(with))
	for i := 0; i < len(with); i += 2 {
		pairs[i], pairs[i+1] = "{"+with[i]+"}", with[i+1]
	}
	return strings.NewReplacer(pairs...).Replace(text)
}

// choose resolves the innermost brackets until there are none.
func (g *gen) choose(text string) string {
	for {
		end := strings.IndexByte(text, ']')
		if end < 0 {
			return text
		}
		start := strings.LastIndexByte(text[:end], '[')
		if start < 0 {
			return text
		}
		text = text[:start] + g.pick(strings.Split(text[start+1:end], "|")...) + text[end+1:]
	}
}

const (
	lowerHex = "0123456789abcdef"
	alnum    = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789"
	upperNum = "ABCDEFGHIJKLMNOPQRSTUVWXYZ234567"
)

// chars draws n characters of an alphabet.
func (g *gen) chars(alphabet string, n int) string {
	b := make([]byte, n)
	for i := range b {
		b[i] = alphabet[g.IntN(len(alphabet))]
	}
	return string(b)
}

func (g *gen) hex(n int) string { return g.chars(lowerHex, n) }

// digits is a number of n digits that does not begin with 0.
func (g *gen) digits(n int) string {
	return string('1'+byte(g.IntN(9))) + g.chars("0123456789", n-1)
}

func (g *gen) uuid() string {
	h := g.hex(30)
	return h[:8] + "-" + h[8:12] + "-4" + h[12:15] + "-" + g.pick("8", "9", "a", "b") + h[15:18] + "-" + h[18:30]
}

// date is a day of the years around 2024, as ISO 8601 writes it.
func (g *gen) date() string {
	return fmt.Sprintf("20%02d-%02d-%02d", g.between(19, 26), g.between(1, 12), g.between(1, 28))
}

func (g *gen) clock() string {
	return fmt.Sprintf("%02d:%02d:%02d", g.IntN(24), g.IntN(60), g.IntN(60))
}

// publicIP is an address of the blocks that RFC 5737 keeps for examples; privateIP one of RFC 1918's.
func (g *gen) publicIP() string {
	return g.pick("192.0.2.", "198.51.100.", "203.0.113.") + strconv.Itoa(g.between(2, 254))
}

func (g *gen) privateIP() string {
	last := strconv.Itoa(g.between(2, 254))
	switch g.IntN(3) {
	case 0:
		return fmt.Sprintf("10.%d.%d.%s", g.IntN(256), g.IntN(256), last)
	case 1:
		return fmt.Sprintf("172.%d.%d.%s", g.between(16, 31), g.IntN(256), last)
	default:
		return fmt.Sprintf("192.168.%d.%s", g.IntN(256), last)
	}
}
