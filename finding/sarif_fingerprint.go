package finding

import (
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"strconv"
	"strings"
)

// The fingerprints that results get. GitHub itself compares primaryLocationLineHash
// only, which its upload action computes where the code is at hand. A log that
// another tool wrote gets none of these, so that alerts that are known stay known.
const (
	janusFingerprint  = "janus/v1"
	githubFingerprint = "primaryLocationLineHash"
)

// lineHashes give fingerprints that stay the same when code moves: of a finding's
// rule, file and flagged text without its white space, and a number that tells
// equal ones apart, as GitHub's own have.
type lineHashes map[string]int

func (seen lineHashes) of(f *Finding) string {
	text := f.Focus
	if text == "" && f.Line != nil {
		text = flaggedLine(f)
	}
	if text == "" {
		// Without code the message must do; the numbers in it are lines more often than not.
		text = strings.Map(func(r rune) rune {
			if r >= '0' && r <= '9' {
				return -1
			}
			return r
		}, f.Message+f.Request)
	}
	h := sha256.New()
	for _, part := range []string{f.Rule, f.File, strings.Join(strings.Fields(text), "")} {
		_, _ = fmt.Fprintf(h, "%d:%s", len(part), part) // hash.Hash never fails
	}
	hash := hex.EncodeToString(h.Sum(nil))[:16]
	seen[hash]++
	return hash + ":" + strconv.Itoa(seen[hash])
}

// flaggedLine is the code of the finding's line: the one that is marked in a
// snippet of several, or the snippet itself where it is short.
func flaggedLine(f *Finding) string {
	for line := range strings.Lines(f.Snippet) {
		if rest, ok := strings.CutPrefix(line, ">>"); ok {
			if _, code, ok := strings.Cut(rest, "|"); ok {
				return code
			}
		}
	}
	return f.Snippet
}
