package tokenizer

import (
	"slices"
	"unicode/utf8"
)

// addedToken is an entry of added_tokens in tokenizer.json.
type addedToken struct {
	ID         int32  `json:"id"`
	Content    string `json:"content"`
	SingleWord bool   `json:"single_word"`
	LStrip     bool   `json:"lstrip"`
	RStrip     bool   `json:"rstrip"`
	Normalized bool   `json:"normalized"`
	Special    bool   `json:"special"`
}

// trie finds the longest added token at a position.
type trie struct {
	nodes []trieNode
	first [256]bool // bytes that some token starts with
}

type trieNode struct {
	next  map[byte]int32
	token *addedToken // nil where no token ends
}

// newTrie indexes tokens under their keys (the content, normalized where that matters).
// The first of two equal keys wins.
func newTrie(keys []string, tokens []*addedToken) *trie {
	t := &trie{nodes: make([]trieNode, 1)}
	for i, key := range keys {
		if key == "" {
			continue
		}
		t.first[key[0]] = true
		at := int32(0)
		for k := range len(key) {
			next, ok := t.nodes[at].next[key[k]]
			if !ok {
				next = int32(len(t.nodes))
				if t.nodes[at].next == nil {
					t.nodes[at].next = map[byte]int32{}
				}
				t.nodes[at].next[key[k]] = next
				t.nodes = append(t.nodes, trieNode{})
			}
			at = next
		}
		if t.nodes[at].token == nil {
			t.nodes[at].token = tokens[i]
		}
	}
	return t
}

// longest gives the longest token that starts at text[at] and that accept takes, and
// where it ends.
func (t *trie) longest(text string, at int, accept func(*addedToken, int, int) bool) (*addedToken, int) {
	var tok *addedToken
	end, node := at, int32(0)
	for i := at; i < len(text); i++ {
		next, ok := t.nodes[node].next[text[i]]
		if !ok {
			break
		}
		node = next
		if found := t.nodes[node].token; found != nil && accept(found, at, i+1) {
			tok, end = found, i+1
		}
	}
	return tok, end
}

// trust says where added tokens may be recognised.
type trust struct {
	// literal refuses all special tokens.
	literal bool
	// control says, where segments are given, which tokens need trusted text.
	control func(*addedToken) bool
	// untrusted holds the ranges of the source without trust, ascending.
	untrusted [][2]int
}

// allows tells whether the token may be recognised at source bytes [start, end).
func (t *trust) allows(tok *addedToken, start, end int) bool {
	if t.control == nil || !t.control(tok) {
		return true
	}
	i, _ := slices.BinarySearchFunc(t.untrusted, start, func(r [2]int, at int) int {
		if r[1] <= at {
			return -1
		}
		return 1
	})
	return i >= len(t.untrusted) || t.untrusted[i][0] >= end
}

// split cuts a piece at the added tokens of the trie (AddedVocabulary::find_matches).
func (t *trie) split(dst []piece, p piece, src string, allow *trust) []piece {
	text, from := p.text, 0
	accept := func(tok *addedToken, i, j int) bool {
		o := p.offsets(src, i, j)
		return allow.allows(tok, o[0], o[1])
	}
	for i := 0; i < len(text); {
		if !t.first[text[i]] {
			i++
			continue
		}
		tok, end := t.longest(text, i, accept)
		if tok == nil {
			i++
			continue
		}
		start := i
		i = end
		if allow.literal && tok.Special || tok.SingleWord && !standsAlone(text, start, end) {
			continue
		}
		if tok.LStrip {
			start = max(spaceSuffix(text[:start]), from)
		}
		if tok.RStrip {
			end += spacePrefix(text[end:])
		}
		if from < start {
			dst = append(dst, p.slice(from, start))
		}
		q := p.slice(start, end)
		q.token = tok.ID
		dst = append(dst, q)
		from, i = end, end
	}
	if from < len(text) {
		dst = append(dst, p.slice(from, len(text)))
	}
	return dst
}

// standsAlone tells whether no word character touches text[i:j].
func standsAlone(text string, i, j int) bool {
	before, _ := utf8.DecodeLastRuneInString(text[:i])
	after, _ := utf8.DecodeRuneInString(text[j:])
	return (i == 0 || !isWord(before)) && (j == len(text) || !isWord(after))
}
