package tokenizer

import (
	"fmt"
	"strings"
	"unicode"
	"unicode/utf8"
)

// matcher gives the matches of a pattern in a text, ascending and without overlap.
type matcher func(text string) ([][2]int, error)

// literalMatcher finds a fixed string.
func literalMatcher(s string) matcher {
	return func(text string) ([][2]int, error) {
		if s == "" {
			return nil, nil
		}
		var out [][2]int
		for at := 0; ; {
			i := strings.Index(text[at:], s)
			if i < 0 {
				return out, nil
			}
			out = append(out, [2]int{at + i, at + i + len(s)})
			at += i + len(s)
		}
	}
}

// runeMatcher finds single characters.
func runeMatcher(is func(rune) bool) matcher {
	return func(text string) ([][2]int, error) {
		var out [][2]int
		for i, r := range text {
			if is(r) {
				out = append(out, [2]int{i, i + utf8.RuneLen(r)})
			}
		}
		return out, nil
	}
}

// wordMatcher is \w+|[^\w\s]+, the pattern of the Whitespace pre-tokenizer.
func wordMatcher(text string) ([][2]int, error) {
	var out [][2]int
	start, kind := 0, 0
	for i, r := range text {
		k := 2
		if isWord(r) {
			k = 1
		} else if unicode.IsSpace(r) {
			k = 0
		}
		if k != kind {
			if kind != 0 {
				out = append(out, [2]int{start, i})
			}
			start, kind = i, k
		}
	}
	if kind != 0 {
		out = append(out, [2]int{start, len(text)})
	}
	return out, nil
}

func checkBehavior(where, behavior string) error {
	switch behavior {
	case "Removed", "Isolated", "MergedWithPrevious", "MergedWithNext", "Contiguous":
		return nil
	}
	return fmt.Errorf("%s: behavior is %q (expected Removed, Isolated, MergedWithPrevious, MergedWithNext or Contiguous)", where, behavior)
}

// part is a stretch of text that matched a delimiter or lies between two that did.
type part struct {
	start, end int
	match      bool
}

// splitter cuts pieces at the matches of a delimiter (NormalizedString::split); with
// invert the matches are the words and what lies between is the delimiter.
func splitter(find matcher, behavior string, invert bool) preTokenizer {
	return func(dst []piece, p piece) ([]piece, error) {
		matches, err := find(p.text)
		if err != nil {
			return nil, err
		}
		if behavior == "Isolated" {
			return isolate(dst, p, matches), nil
		}
		for _, s := range mergeParts(parts(matches, len(p.text), invert), behavior) {
			if s.start < s.end && (behavior != "Removed" || !s.match) {
				dst = append(dst, p.slice(s.start, s.end))
			}
		}
		return dst, nil
	}
}

// isolate makes a word of each match and of each gap.
func isolate(dst []piece, p piece, matches [][2]int) []piece {
	at := 0
	for _, m := range matches {
		if at < m[0] {
			dst = append(dst, p.slice(at, m[0]))
		}
		if m[0] < m[1] {
			dst = append(dst, p.slice(m[0], m[1]))
		}
		at = m[1]
	}
	if at < len(p.text) {
		dst = append(dst, p.slice(at, len(p.text)))
	}
	return dst
}

// parts covers [0, size) with matches and gaps.
func parts(matches [][2]int, size int, invert bool) []part {
	var out []part
	at := 0
	for _, m := range matches {
		if at < m[0] {
			out = append(out, part{at, m[0], invert})
		}
		out = append(out, part{m[0], m[1], !invert})
		at = m[1]
	}
	if at < size {
		out = append(out, part{at, size, invert})
	}
	return out
}

// mergeParts joins neighbours as the behavior wants it.
func mergeParts(in []part, behavior string) []part {
	var out []part
	previous := false
	switch behavior {
	case "Contiguous":
		for _, s := range in {
			if n := len(out); s.match == previous && n > 0 {
				out[n-1].end = s.end
			} else {
				out = append(out, s)
			}
			previous = s.match
		}
		return out
	case "MergedWithPrevious":
		for _, s := range in {
			if n := len(out); s.match && !previous && n > 0 {
				out[n-1].end = s.end
			} else {
				out = append(out, s)
			}
			previous = s.match
		}
		return out
	case "MergedWithNext":
		for i, s := range in {
			// A delimiter joins what follows, unless that is a delimiter too.
			if n := len(out); i > 0 && previous && !s.match && n > 0 {
				out[n-1].end = s.end
			} else {
				out = append(out, s)
			}
			previous = s.match
		}
		return out
	}
	return in
}
