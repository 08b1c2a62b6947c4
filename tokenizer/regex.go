package tokenizer

import (
	"fmt"
	"regexp"
	"strings"
	"unicode/utf8"

	"github.com/dlclark/regexp2"
)

// compileRegex makes a matcher of a pattern of tokenizer.json. The files are written for
// Oniguruma; what is in use there beyond the hand-made scanners is look-around, Unicode
// classes and possessive quantifiers.
func compileRegex(where, expr string) (matcher, error) {
	if scan, ok := knownPatterns[expr]; ok {
		return scanMatcher(scan), nil
	}
	re, err := regexp2.Compile(translate(expr), regexp2.None)
	if err != nil {
		return nil, fmt.Errorf("%s: pattern %q is not supported: %w", where, expr, err)
	}
	return func(text string) ([][2]int, error) {
		runes := []rune(text)
		var out [][2]int
		byteAt, runeAt := 0, 0
		advance := func(to int) int {
			for ; runeAt < to; runeAt++ {
				byteAt += utf8.RuneLen(runes[runeAt])
			}
			return byteAt
		}
		m, err := re.FindRunesMatch(runes)
		for ; m != nil && err == nil; m, err = re.FindNextMatch(m) {
			if m.Length == 0 {
				continue
			}
			start := advance(m.Index)
			out = append(out, [2]int{start, advance(m.Index + m.Length)})
		}
		if err != nil {
			return nil, fmt.Errorf("%s: pattern %q: %w", where, expr, err)
		}
		return out, nil
	}, nil
}

// translate writes an expression of Oniguruma's for regexp2. Possessive quantifiers, x++ x*+
// x?+, become atomic groups, (?>x+); a plus after an interval is no such thing in
// Oniguruma, x{1,3}+ is (?:x{1,3})+. Unicode classes get the members that Go does not know
// yet.
func translate(expr string) string {
	var out []byte
	var groups []int // where each open group starts in out
	atom := 0        // where the last atom starts in out
	wrap := func(open, quantifier, end string) {
		inner := string(out[atom:])
		out = append(append(append(append(out[:atom], open...), inner...), quantifier...), end...)
	}
	for i := 0; i < len(expr); {
		start := len(out)
		switch c := expr[i]; c {
		case '(':
			groups = append(groups, start)
			out = append(out, c)
			i++
			for i < len(expr) && (expr[i] == '?' || i > 1 && expr[i-1] == '?' && strings.IndexByte(":=!<>i-", expr[i]) >= 0) {
				out = append(out, expr[i])
				i++
			}
		case ')':
			out = append(out, c)
			i++
			if n := len(groups); n > 0 {
				atom, groups = groups[n-1], groups[:n-1]
			}
		case '[':
			n := classLen(expr[i:])
			out = append(out, classNames.ReplaceAllStringFunc(expr[i:i+n], withNewer)...)
			i += n
			atom = start
		case '\\':
			n := escapeLen(expr[i:])
			class := expr[i : i+n]
			switch {
			case strings.HasPrefix(class, `\P{`):
				class = "[^" + withNewer(`\p`+class[2:]) + "]"
			case strings.HasPrefix(class, `\p{`):
				class = "[" + withNewer(class) + "]"
			}
			out = append(out, class...)
			i += n
			atom = start
		case '*', '+', '?':
			if i+1 < len(expr) && expr[i+1] == '+' {
				wrap("(?>", string(c), ")")
				i += 2
				continue
			}
			out = append(out, c)
			i++
		case '{':
			n := intervalLen(expr[i:])
			if i+n < len(expr) && n > 1 && expr[i+n] == '+' {
				wrap("(?:", expr[i:i+n], ")+")
				i += n + 1
				continue
			}
			out = append(out, expr[i:i+n]...)
			i += n
		default:
			_, n := utf8.DecodeRuneInString(expr[i:])
			out = append(out, expr[i:i+n]...)
			i += n
			if c != '|' {
				atom = start
			}
		}
	}
	return string(out)
}

var classNames = regexp.MustCompile(`\\p\{\w+\}`)

// withNewer adds to a class such as \p{L}, inside brackets, its newer members.
func withNewer(class string) string { return class + newerClasses[class[3:len(class)-1]] }

// intervalLen is the length of {n}, {n,} or {n,m} at the start of s, or 1.
func intervalLen(s string) int {
	for i := 1; i < len(s); i++ {
		switch {
		case s[i] == '}' && i > 1:
			return i + 1
		case s[i] != ',' && (s[i] < '0' || s[i] > '9'):
			return 1
		}
	}
	return 1
}

// classLen is the length of the bracket expression at the start of s.
func classLen(s string) int {
	for i := 1; i < len(s); i++ {
		switch {
		case s[i] == '\\':
			i++
		case s[i] == ']' && i > 1 && s[1:i] != "^":
			return i + 1
		}
	}
	return len(s)
}

// escapeLen is the length of the escape at the start of s: \p{…} or \x.
func escapeLen(s string) int {
	if len(s) > 2 && (s[1] == 'p' || s[1] == 'P') && s[2] == '{' {
		if end := strings.IndexByte(s, '}'); end > 0 {
			return end + 1
		}
	}
	return min(2, len(s))
}
