package tokenizer

import (
	"encoding/json"
	"fmt"
	"sync"
)

// token is one token of a word: its id and the word's bytes that it covers.
type token struct {
	id         int32
	start, end int32
}

// model cuts a word (one piece of the pre-tokenizer) into tokens.
type model interface {
	tokenize(word string) ([]token, error)
	// vocab gives all entries: spelling to id.
	vocabulary() map[string]int32
}

// readModel reads the "model" object of tokenizer.json.
func readModel(data json.RawMessage) (model, error) {
	kind, err := modelType(data)
	if err != nil {
		return nil, err
	}
	switch kind {
	case "BPE":
		return readBPE(data)
	case "WordPiece":
		return readWordPiece(data)
	case "WordLevel":
		return readWordLevel(data)
	case "Unigram":
		return readUnigram(data)
	}
	return nil, fmt.Errorf("model: unknown type %q (known: BPE, WordPiece, WordLevel, Unigram)", kind)
}

// modelType gives the model's type; files from before the field existed are told apart by
// their other fields, in the order in which the library tries them.
func modelType(data json.RawMessage) (string, error) {
	var probe struct {
		Type     string          `json:"type"`
		Merges   json.RawMessage `json:"merges"`
		MaxChars json.RawMessage `json:"max_input_chars_per_word"`
		UnkID    json.RawMessage `json:"unk_id"`
		Unk      json.RawMessage `json:"unk_token"`
	}
	if err := json.Unmarshal(data, &probe); err != nil {
		return "", fmt.Errorf("model: %w", err)
	}
	switch {
	case probe.Type != "":
		return probe.Type, nil
	case probe.Merges != nil:
		return "BPE", nil
	case probe.MaxChars != nil:
		return "WordPiece", nil
	case probe.UnkID != nil:
		return "Unigram", nil
	case probe.Unk != nil:
		return "WordLevel", nil
	}
	return "", fmt.Errorf("model: no type given and none can be told from its fields")
}

// maxID bounds token ids, so that a damaged file can't ask for gigabytes of table.
const maxID = 1 << 24

// checkIDs refuses ids that no real vocabulary has.
func checkIDs(vocab map[string]int32) error {
	for text, id := range vocab {
		if id < 0 || id >= maxID {
			return fmt.Errorf("model: vocab: id %d of %q is out of range (expected 0 to %d)", id, text, maxID-1)
		}
	}
	return nil
}

// cacheWords and cacheBytes bound the word cache: how many words, and how long a word may
// be to be kept.
const (
	cacheWords = 1 << 16
	cacheBytes = 256
)

// wordCache remembers the tokens of words. It starts over when it is full.
type wordCache struct {
	mu    sync.RWMutex
	words map[string][]token
}

func (c *wordCache) get(word string) ([]token, bool) {
	c.mu.RLock()
	defer c.mu.RUnlock()
	tokens, ok := c.words[word]
	return tokens, ok
}

func (c *wordCache) put(word string, tokens []token) {
	if len(word) > cacheBytes {
		return
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.words == nil || len(c.words) >= cacheWords {
		c.words = make(map[string][]token)
	}
	// The key is copied: a substring would keep the whole text alive.
	c.words[string([]byte(word))] = tokens
}
