// Package explain shows how a verdict came about: the analysis with the probability along it, and the words at which it turned.
package explain

import (
	"cmp"
	"math"
	"slices"
	"strings"
	"unicode"
	"unicode/utf8"
)

// Word is a stretch of an analysis without white space inside: what stands before it belongs to it.
type Word struct {
	Text     string // with the white space before it
	From, To int    // its tokens: from From up to, but not, To
	Before   float64
	After    float64 // probability before its first and after its last token
}

// longestWord ends a word in text that has no spaces.
const longestWord = 40

// Words puts an analysis's pieces into words. trajectory has the probability before the first piece and after each: it has one
// value more than there are pieces, else there are no words.
func Words[P float32 | float64](pieces []string, trajectory []P) (words []Word) {
	if len(trajectory) != len(pieces)+1 {
		return nil
	}
	for t, piece := range pieces {
		before, after := float64(trajectory[t]), float64(trajectory[t+1])
		if n := len(words); n > 0 && !begins(words[n-1].Text, piece) {
			w := &words[n-1]
			w.Text, w.To, w.After = w.Text+piece, t+1, after
			continue
		}
		words = append(words, Word{Text: piece, From: t, To: t + 1, Before: before, After: after})
	}
	return words
}

// begins tells whether a piece begins another word than the one before.
func begins(word, piece string) bool {
	text := strings.TrimLeftFunc(word, unicode.IsSpace)
	if text == "" {
		return false
	}
	last, _ := utf8.DecodeLastRuneInString(word)
	first, _ := utf8.DecodeRuneInString(piece)
	return unicode.IsSpace(last) || piece != "" && unicode.IsSpace(first) || utf8.RuneCountInString(text) >= longestWord
}

// Change is how much the word moved the probability.
func (w *Word) Change() float64 { return w.After - w.Before }

// Crosses tells whether the verdict is another one after the word than before.
func (w *Word) Crosses(threshold float64) bool {
	return (w.Before >= threshold) != (w.After >= threshold)
}

// Shown is the word without white space.
func (w *Word) Shown() string { return strings.TrimSpace(w.Text) }

// Turns are the words that matter: those after which the verdict is another one, in the order of the text, and the ones that
// moved the probability most, the largest first, of equal ones the earlier. Of each there are most at most, of the crossings the first ones;
// crossings says how many there are in all. Words that changed less than a hundredth moved nothing.
func Turns(words []Word, threshold float64, most int) (crossed, moved []int, crossings int) {
	for i := range words {
		w := &words[i]
		if w.Crosses(threshold) {
			if crossings++; crossings <= most {
				crossed = append(crossed, i)
			}
		}
		if math.Abs(w.Change()) >= 0.01 {
			moved = append(moved, i)
		}
	}
	slices.SortStableFunc(moved, func(a, b int) int {
		return cmp.Compare(math.Abs(words[b].Change()), math.Abs(words[a].Change()))
	})
	return crossed, moved[:min(len(moved), most)], crossings
}
