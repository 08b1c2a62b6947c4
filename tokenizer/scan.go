package tokenizer

import (
	"unicode"
	"unicode/utf8"
)

// Hand-made matchers for the patterns that most models use. They cover the whole text and
// run in one pass without allocation; other patterns go through compileRegex. Tests hold
// them against the regular expressions.

// scanner gives the end of the match that starts at text[i]; it always advances.
type scanner func(text string, i int) int

// scanMatcher makes a matcher of a scanner.
func scanMatcher(scan scanner) matcher {
	return func(text string) ([][2]int, error) {
		out := make([][2]int, 0, len(text)/4+1)
		for i := 0; i < len(text); {
			end := scan(text, i)
			out = append(out, [2]int{i, end})
			i = end
		}
		return out, nil
	}
}

// llama3Pattern is that of Llama 3 and cl100k: digits in groups of three.
const llama3Pattern = `(?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}{1,3}| ?[^\s\p{L}\p{N}]+[\r\n]*|\s*[\r\n]+|\s+(?!\S)|\s+`

// knownPatterns maps regular expressions to scanners.
var knownPatterns = map[string]scanner{
	gpt2Pattern:   scanGPT2,
	llama3Pattern: scanWords(3),
	// Qwen 2 and 3: single digits.
	`(?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}| ?[^\s\p{L}\p{N}]+[\r\n]*|\s*[\r\n]+|\s+(?!\S)|\s+`: scanWords(1),
}

// at decodes the character at text[i]; size is 0 at the end.
func at(text string, i int) (rune, int) {
	if i < len(text) && text[i] < utf8.RuneSelf {
		return rune(text[i]), 1
	}
	r, size := utf8.DecodeRuneInString(text[i:])
	return r, size
}

// run gives the end of the longest run of characters of one kind from text[i] on.
func run(text string, i int, is func(rune) bool) int {
	for i < len(text) {
		r, size := at(text, i)
		if !is(r) {
			break
		}
		i += size
	}
	return i
}

// isOther is [^\s\p{L}\p{N}].
func isOther(r rune) bool { return !unicode.IsSpace(r) && !isLetter(r) && !isNumber(r) }

func isLineEnd(r rune) bool { return r == '\r' || r == '\n' }

// contraction gives the length of 's, 't, 're, 've, 'm, 'll or 'd at text[i], or 0.
func contraction(text string, i int, foldCase bool) int {
	if text[i] != '\'' || i+1 >= len(text) {
		return 0
	}
	lower := func(k int) byte {
		if k >= len(text) {
			return 0
		}
		c := text[k]
		if foldCase && 'A' <= c && c <= 'Z' {
			c += 'a' - 'A'
		}
		return c
	}
	switch lower(i + 1) {
	case 's', 't', 'm', 'd':
		return 2
	case 'r', 'v':
		if lower(i+2) == 'e' {
			return 3
		}
	case 'l':
		if lower(i+2) == 'l' {
			return 3
		}
	}
	if foldCase && len(text) > i+2 && text[i+1:i+3] == "ſ" { // folds to s
		return 3
	}
	return 0
}

// spaces is \s+(?!\S)|\s+ at text[i]: a run of white space, without its last character
// where a word follows.
func spaces(text string, i int) int {
	end := run(text, i, unicode.IsSpace)
	if end == len(text) {
		return end
	}
	_, size := utf8.DecodeLastRuneInString(text[i:end])
	if end-size > i {
		return end - size
	}
	return end
}

// scanGPT2 is the GPT-2 pattern.
func scanGPT2(text string, i int) int {
	if n := contraction(text, i, false); n > 0 {
		return i + n
	}
	start := i
	r, size := at(text, i)
	if r == ' ' {
		if next, n := at(text, i+1); n > 0 && !unicode.IsSpace(next) {
			start, r, size = i+1, next, n
		}
	}
	switch {
	case isLetter(r):
		return run(text, start+size, isLetter)
	case isNumber(r):
		return run(text, start+size, isNumber)
	case unicode.IsSpace(r):
		return spaces(text, i)
	}
	return run(text, start+size, isOther)
}

// scanWords is the family of cl100k's pattern with numbers of up to digits digits.
func scanWords(digits int) scanner {
	return func(text string, i int) int {
		if n := contraction(text, i, true); n > 0 {
			return i + n
		}
		r, size := at(text, i)
		if isLetter(r) {
			return run(text, i+size, isLetter)
		}
		number := isNumber(r)
		if !number && !isLineEnd(r) { // [^\r\n\p{L}\p{N}]?\p{L}+
			if next, n := at(text, i+size); n > 0 && isLetter(next) {
				return run(text, i+size+n, isLetter)
			}
		}
		if number {
			end := i + size
			for k := 1; k < digits; k++ {
				next, n := at(text, end)
				if n == 0 || !isNumber(next) {
					break
				}
				end += n
			}
			return end
		}
		if r == ' ' {
			if next, n := at(text, i+1); n > 0 && isOther(next) {
				return run(text, run(text, i+1+n, isOther), isLineEnd)
			}
		}
		if !unicode.IsSpace(r) {
			return run(text, run(text, i+size, isOther), isLineEnd)
		}
		return blank(text, i)
	}
}

// blank is \s*[\r\n]+|\s+(?!\S)|\s+ at text[i]: up to the last line end in the run of
// white space, else as spaces.
func blank(text string, i int) int {
	last := -1
	for k := i; k < len(text); {
		r, size := at(text, k)
		if !unicode.IsSpace(r) {
			break
		}
		k += size
		if isLineEnd(r) {
			last = k
		}
	}
	if last >= 0 {
		return last
	}
	return spaces(text, i)
}
