package tokenizer

import (
	"encoding/json"
	"fmt"
	"strings"
	"unicode"
	"unicode/utf8"

	"golang.org/x/text/unicode/norm"
)

// normalizer rewrites a text in place.
type normalizer func(*piece) error

// component is a part of tokenizer.json: an object with a type, or null.
type component struct {
	Type string
	raw  json.RawMessage
}

func (c *component) UnmarshalJSON(data []byte) error {
	var head struct {
		Type string `json:"type"`
	}
	if err := json.Unmarshal(data, &head); err != nil {
		return err
	}
	c.Type, c.raw = head.Type, append(json.RawMessage(nil), data...)
	return nil
}

// into reads the component's settings; where names the place for errors.
func (c *component) into(where string, v any) error {
	if err := json.Unmarshal(c.raw, v); err != nil {
		return fmt.Errorf("%s: %s: %w", where, c.Type, err)
	}
	return nil
}

func unknownComponent(where, kind string) error {
	return fmt.Errorf("%s: unknown type %q: this tokenizer.json needs a component that is not implemented", where, kind)
}

// readNormalizer reads the "normalizer" of tokenizer.json; nil stays nil.
func readNormalizer(where string, c *component) (normalizer, error) {
	if c == nil {
		return nil, nil
	}
	switch c.Type {
	case "Sequence":
		return readNormalizerSequence(where, c)
	case "NFC":
		return composed(norm.NFC, norm.NFD), nil
	case "NFKC":
		return composed(norm.NFKC, norm.NFKD), nil
	case "NFD":
		return decomposed(norm.NFD), nil
	case "NFKD":
		return decomposed(norm.NFKD), nil
	case "Lowercase":
		return lowercase, nil
	case "StripAccents":
		return func(p *piece) error {
			p.filter(func(r rune) bool { return !unicode.Is(accents, r) })
			return nil
		}, nil
	case "Nmt":
		return normalizeNmt, nil
	case "BertNormalizer":
		return readBertNormalizer(where, c)
	case "Strip":
		return readStrip(where, c)
	case "Prepend":
		var s struct{ Prepend string }
		err := c.into(where, &s)
		return func(p *piece) error { p.prepend(s.Prepend); return nil }, err
	case "Replace":
		return readReplace(where, c)
	case "Precompiled":
		return readPrecompiled(where, c)
	case "ByteLevel":
		return func(p *piece) error { expandBytes(p); return nil }, nil
	}
	return nil, unknownComponent(where, c.Type)
}

func readNormalizerSequence(where string, c *component) (normalizer, error) {
	var file struct{ Normalizers []*component }
	if err := c.into(where, &file); err != nil {
		return nil, err
	}
	var steps []normalizer
	for i, sub := range file.Normalizers {
		step, err := readNormalizer(fmt.Sprintf("%s.normalizers[%d]", where, i), sub)
		if err != nil {
			return nil, err
		}
		if step != nil {
			steps = append(steps, step)
		}
	}
	return func(p *piece) error {
		for _, step := range steps {
			if err := step(p); err != nil {
				return err
			}
		}
		return nil
	}, nil
}

// lowercase is Rust's char::to_lowercase: simple lower case, but for U+0130.
func lowercase(p *piece) error {
	if strings.IndexFunc(p.text, func(r rune) bool { return r == 0x130 || toLower(r) != r }) < 0 {
		return nil
	}
	dest := make([]change, 0, len(p.text))
	for _, r := range p.text {
		if r == 0x130 { // İ becomes i and a combining dot
			dest = append(dest, change{'i', 0}, change{0x307, 1})
			continue
		}
		dest = append(dest, change{r: toLower(r)})
	}
	p.transform(dest, 0)
	return nil
}

// normalizeNmt is SentencePiece's nmt rule: control characters go, odd spaces become
// spaces.
func normalizeNmt(p *piece) error {
	p.filter(func(r rune) bool {
		control := r >= 1 && r <= 8 || r == 0xB || r >= 0xE && r <= 0x1F || r == 0x7F || r == 0x8F || r == 0x9F
		return !control
	})
	p.mapRunes(func(r rune) rune {
		switch {
		case r == '\t', r == '\n', r == '\f', r == '\r', r == 0x1680, r >= 0x200B && r <= 0x200F,
			r == 0x2028, r == 0x2029, r == 0x2581, r == 0xFEFF, r == utf8.RuneError:
			return ' '
		}
		return r
	})
	return nil
}

func readBertNormalizer(where string, c *component) (normalizer, error) {
	file := struct {
		CleanText    bool  `json:"clean_text"`
		Chinese      bool  `json:"handle_chinese_chars"`
		StripAccents *bool `json:"strip_accents"`
		Lowercase    bool  `json:"lowercase"`
	}{true, true, nil, true}
	if err := c.into(where, &file); err != nil {
		return nil, err
	}
	strip := file.Lowercase
	if file.StripAccents != nil {
		strip = *file.StripAccents
	}
	nfd := decomposed(norm.NFD)
	return func(p *piece) error {
		if file.CleanText {
			p.filter(func(r rune) bool { return r != 0 && !unicode.Is(bertDropped, r) })
			p.mapRunes(func(r rune) rune {
				if unicode.IsSpace(r) {
					return ' '
				}
				return r
			})
		}
		if file.Chinese {
			spaceIdeographs(p)
		}
		if strip {
			if err := nfd(p); err != nil {
				return err
			}
			p.filter(func(r rune) bool { return !unicode.Is(bertMarks, r) })
		}
		if file.Lowercase {
			return lowercase(p)
		}
		return nil
	}, nil
}

// spaceIdeographs puts spaces around CJK ideographs, so that each becomes a word.
func spaceIdeographs(p *piece) {
	if strings.IndexFunc(p.text, isIdeograph) < 0 {
		return
	}
	dest := make([]change, 0, len(p.text))
	for _, r := range p.text {
		if isIdeograph(r) {
			dest = append(dest, change{' ', 0}, change{r, 1}, change{' ', 1})
		} else {
			dest = append(dest, change{r: r})
		}
	}
	p.transform(dest, 0)
}

// isIdeograph lists the blocks of BERT's _is_chinese_char, with the library's 2B920.
func isIdeograph(r rune) bool {
	switch {
	case r >= 0x4E00 && r <= 0x9FFF, r >= 0x3400 && r <= 0x4DBF, r >= 0x20000 && r <= 0x2A6DF,
		r >= 0x2A700 && r <= 0x2B73F, r >= 0x2B740 && r <= 0x2B81F, r >= 0x2B920 && r <= 0x2CEAF,
		r >= 0xF900 && r <= 0xFAFF, r >= 0x2F800 && r <= 0x2FA1F:
		return true
	}
	return false
}

func readStrip(where string, c *component) (normalizer, error) {
	var file struct {
		Left  bool `json:"strip_left"`
		Right bool `json:"strip_right"`
	}
	if err := c.into(where, &file); err != nil {
		return nil, err
	}
	return func(p *piece) error {
		head, tail := 0, len(p.text)
		if file.Left {
			head = spacePrefix(p.text)
		}
		if file.Right {
			tail = max(head, spaceSuffix(p.text))
		}
		if head > 0 || tail < len(p.text) {
			*p = p.slice(head, tail)
		}
		return nil
	}, nil
}

// pattern is {"String": …} or {"Regex": …}.
type pattern struct {
	String *string
	Regex  *string
}

// compile gives a matcher for the pattern.
func (p *pattern) compile(where string) (matcher, error) {
	switch {
	case p.String != nil:
		return literalMatcher(*p.String), nil
	case p.Regex != nil:
		return compileRegex(where, *p.Regex)
	}
	return nil, fmt.Errorf("%s: pattern: expected {\"String\": …} or {\"Regex\": …}", where)
}

func readReplace(where string, c *component) (normalizer, error) {
	var file struct {
		Pattern pattern
		Content string
	}
	if err := c.into(where, &file); err != nil {
		return nil, err
	}
	find, err := file.Pattern.compile(where)
	if err != nil {
		return nil, err
	}
	return func(p *piece) error {
		matches, err := find(p.text)
		if err != nil {
			return err
		}
		p.replaceMatches(matches, file.Content)
		return nil
	}, nil
}
