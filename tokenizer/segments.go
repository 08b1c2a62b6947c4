package tokenizer

import "strings"

// IsControl tells whether an added token may only come from trusted text: every special
// token, and every other one that is written like one, <|…|>. Added tokens that stand for
// ordinary text (runs of spaces, HTML tags) are recognised anywhere.
func IsControl(tok SpecialToken) bool {
	return tok.Special || len(tok.Content) > 4 && strings.HasPrefix(tok.Content, "<|") && strings.HasSuffix(tok.Content, "|>")
}

// joinSegments gives the whole text, valid UTF-8, and its untrusted ranges.
func joinSegments(segments []Segment) (string, [][2]int) {
	var text strings.Builder
	var untrusted [][2]int
	for _, s := range segments {
		// Each segment by itself: bytes of two segments must not make one character.
		valid := ValidUTF8(s.Text)
		if !s.Trusted && valid != "" {
			start, end := text.Len(), text.Len()+len(valid)
			if n := len(untrusted); n > 0 && untrusted[n-1][1] == start {
				untrusted[n-1][1] = end
			} else {
				untrusted = append(untrusted, [2]int{start, end})
			}
		}
		text.WriteString(valid)
	}
	return text.String(), untrusted
}

func (t *goTokenizer) EncodeSegments(segments []Segment) (Encoding, error) {
	return t.encodeSegments(segments, nil)
}

// encodeSegments is EncodeSegments with more tokens that need trust: those whose content
// also reports true for.
func (t *goTokenizer) encodeSegments(segments []Segment, also func(content string) bool) (Encoding, error) {
	text, untrusted := joinSegments(segments)
	return t.encodeTrusted(text, &trust{control: control(also), untrusted: untrusted})
}

// encodeTrusted encodes one text, without adding special tokens.
func (t *goTokenizer) encodeTrusted(text string, allow *trust) (Encoding, error) {
	e, err := t.encode(text, allow)
	if err != nil {
		return Encoding{}, err
	}
	return t.join([]Encoding{e}, false)
}

// control makes the predicate that trust uses.
func control(also func(string) bool) func(*addedToken) bool {
	return func(tok *addedToken) bool {
		return IsControl(SpecialToken{tok.ID, tok.Content, tok.Special}) || also != nil && also(tok.Content)
	}
}
