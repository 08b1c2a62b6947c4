package tokenizer

import (
	"strings"
	"unicode/utf8"
)

// Stream turns ids that come one at a time into text. Pieces are always valid UTF-8: a
// character that needs several tokens comes out with the last of them.
type Stream struct {
	t           Tokenizer
	skipSpecial bool
	// ids are the ones that still matter: context, whose text is out already, and then
	// the ones whose text is not complete.
	ids     []int32
	context int
	prefix  string // text of ids[:context]
}

// streamContext is how many ids whose text is out stay in the window: decoders look at
// neighbours (the space before a word is dropped at the start of a text).
const streamContext = 6

// maxPending bounds the ids that wait for a character to be complete: after that many the
// bytes are no character.
const maxPending = 16

// NewStream starts a text.
func NewStream(t Tokenizer, skipSpecial bool) *Stream {
	return &Stream{t: t, skipSpecial: skipSpecial}
}

// Add takes the next id and gives the text that it completes, which may be empty.
func (s *Stream) Add(id int32) string {
	s.ids = append(s.ids, id)
	text := s.t.Decode(s.ids, s.skipSpecial)
	if strings.HasSuffix(text, string(utf8.RuneError)) && len(s.ids)-s.context < maxPending {
		return ""
	}
	return s.release(text)
}

// Flush gives what is left at the end of a text: an unfinished character as U+FFFD.
func (s *Stream) Flush() string {
	out := s.release(s.t.Decode(s.ids, s.skipSpecial))
	s.ids, s.context, s.prefix = nil, 0, ""
	return out
}

// release gives the text behind the prefix and makes the window's ids context.
func (s *Stream) release(text string) string {
	out := text[commonBytes(text, s.prefix):]
	if len(s.ids) > 2*streamContext && !strings.HasSuffix(text, string(utf8.RuneError)) {
		// The window may only start between characters, so that the text of the ids that
		// stay is the same as before.
		cut := len(s.ids) - streamContext
		if tail := s.t.Decode(s.ids[cut:], s.skipSpecial); strings.HasSuffix(text, tail) {
			s.ids = append([]int32(nil), s.ids[cut:]...)
			text = tail
		}
	}
	s.context, s.prefix = len(s.ids), text
	return out
}

// commonBytes is the length of the common start of two texts, up to a whole character.
func commonBytes(a, b string) int {
	n := 0
	for n < len(a) && n < len(b) && a[n] == b[n] {
		n++
	}
	for n > 0 && n < len(a) && !utf8.RuneStart(a[n]) {
		n--
	}
	return n
}
