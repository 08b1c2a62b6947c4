package tokenizer

import (
	"fmt"
	"strings"
	"unicode"
	"unicode/utf8"
)

// preTokenizer cuts a piece into words, appending them to dst.
type preTokenizer func(dst []piece, p piece) ([]piece, error)

// readPreTokenizer reads the "pre_tokenizer" of tokenizer.json; nil stays nil. last says
// that no other step follows, so that byte-level text may stay raw bytes.
func readPreTokenizer(where string, c *component, last bool) (preTokenizer, error) {
	if c == nil {
		return nil, nil
	}
	switch c.Type {
	case "Sequence":
		return readPreTokenizerSequence(where, c, last)
	case "ByteLevel":
		return readByteLevel(where, c, last)
	case "Split":
		return readSplit(where, c)
	case "Metaspace":
		return readMetaspace(where, c)
	case "Digits":
		var file struct {
			Individual bool `json:"individual_digits"`
		}
		behavior := "Contiguous"
		err := c.into(where, &file)
		if file.Individual {
			behavior = "Isolated"
		}
		return splitter(runeMatcher(isNumeric), behavior, false), err
	case "Punctuation":
		file := struct{ Behavior string }{"Isolated"}
		if err := c.into(where, &file); err != nil {
			return nil, err
		}
		return splitter(runeMatcher(isPunct), file.Behavior, false), checkBehavior(where, file.Behavior)
	case "Whitespace":
		return splitter(wordMatcher, "Removed", true), nil
	case "WhitespaceSplit":
		return splitter(runeMatcher(unicode.IsSpace), "Removed", false), nil
	case "BertPreTokenizer":
		return inSequence([]preTokenizer{
			splitter(runeMatcher(unicode.IsSpace), "Removed", false),
			splitter(runeMatcher(isPunct), "Isolated", false),
		}), nil
	case "CharDelimiterSplit":
		var file struct{ Delimiter string }
		err := c.into(where, &file)
		return splitter(literalMatcher(file.Delimiter), "Removed", false), err
	case "FixedLength":
		return readFixedLength(where, c)
	}
	return nil, unknownComponent(where, c.Type)
}

func readPreTokenizerSequence(where string, c *component, last bool) (preTokenizer, error) {
	var file struct{ Pretokenizers []*component }
	if err := c.into(where, &file); err != nil {
		return nil, err
	}
	var steps []preTokenizer
	for i, sub := range file.Pretokenizers {
		final := last && i == len(file.Pretokenizers)-1
		step, err := readPreTokenizer(fmt.Sprintf("%s.pretokenizers[%d]", where, i), sub, final)
		if err != nil {
			return nil, err
		}
		if step != nil {
			steps = append(steps, step)
		}
	}
	return inSequence(steps), nil
}

// inSequence runs each step on the words of the one before.
func inSequence(steps []preTokenizer) preTokenizer {
	return func(dst []piece, p piece) ([]piece, error) {
		words := []piece{p}
		for _, step := range steps {
			var next []piece
			for _, w := range words {
				var err error
				if next, err = step(next, w); err != nil {
					return nil, err
				}
			}
			words = next
		}
		return append(dst, words...), nil
	}
}

// gpt2Pattern is what ByteLevel splits with when use_regex is on.
const gpt2Pattern = `'s|'t|'re|'ve|'m|'ll|'d| ?\p{L}+| ?\p{N}+| ?[^\s\p{L}\p{N}]+|\s+(?!\S)|\s+`

func readByteLevel(where string, c *component, last bool) (preTokenizer, error) {
	file := struct {
		AddPrefixSpace bool `json:"add_prefix_space"`
		UseRegex       bool `json:"use_regex"`
	}{true, true}
	if err := c.into(where, &file); err != nil {
		return nil, err
	}
	split := splitter(scanMatcher(scanGPT2), "Isolated", false)
	return func(dst []piece, p piece) ([]piece, error) {
		if file.AddPrefixSpace && !strings.HasPrefix(p.text, " ") {
			p.prepend(" ")
		}
		n := len(dst)
		if !file.UseRegex {
			dst = append(dst, p)
		} else {
			var err error
			if dst, err = split(dst, p); err != nil {
				return nil, err
			}
		}
		for i := n; i < len(dst); i++ {
			if last {
				dst[i].raw = true
			} else {
				expandBytes(&dst[i])
			}
		}
		return dst, nil
	}, nil
}

// expandBytes writes a piece in the byte-level alphabet.
func expandBytes(p *piece) {
	dest := make([]change, 0, len(p.text))
	for i := range len(p.text) {
		delta := 0
		if !utf8.RuneStart(p.text[i]) {
			delta = 1
		}
		dest = append(dest, change{byteRunes[p.text[i]], delta})
	}
	p.transform(dest, 0)
}

func readSplit(where string, c *component) (preTokenizer, error) {
	var file struct {
		Pattern  pattern
		Behavior string
		Invert   bool
	}
	if err := c.into(where, &file); err != nil {
		return nil, err
	}
	find, err := file.Pattern.compile(where)
	if err != nil {
		return nil, err
	}
	return splitter(find, file.Behavior, file.Invert), checkBehavior(where, file.Behavior)
}

func readMetaspace(where string, c *component) (preTokenizer, error) {
	file := struct {
		Replacement    string
		AddPrefixSpace *bool  `json:"add_prefix_space"`
		PrependScheme  string `json:"prepend_scheme"`
		Split          *bool
	}{Replacement: "▁", PrependScheme: "always"}
	if err := c.into(where, &file); err != nil {
		return nil, err
	}
	if file.AddPrefixSpace != nil && !*file.AddPrefixSpace {
		file.PrependScheme = "never"
	}
	switch file.PrependScheme {
	case "always", "first", "never":
	default:
		return nil, fmt.Errorf("%s: Metaspace: prepend_scheme is %q (expected always, first or never)", where, file.PrependScheme)
	}
	spaces := literalMatcher(" ")
	split := splitter(literalMatcher(file.Replacement), "MergedWithNext", false)
	return func(dst []piece, p piece) ([]piece, error) {
		first := p.base == 0
		matches, err := spaces(p.text)
		if err != nil {
			return nil, err
		}
		p.replaceMatches(matches, file.Replacement)
		if !strings.HasPrefix(p.text, file.Replacement) &&
			(file.PrependScheme == "always" || file.PrependScheme == "first" && first) {
			p.prepend(file.Replacement)
		}
		if file.Split != nil && !*file.Split {
			return append(dst, p), nil
		}
		return split(dst, p)
	}, nil
}

func readFixedLength(where string, c *component) (preTokenizer, error) {
	file := struct{ Length int }{5}
	if err := c.into(where, &file); err != nil {
		return nil, err
	}
	if file.Length < 1 {
		return nil, fmt.Errorf("%s: FixedLength: length is %d (expected 1 or more)", where, file.Length)
	}
	return func(dst []piece, p piece) ([]piece, error) {
		start, n := 0, 0
		for i := range p.text {
			if n == file.Length {
				dst = append(dst, p.slice(start, i))
				start, n = i, 0
			}
			n++
		}
		return append(dst, p.slice(start, len(p.text))), nil
	}, nil
}
