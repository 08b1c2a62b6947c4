package tokenizer

import (
	"encoding/json"
	"fmt"
	"slices"
	"strings"
)

// goTokenizer is the pure-Go implementation.
type goTokenizer struct {
	model     model
	ids       map[string]int32 // added tokens by content
	added     map[int32]*addedToken
	specials  []SpecialToken
	spelling  []string // by id; "" and not in known where there is none
	known     []bool
	size      int
	raw       *trie // added tokens that are looked for before normalisation
	norm      *trie // and after
	normalize normalizer
	pre       preTokenizer
	decoder   decoder
	post      postProcessor
	cache     wordCache
}

// OpenGo reads a tokenizer.json, given by its path or its folder, in pure Go.
func OpenGo(path string) (Tokenizer, error) {
	data, file, err := readJSON(path)
	if err != nil {
		return nil, err
	}
	return parseFile(data, file)
}

func parseFile(data []byte, file string) (*goTokenizer, error) {
	t, err := parse(data)
	if err != nil {
		return nil, fmt.Errorf("tokenizer: %s: %w", file, err)
	}
	return t, nil
}

// parse reads the text of a tokenizer.json. Truncation and padding are left to the caller
// of Encode and not read.
func parse(data []byte) (*goTokenizer, error) {
	var file struct {
		Model         json.RawMessage `json:"model"`
		AddedTokens   []addedToken    `json:"added_tokens"`
		Normalizer    *component      `json:"normalizer"`
		PreTokenizer  *component      `json:"pre_tokenizer"`
		PostProcessor *component      `json:"post_processor"`
		Decoder       *component      `json:"decoder"`
	}
	if err := json.Unmarshal(data, &file); err != nil {
		return nil, fmt.Errorf("not a tokenizer.json: %w", err)
	}
	if file.Model == nil {
		return nil, fmt.Errorf("not a tokenizer.json: it has no \"model\"")
	}
	t := &goTokenizer{}
	var err error
	if t.model, err = readModel(file.Model); err != nil {
		return nil, err
	}
	if t.normalize, err = readNormalizer("normalizer", file.Normalizer); err != nil {
		return nil, err
	}
	if t.pre, err = readPreTokenizer("pre_tokenizer", file.PreTokenizer, true); err != nil {
		return nil, err
	}
	if t.decoder, err = readDecoder("decoder", file.Decoder); err != nil {
		return nil, err
	}
	if err := t.addTokens(file.AddedTokens); err != nil {
		return nil, err
	}
	t.post, err = readPostProcessor("post_processor", file.PostProcessor, t.Token)
	return t, err
}

// addTokens gives the added tokens their ids (AddedVocabulary::add_tokens: the model's
// own where it has the text, else the next free one) and indexes them.
func (t *goTokenizer) addTokens(tokens []addedToken) error {
	vocab := t.model.vocabulary()
	t.ids = make(map[string]int32, len(tokens))
	t.added = make(map[int32]*addedToken, len(tokens))
	highest := int32(len(vocab)) - 1
	for i := range tokens {
		tok := &tokens[i]
		if tok.Content == "" {
			continue
		}
		id, ok := t.ids[tok.Content]
		if !ok {
			id, ok = vocab[tok.Content]
		}
		if !ok {
			id = highest + 1
		}
		highest = max(highest, id)
		tok.ID = id
		t.ids[tok.Content] = id
		t.added[id] = tok
	}
	t.fillSpelling(vocab)

	// Special tokens are looked for first, in the order of the file.
	var rawKeys, normKeys []string
	var raw, norm []*addedToken
	for _, special := range []bool{true, false} {
		for i := range tokens {
			tok := &tokens[i]
			if tok.Content == "" || tok.Special != special {
				continue
			}
			if !tok.Normalized {
				rawKeys, raw = append(rawKeys, tok.Content), append(raw, tok)
				continue
			}
			p := piece{text: tok.Content, token: noToken}
			if t.normalize != nil {
				if err := t.normalize(&p); err != nil {
					return fmt.Errorf("added_tokens: %q: %w", tok.Content, err)
				}
			}
			normKeys, norm = append(normKeys, p.text), append(norm, tok)
		}
	}
	t.raw, t.norm = newTrie(rawKeys, raw), newTrie(normKeys, norm)
	return nil
}

// fillSpelling builds the table from ids to text.
func (t *goTokenizer) fillSpelling(vocab map[string]int32) {
	highest := int32(-1)
	for _, id := range vocab {
		highest = max(highest, id)
	}
	for id := range t.added {
		highest = max(highest, id)
	}
	t.spelling, t.known = make([]string, highest+1), make([]bool, highest+1)
	for text, id := range vocab {
		t.spelling[id], t.known[id] = text, true
	}
	t.size = len(vocab)
	for id, tok := range t.added {
		t.spelling[id], t.known[id] = tok.Content, true
		t.specials = append(t.specials, SpecialToken{id, tok.Content, tok.Special})
	}
	for text := range t.ids {
		if _, ok := vocab[text]; !ok {
			t.size++
		}
	}
	slices.SortFunc(t.specials, func(a, b SpecialToken) int { return int(a.ID) - int(b.ID) })
}

func (t *goTokenizer) Name() string                  { return NameGo }
func (t *goTokenizer) Close() error                  { return nil }
func (t *goTokenizer) VocabSize() int                { return t.size }
func (t *goTokenizer) SpecialTokens() []SpecialToken { return slices.Clone(t.specials) }

func (t *goTokenizer) TokenID(piece string) (int32, bool) {
	id, ok := t.ids[piece]
	if !ok {
		id, ok = t.model.vocabulary()[piece]
	}
	return id, ok
}

func (t *goTokenizer) Token(id int32) (string, bool) {
	if id < 0 || int(id) >= len(t.known) || !t.known[id] {
		return "", false
	}
	return t.spelling[id], true
}

func (t *goTokenizer) Encode(text string, opts EncodeOptions) (Encoding, error) {
	return t.encodeAll([]string{text}, opts)
}

func (t *goTokenizer) EncodePair(a, b string, opts EncodeOptions) (Encoding, error) {
	return t.encodeAll([]string{a, b}, opts)
}

func (t *goTokenizer) encodeAll(texts []string, opts EncodeOptions) (Encoding, error) {
	encodings := make([]Encoding, len(texts))
	for k, text := range texts {
		e, err := t.encode(ValidUTF8(text), &trust{literal: opts.LiteralSpecials})
		if err != nil {
			return Encoding{}, err
		}
		setTypes(&e, int32(k))
		encodings[k] = e
	}
	return t.join(encodings, opts.AddSpecial)
}

// join runs the post-processor, which makes one encoding of one or two.
func (t *goTokenizer) join(encodings []Encoding, addSpecial bool) (Encoding, error) {
	if t.post != nil {
		var err error
		if encodings, err = t.post(encodings, addSpecial); err != nil {
			return Encoding{}, fmt.Errorf("tokenizer: %w", err)
		}
	}
	out := encodings[0]
	for _, e := range encodings[1:] {
		out.append(e)
	}
	return out, nil
}

// encode runs the pipeline without post-processing on a valid UTF-8 text.
func (t *goTokenizer) encode(text string, allow *trust) (Encoding, error) {
	words, err := t.words(text, allow)
	if err != nil {
		return Encoding{}, fmt.Errorf("tokenizer: %w", err)
	}
	e := Encoding{IDs: make([]int32, 0, len(words)), Offsets: make([][2]int, 0, len(words))}
	for i := range words {
		w := &words[i]
		if w.token != noToken {
			if text, _ := t.Token(w.token); text != w.text {
				e.setSurface(len(e.IDs), w.text)
			}
			e.IDs = append(e.IDs, w.token)
			e.Offsets = append(e.Offsets, w.offsets(text, 0, len(w.text)))
			continue
		}
		tokens, err := t.word(w)
		if err != nil {
			return Encoding{}, fmt.Errorf("tokenizer: %w", err)
		}
		for _, tok := range tokens {
			e.IDs = append(e.IDs, tok.id)
			e.Offsets = append(e.Offsets, w.offsets(text, int(tok.start), int(tok.end)))
		}
	}
	e.TypeIDs = make([]int32, len(e.IDs))
	return e, nil
}

// words cuts a text into added tokens and words.
func (t *goTokenizer) words(text string, allow *trust) ([]piece, error) {
	pieces, err := t.addedPieces(text, allow)
	if err != nil || t.pre == nil {
		return pieces, err
	}
	var words []piece
	for _, p := range pieces {
		if p.token != noToken {
			words = append(words, p)
			continue
		}
		if words, err = t.pre(words, p); err != nil {
			return nil, err
		}
	}
	return words, nil
}

// addedPieces cuts a text into added tokens and the normalized text between them.
func (t *goTokenizer) addedPieces(text string, allow *trust) ([]piece, error) {
	if text == "" {
		return nil, nil
	}
	var pieces []piece
	for _, p := range t.raw.split(nil, piece{text: text, token: noToken}, text, allow) {
		if p.token != noToken {
			pieces = append(pieces, p)
			continue
		}
		if t.normalize != nil {
			if err := t.normalize(&p); err != nil {
				return nil, err
			}
		}
		pieces = t.norm.split(pieces, p, text, allow)
	}
	return pieces, nil
}

// word runs the model on a word, through the cache.
func (t *goTokenizer) word(p *piece) ([]token, error) {
	if tokens, ok := t.cache.get(p.text); ok {
		return tokens, nil
	}
	var tokens []token
	var err error
	if p.raw {
		tokens, err = t.rawWord(p.text)
	} else {
		tokens, err = t.model.tokenize(p.text)
	}
	if err != nil {
		return nil, err
	}
	t.cache.put(p.text, tokens)
	return tokens, nil
}

// rawWord runs the model on raw bytes in the byte-level alphabet and brings the tokens'
// ranges back to bytes.
func (t *goTokenizer) rawWord(raw string) ([]token, error) {
	tokens, err := t.model.tokenize(toByteChars(raw))
	if err != nil {
		return nil, err
	}
	// Positions ascend, so that one walk over the bytes finds them all. A range that a
	// dropped character has shifted may begin or end inside a character: it then covers it.
	at, width := 0, int32(0) // width: bytes that raw[:at] takes in the alphabet
	seek := func(pos int32) int32 {
		for at < len(raw) && width+int32(len(byteChars[raw[at]])) <= pos {
			width += int32(len(byteChars[raw[at]]))
			at++
		}
		return int32(at)
	}
	out := make([]token, len(tokens))
	for i, tok := range tokens {
		start := seek(tok.start)
		out[i] = token{tok.id, start, seek(tok.end-1) + 1}
	}
	return out, nil
}

func (t *goTokenizer) Decode(ids []int32, skipSpecial bool) string {
	tokens := make([]string, 0, len(ids))
	for _, id := range ids {
		text, ok := t.Token(id)
		if !ok {
			continue
		}
		if skipSpecial && t.isSpecial(text) {
			continue
		}
		tokens = append(tokens, text)
	}
	if t.decoder == nil {
		return strings.Join(tokens, " ")
	}
	if len(tokens) == 0 {
		return ""
	}
	return strings.Join(t.decoder(tokens), "")
}

// isSpecial tells whether a vocabulary entry is a special token.
func (t *goTokenizer) isSpecial(text string) bool {
	id, ok := t.ids[text]
	return ok && t.added[id] != nil && t.added[id].Special
}
