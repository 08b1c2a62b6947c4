package tokenizer

import (
	"encoding/json"
	"fmt"
	"math"
	"slices"
	"unicode/utf8"
)

// unkPenalty is what an unknown character costs below the rarest token (SentencePiece's
// kUnkPenalty).
const unkPenalty = 10.0

// unigram finds the most probable segmentation (Kudo 2018).
type unigram struct {
	ids      map[string]int32
	scores   []float64
	min      float64
	unk      int32 // noToken without one
	fallback bool
	bytes    [256]int32
	root     *pieceNode
}

// pieceNode is a node of the trie over the pieces' bytes.
type pieceNode struct {
	next map[byte]*pieceNode
	id   int32
}

func readUnigram(data json.RawMessage) (*unigram, error) {
	var file struct {
		UnkID        *int32              `json:"unk_id"`
		Vocab        [][]json.RawMessage `json:"vocab"`
		ByteFallback bool                `json:"byte_fallback"`
	}
	if err := json.Unmarshal(data, &file); err != nil {
		return nil, fmt.Errorf("model: Unigram: %w", err)
	}
	m := &unigram{ids: make(map[string]int32, len(file.Vocab)), min: math.Inf(1), unk: noToken,
		fallback: file.ByteFallback, root: &pieceNode{id: noToken}}
	for i, entry := range file.Vocab {
		var text string
		var score float64
		if len(entry) != 2 || json.Unmarshal(entry[0], &text) != nil || json.Unmarshal(entry[1], &score) != nil {
			return nil, fmt.Errorf("model: Unigram: vocab[%d]: expected [piece, score]", i)
		}
		m.ids[text] = int32(i)
		m.scores = append(m.scores, score)
		m.min = min(m.min, score)
		m.insert(text, int32(i))
	}
	if file.UnkID != nil {
		if *file.UnkID < 0 || int(*file.UnkID) >= len(m.scores) {
			return nil, fmt.Errorf("model: Unigram: unk_id %d is outside the vocabulary of %d", *file.UnkID, len(m.scores))
		}
		m.unk = *file.UnkID
	}
	for b := range m.bytes {
		m.bytes[b] = noToken
		if id, ok := m.ids[fmt.Sprintf("<0x%02X>", b)]; ok {
			m.bytes[b] = id
		}
	}
	return m, nil
}

func (m *unigram) insert(text string, id int32) {
	node := m.root
	for i := range len(text) {
		next := node.next[text[i]]
		if next == nil {
			next = &pieceNode{id: noToken}
			if node.next == nil {
				node.next = map[byte]*pieceNode{}
			}
			node.next[text[i]] = next
		}
		node = next
	}
	node.id = id
}

func (m *unigram) vocabulary() map[string]int32 { return m.ids }

// best is the best path that ends at a byte of the word.
type best struct {
	score float64
	from  int32 // -1 while no path is known
	id    int32
}

// tokenize runs Viterbi over the bytes of the word (Unigram::encode_optimized).
func (m *unigram) tokenize(word string) ([]token, error) {
	paths := make([]best, len(word)+1)
	for i := range paths {
		paths[i].from = -1
	}
	improve := func(at, from int, score float64, id int32) {
		if p := &paths[at]; p.from < 0 || score > p.score {
			*p = best{score, int32(from), id}
		}
	}
	for i := 0; i < len(word); {
		_, size := utf8.DecodeRuneInString(word[i:])
		single := false
		node := m.root
		for k := i; k < len(word); k++ {
			if node = node.next[word[k]]; node == nil {
				break
			}
			if node.id != noToken {
				improve(k+1, i, m.scores[node.id]+paths[i].score, node.id)
				single = single || k+1-i == size
			}
		}
		if !single {
			if m.unk == noToken && paths[i+size].from < 0 {
				return nil, fmt.Errorf("model: Unigram: %q has no token and the file gives no unk_id", word[i:i+size])
			}
			improve(i+size, i, m.min-unkPenalty+paths[i].score, m.unk)
		}
		i += size
	}
	var tokens []token
	for end := int32(len(word)); end > 0; {
		p := paths[end]
		last := len(tokens) - 1
		// Neighbouring unknown characters become one token.
		if p.id == m.unk && last >= 0 && tokens[last].id == m.unk {
			tokens[last].start = p.from
		} else {
			tokens = append(tokens, token{p.id, p.from, end})
		}
		end = p.from
	}
	slices.Reverse(tokens)
	return m.spellUnknown(word, tokens), nil
}

// spellUnknown writes unknown tokens in byte tokens where the model has them; each covers
// the whole unknown text, as in the library.
func (m *unigram) spellUnknown(word string, tokens []token) []token {
	var out []token
	for i, t := range tokens {
		text := word[t.start:t.end]
		id, known := m.ids[text]
		if known {
			t.id = id
		}
		if t.id != m.unk || known || !m.fallback || !m.hasBytes(text) {
			if out != nil {
				out = append(out, t)
			}
			continue
		}
		if out == nil {
			out = append(make([]token, 0, len(tokens)+len(text)), tokens[:i]...)
		}
		for k := range len(text) {
			out = append(out, token{m.bytes[text[k]], t.start, t.end})
		}
	}
	if out == nil {
		return tokens
	}
	return out
}

func (m *unigram) hasBytes(s string) bool {
	for k := range len(s) {
		if m.bytes[s[k]] == noToken {
			return false
		}
	}
	return true
}
