package tokenizer

import (
	"fmt"
	"strconv"
	"strings"
	"unicode/utf8"
)

// decoder is a step that turns vocabulary entries back into text.
type decoder func(tokens []string) []string

// readDecoder reads the "decoder" of tokenizer.json; nil stays nil.
func readDecoder(where string, c *component) (decoder, error) {
	if c == nil {
		return nil, nil
	}
	switch c.Type {
	case "Sequence":
		return readDecoderSequence(where, c)
	case "ByteLevel":
		return decodeByteLevel, nil
	case "ByteFallback":
		return decodeByteFallback, nil
	case "Fuse":
		return func(tokens []string) []string { return []string{strings.Join(tokens, "")} }, nil
	case "Metaspace":
		return readMetaspaceDecoder(where, c)
	case "Strip":
		return readStripDecoder(where, c)
	case "WordPiece":
		file := struct {
			Prefix  string
			Cleanup bool
		}{"##", true}
		err := c.into(where, &file)
		return decodeWordPiece(file.Prefix, file.Cleanup), err
	case "BPEDecoder":
		file := struct{ Suffix string }{"</w>"}
		err := c.into(where, &file)
		return decodeSuffix(file.Suffix), err
	case "CTC":
		return readCTC(where, c)
	case "Replace":
		return readReplaceDecoder(where, c)
	}
	return nil, unknownComponent(where, c.Type)
}

func readDecoderSequence(where string, c *component) (decoder, error) {
	var file struct{ Decoders []*component }
	if err := c.into(where, &file); err != nil {
		return nil, err
	}
	var steps []decoder
	for i, sub := range file.Decoders {
		step, err := readDecoder(fmt.Sprintf("%s.decoders[%d]", where, i), sub)
		if err != nil {
			return nil, err
		}
		if step != nil {
			steps = append(steps, step)
		}
	}
	return func(tokens []string) []string {
		for _, step := range steps {
			tokens = step(tokens)
		}
		return tokens
	}, nil
}

func decodeByteLevel(tokens []string) []string {
	var out []byte
	for _, t := range tokens {
		out = fromByteChars(out, t)
	}
	return []string{ValidUTF8(string(out))}
}

// decodeByteFallback joins runs of <0xNN>; a run that is not UTF-8 becomes one U+FFFD a
// byte.
func decodeByteFallback(tokens []string) []string {
	var out []string
	var run []byte
	flush := func() {
		if len(run) == 0 {
			return
		}
		if utf8.Valid(run) {
			out = append(out, string(run))
		} else {
			for range run {
				out = append(out, "\uFFFD")
			}
		}
		run = run[:0]
	}
	for _, t := range tokens {
		if len(t) == 6 && strings.HasPrefix(t, "<0x") && t[5] == '>' {
			if b, err := strconv.ParseUint(t[3:5], 16, 8); err == nil {
				run = append(run, byte(b))
				continue
			}
		}
		flush()
		out = append(out, t)
	}
	flush()
	return out
}

func readMetaspaceDecoder(where string, c *component) (decoder, error) {
	file := struct {
		Replacement    string
		AddPrefixSpace *bool  `json:"add_prefix_space"`
		PrependScheme  string `json:"prepend_scheme"`
	}{Replacement: "▁", PrependScheme: "always"}
	if err := c.into(where, &file); err != nil {
		return nil, err
	}
	strip := file.PrependScheme != "never" && (file.AddPrefixSpace == nil || *file.AddPrefixSpace)
	return func(tokens []string) []string {
		out := make([]string, len(tokens))
		for i, t := range tokens {
			with := " "
			if i == 0 && strip {
				with = ""
			}
			out[i] = strings.ReplaceAll(t, file.Replacement, with)
		}
		return out
	}, nil
}

func readStripDecoder(where string, c *component) (decoder, error) {
	var file struct {
		Content     string
		Start, Stop int
	}
	if err := c.into(where, &file); err != nil {
		return nil, err
	}
	return func(tokens []string) []string {
		out := make([]string, len(tokens))
		for i, t := range tokens {
			for n := 0; n < file.Start && file.Content != "" && strings.HasPrefix(t, file.Content); n++ {
				t = t[len(file.Content):]
			}
			for n := 0; n < file.Stop && file.Content != "" && strings.HasSuffix(t, file.Content); n++ {
				t = t[:len(t)-len(file.Content)]
			}
			out[i] = t
		}
		return out
	}, nil
}

// cleanup removes the spaces that joining words puts before punctuation. The order
// matters and is the library's.
func cleanup(s string) string {
	for _, r := range [...][2]string{
		{" .", "."}, {" ?", "?"}, {" !", "!"}, {" ,", ","}, {" ' ", "'"}, {" n't", "n't"}, {" 'm", "'m"},
		{" do not", " don't"}, {" 's", "'s"}, {" 've", "'ve"}, {" 're", "'re"},
	} {
		s = strings.ReplaceAll(s, r[0], r[1])
	}
	return s
}

func decodeWordPiece(prefix string, clean bool) decoder {
	return func(tokens []string) []string {
		out := make([]string, len(tokens))
		for i, t := range tokens {
			if i > 0 {
				if rest, ok := strings.CutPrefix(t, prefix); ok {
					t = rest
				} else {
					t = " " + t
				}
			}
			if clean {
				t = cleanup(t)
			}
			out[i] = t
		}
		return out
	}
}

func decodeSuffix(suffix string) decoder {
	return func(tokens []string) []string {
		out := make([]string, len(tokens))
		for i, t := range tokens {
			with := " "
			if i == len(tokens)-1 {
				with = ""
			}
			out[i] = strings.ReplaceAll(t, suffix, with)
		}
		return out
	}
}

func readCTC(where string, c *component) (decoder, error) {
	file := struct {
		Pad     string `json:"pad_token"`
		Word    string `json:"word_delimiter_token"`
		Cleanup bool
	}{"<pad>", "|", true}
	if err := c.into(where, &file); err != nil {
		return nil, err
	}
	return func(tokens []string) []string {
		var out []string
		for i, t := range tokens {
			if i > 0 && tokens[i-1] == t {
				continue
			}
			t = strings.ReplaceAll(t, file.Pad, "")
			if file.Cleanup {
				t = strings.ReplaceAll(cleanup(t), file.Word, " ")
			}
			if t != "" {
				out = append(out, t)
			}
		}
		return out
	}, nil
}

func readReplaceDecoder(where string, c *component) (decoder, error) {
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
	return func(tokens []string) []string {
		out := make([]string, len(tokens))
		for i, t := range tokens {
			p := piece{text: t, token: noToken}
			// A pattern that fails on a token leaves it as it is: decoding has no error.
			if matches, err := find(t); err == nil {
				p.replaceMatches(matches, file.Content)
			}
			out[i] = p.text
		}
		return out
	}, nil
}
