package agents

import (
	"errors"
	"fmt"
	"regexp"
)

// How much a clone may differ: of the words of both exchanges, a part and some that are always free, since a short exchange
// changes a good part of its words with one line.
const (
	freeWords   = 40
	changedPart = 0.35
	// manyWords bounds the comparison's time; a middle that is longer differs in more than a flaw.
	manyWords = 4000
)

var (
	word       = regexp.MustCompile(`[\pL\pN]+|[^\pL\pN\s]`)
	lengthLine = regexp.MustCompile(`(?im)^content-length:.*$`)
)

// near checks that a clone differs from the exchange that it was made of, and only in little.
func near(original, clone message) error {
	a := words(original)
	b := words(clone)
	same, err := common(a, b)
	if err != nil {
		return err
	}
	total := len(a) + len(b)
	changed := total - 2*same
	if changed == 0 {
		return errors.New("it is the same exchange: the flaw must be taken out")
	}
	if most := max(freeWords, int(changedPart*float64(total))); changed > most {
		return fmt.Errorf("it differs in %d of %d words, at most %d may: change only what makes the flaw", changed, total, most)
	}
	return nil
}

// words are an exchange's words and signs, without the lengths that follow from them.
func words(m message) []string {
	return word.FindAllString(lengthLine.ReplaceAllString(m.Request+"\n"+m.Response, ""), -1)
}

// common is the length of the longest common subsequence.
func common(a, b []string) (int, error) {
	n := 0
	for len(a) > 0 && len(b) > 0 && a[0] == b[0] {
		a, b, n = a[1:], b[1:], n+1
	}
	for len(a) > 0 && len(b) > 0 && a[len(a)-1] == b[len(b)-1] {
		a, b, n = a[:len(a)-1], b[:len(b)-1], n+1
	}
	if max(len(a), len(b)) > manyWords {
		return 0, errors.New("it differs almost everywhere: change only what makes the flaw")
	}
	// One row of the table at a time: row[j] is for a's words so far and b's first j.
	row := make([]int, len(b)+1)
	for _, x := range a {
		diagonal := 0
		for j, y := range b {
			above := row[j+1]
			if x == y {
				row[j+1] = diagonal + 1
			} else {
				row[j+1] = max(above, row[j])
			}
			diagonal = above
		}
	}
	return n + row[len(b)], nil
}
