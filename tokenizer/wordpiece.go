package tokenizer

import (
	"encoding/json"
	"fmt"
	"unicode/utf8"
)

// wordPiece takes the longest vocabulary entry again and again (BERT).
type wordPiece struct {
	vocab    map[string]int32
	unk      string
	prefix   string
	maxChars int
	longest  int // bytes of the longest entry: no longer prefix need be tried
}

func readWordPiece(data json.RawMessage) (*wordPiece, error) {
	file := struct {
		Vocab    map[string]int32 `json:"vocab"`
		Unk      string           `json:"unk_token"`
		Prefix   string           `json:"continuing_subword_prefix"`
		MaxChars int              `json:"max_input_chars_per_word"`
	}{Unk: "[UNK]", Prefix: "##", MaxChars: 100}
	if err := json.Unmarshal(data, &file); err != nil {
		return nil, fmt.Errorf("model: WordPiece: %w", err)
	}
	if err := checkIDs(file.Vocab); err != nil {
		return nil, err
	}
	m := &wordPiece{vocab: file.Vocab, unk: file.Unk, prefix: file.Prefix, maxChars: file.MaxChars}
	for entry := range m.vocab {
		m.longest = max(m.longest, len(entry))
	}
	return m, nil
}

func (m *wordPiece) vocabulary() map[string]int32 { return m.vocab }

func (m *wordPiece) tokenize(word string) ([]token, error) {
	if utf8.RuneCountInString(word) > m.maxChars {
		return m.unknown(word)
	}
	var tokens []token
	for start := 0; start < len(word); {
		id, end := m.prefixOf(word, start)
		if end == start {
			return m.unknown(word)
		}
		tokens = append(tokens, token{id, int32(start), int32(end)})
		start = end
	}
	return tokens, nil
}

// unknown gives the unknown token for a whole word. A file may lack it; that is an error
// only where it is needed, as in the library.
func (m *wordPiece) unknown(word string) ([]token, error) {
	id, ok := m.vocab[m.unk]
	if !ok {
		return nil, fmt.Errorf("model: WordPiece: %q is unknown and unk_token %q is not in the vocabulary", word, m.unk)
	}
	return []token{{id, 0, int32(len(word))}}, nil
}

// prefixOf gives the longest entry at word[start:]; end is start if there is none.
func (m *wordPiece) prefixOf(word string, start int) (id int32, end int) {
	key := make([]byte, 0, len(m.prefix)+len(word)-start)
	if start > 0 {
		key = append(key, m.prefix...)
	}
	head := len(key)
	key = append(key, word[start:]...)
	for end = len(word); end > start; {
		if n := head + end - start; n <= m.longest {
			if id, ok := m.vocab[string(key[:n])]; ok {
				return id, end
			}
		}
		_, size := utf8.DecodeLastRuneInString(word[start:end])
		end -= size
	}
	return 0, start
}

// wordLevel has one token a word.
type wordLevel struct {
	vocab map[string]int32
	unk   string
}

func readWordLevel(data json.RawMessage) (*wordLevel, error) {
	var file struct {
		Vocab map[string]int32 `json:"vocab"`
		Unk   string           `json:"unk_token"`
	}
	if err := json.Unmarshal(data, &file); err != nil {
		return nil, fmt.Errorf("model: WordLevel: %w", err)
	}
	return &wordLevel{file.Vocab, file.Unk}, checkIDs(file.Vocab)
}

func (m *wordLevel) vocabulary() map[string]int32 { return m.vocab }

func (m *wordLevel) tokenize(word string) ([]token, error) {
	id, ok := m.vocab[word]
	if !ok {
		if id, ok = m.vocab[m.unk]; !ok {
			return nil, fmt.Errorf("model: WordLevel: %q is unknown and the unknown token %q is not in the vocabulary", word, m.unk)
		}
	}
	return []token{{id, 0, int32(len(word))}}, nil
}
