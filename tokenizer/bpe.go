package tokenizer

import (
	"encoding/json"
	"fmt"
	"strings"
	"unicode/utf8"
)

// bpe is byte pair encoding (Sennrich et al. 2016): characters are merged pair by pair in
// the order of the merge list.
type bpe struct {
	vocab    map[string]int32
	merges   map[uint64]mergeRule
	unk      int32 // noToken without one
	fuseUnk  bool
	bytes    [256]int32 // byte_fallback tokens, noToken where missing
	fallback bool
	whole    bool // ignore_merges: a word in the vocabulary is taken whole
	prefix   string
	suffix   string
}

// mergeRule is a line of the merge list: a lower rank goes first.
type mergeRule struct{ rank, id int32 }

func pairKey(a, b int32) uint64 { return uint64(uint32(a))<<32 | uint64(uint32(b)) }

// readBPE reads a BPE model. Merges are "a b" strings or [a, b] arrays.
func readBPE(data json.RawMessage) (*bpe, error) {
	var file struct {
		Vocab        map[string]int32 `json:"vocab"`
		Merges       json.RawMessage  `json:"merges"`
		Unk          *string          `json:"unk_token"`
		Prefix       *string          `json:"continuing_subword_prefix"`
		Suffix       *string          `json:"end_of_word_suffix"`
		FuseUnk      bool             `json:"fuse_unk"`
		ByteFallback bool             `json:"byte_fallback"`
		IgnoreMerges bool             `json:"ignore_merges"`
		Dropout      *float64         `json:"dropout"`
	}
	if err := json.Unmarshal(data, &file); err != nil {
		return nil, fmt.Errorf("model: BPE: %w", err)
	}
	if file.Dropout != nil && *file.Dropout != 0 {
		return nil, fmt.Errorf("model: BPE: dropout is %g, which would make encoding random (expected null or 0)", *file.Dropout)
	}
	if err := checkIDs(file.Vocab); err != nil {
		return nil, err
	}
	m := &bpe{vocab: file.Vocab, unk: noToken, fuseUnk: file.FuseUnk, fallback: file.ByteFallback, whole: file.IgnoreMerges}
	if file.Prefix != nil {
		m.prefix = *file.Prefix
	}
	if file.Suffix != nil {
		m.suffix = *file.Suffix
	}
	if file.Unk != nil {
		id, ok := m.vocab[*file.Unk]
		if !ok {
			return nil, fmt.Errorf("model: BPE: unk_token %q is not in the vocabulary", *file.Unk)
		}
		m.unk = id
	}
	for b := range m.bytes {
		m.bytes[b] = noToken
		if id, ok := m.vocab[fmt.Sprintf("<0x%02X>", b)]; ok {
			m.bytes[b] = id
		}
	}
	return m, m.readMerges(file.Merges)
}

// readMerges fills merges from either spelling of the list.
func (m *bpe) readMerges(data json.RawMessage) error {
	var pairs [][2]string
	var lines []string
	if err := json.Unmarshal(data, &lines); err == nil {
		for i, line := range lines {
			if strings.HasPrefix(line, "#version") {
				continue
			}
			a, b, ok := strings.Cut(line, " ")
			if !ok || strings.Contains(b, " ") {
				return fmt.Errorf("model: BPE: merges[%d]: %q is not two tokens with a space between", i, line)
			}
			pairs = append(pairs, [2]string{a, b})
		}
	} else if err := json.Unmarshal(data, &pairs); err != nil {
		return fmt.Errorf("model: BPE: merges: expected strings \"a b\" or arrays [a, b]: %w", err)
	}
	m.merges = make(map[uint64]mergeRule, len(pairs))
	for rank, pair := range pairs {
		a, okA := m.vocab[pair[0]]
		b, okB := m.vocab[pair[1]]
		if !okA || !okB || len(pair[1]) < len(m.prefix) {
			return fmt.Errorf("model: BPE: merges[%d]: %q and %q are not both in the vocabulary", rank, pair[0], pair[1])
		}
		id, ok := m.vocab[pair[0]+pair[1][len(m.prefix):]]
		if !ok {
			return fmt.Errorf("model: BPE: merges[%d]: the result of %q + %q is not in the vocabulary", rank, pair[0], pair[1])
		}
		m.merges[pairKey(a, b)] = mergeRule{int32(rank), id}
	}
	return nil
}

func (m *bpe) vocabulary() map[string]int32 { return m.vocab }

// tokenize cuts one word.
func (m *bpe) tokenize(word string) ([]token, error) {
	if m.whole {
		if id, ok := m.vocab[word]; ok {
			return []token{{id, 0, int32(len(word))}}, nil
		}
	}
	symbols := m.symbols(word)
	m.merge(symbols)
	tokens := make([]token, 0, len(symbols))
	at := int32(0)
	for _, s := range symbols {
		if s.size == 0 {
			continue
		}
		tokens = append(tokens, token{s.id, at, at + s.size})
		at += s.size
	}
	return tokens, nil
}

// symbol is a node of the doubly linked list that merging works on; size is its length in
// bytes, 0 once it has been merged into its left neighbour.
type symbol struct{ id, prev, next, size int32 }

// symbols spells a word in single characters. A character without a token becomes its
// byte tokens, else the unknown token, else nothing.
func (m *bpe) symbols(word string) []symbol {
	list := make([]symbol, 0, len(word))
	add := func(id, size int32) {
		n := int32(len(list))
		if n > 0 {
			list[n-1].next = n
		}
		list = append(list, symbol{id, n - 1, -1, size})
	}
	unk := int32(0) // bytes of a pending unknown token
	flush := func() {
		if unk > 0 {
			add(m.unk, unk)
			unk = 0
		}
	}
	for i := 0; i < len(word); {
		_, n := utf8.DecodeRuneInString(word[i:])
		s := word[i : i+n]
		if i > 0 && m.prefix != "" {
			s = m.prefix + s
		}
		if i+n == len(word) && m.suffix != "" {
			s += m.suffix
		}
		i += n
		if id, ok := m.vocab[s]; ok {
			flush()
			add(id, int32(n))
			continue
		}
		if m.fallback && m.hasBytes(s) {
			// As in the library, a pending unknown token stays pending here.
			for k := range len(s) {
				add(m.bytes[s[k]], 1)
			}
			continue
		}
		if m.unk != noToken {
			if !m.fuseUnk {
				flush()
			}
			unk += int32(n)
		}
	}
	flush()
	return list
}

// hasBytes tells whether every byte of s has a byte_fallback token.
func (m *bpe) hasBytes(s string) bool {
	for k := range len(s) {
		if m.bytes[s[k]] == noToken {
			return false
		}
	}
	return true
}

// candidate is a possible merge: of the symbol at pos with the one after it.
type candidate struct{ rank, pos, id int32 }

func (a candidate) before(b candidate) bool {
	return a.rank < b.rank || a.rank == b.rank && a.pos < b.pos
}

// merge applies the merge list with a heap of candidates, lowest rank and then leftmost
// first: O(n log n) for a word of n characters (Word::merge_all).
func (m *bpe) merge(list []symbol) {
	if len(list) < 2 {
		return
	}
	heap := make(mergeHeap, 0, len(list))
	for i := range len(list) - 1 {
		if rule, ok := m.merges[pairKey(list[i].id, list[i+1].id)]; ok {
			heap = append(heap, candidate{rule.rank, int32(i), rule.id})
		}
	}
	heap.init()
	for len(heap) > 0 {
		top := heap.pop()
		left := &list[top.pos]
		if left.size == 0 || left.next < 0 {
			continue
		}
		right := &list[left.next]
		// The pair may have changed since the candidate was found.
		if rule, ok := m.merges[pairKey(left.id, right.id)]; !ok || rule.id != top.id {
			continue
		}
		left.id, left.size, left.next = top.id, left.size+right.size, right.next
		right.size = 0
		if right.next >= 0 {
			list[right.next].prev = top.pos
			if rule, ok := m.merges[pairKey(left.id, list[right.next].id)]; ok {
				heap.push(candidate{rule.rank, top.pos, rule.id})
			}
		}
		if left.prev >= 0 {
			if rule, ok := m.merges[pairKey(list[left.prev].id, left.id)]; ok {
				heap.push(candidate{rule.rank, left.prev, rule.id})
			}
		}
	}
}

// mergeHeap is a binary min-heap. container/heap would box every candidate.
type mergeHeap []candidate

func (h mergeHeap) init() {
	for i := len(h)/2 - 1; i >= 0; i-- {
		h.down(i)
	}
}

func (h *mergeHeap) push(c candidate) {
	*h = append(*h, c)
	s := *h
	for i := len(s) - 1; i > 0; {
		parent := (i - 1) / 2
		if !s[i].before(s[parent]) {
			break
		}
		s[i], s[parent] = s[parent], s[i]
		i = parent
	}
}

func (h *mergeHeap) pop() candidate {
	s := *h
	top, last := s[0], len(s)-1
	s[0] = s[last]
	*h = s[:last]
	h.down(0)
	return top
}

func (h mergeHeap) down(i int) {
	for {
		child := 2*i + 1
		if child >= len(h) {
			return
		}
		if child+1 < len(h) && h[child+1].before(h[child]) {
			child++
		}
		if !h[child].before(h[i]) {
			return
		}
		h[i], h[child] = h[child], h[i]
		i = child
	}
}
