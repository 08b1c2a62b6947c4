package tokenizer

import (
	"context"
	"fmt"
	"iter"
	"slices"
)

// BPEOptions say how a byte-level vocabulary is learned of text.
type BPEOptions struct {
	VocabSize int      // of tokens in all: special ones, the 256 bytes, and merges
	MinCount  int      // a pair that occurs less often is not merged; below 1 is 1
	Pattern   string   // one of [BPEPatterns]; "" is [PatternGPT2]
	Special   []string // control tokens, in the order of their ids, from 0 on
}

// LearnedBPE is a byte-level vocabulary that was learned of text.
type LearnedBPE struct {
	Tokens  []string    // by id, in the byte-level alphabet
	Merges  [][2]string // first to last
	Special []string
	Pattern string
}

// LearnBPE learns a vocabulary by byte pair encoding (Sennrich et al. 2016, arXiv:1508.07909) over bytes (Radford et al. 2019):
// words, as the pattern cuts them, are spelled in bytes, and the most frequent pair of neighbours becomes a token, until there
// are VocabSize of them or no pair is left that occurs often enough. Of pairs that are equally frequent the one of the lower ids
// is first, so equal texts give equal vocabularies.
//
// Texts are cut into words each for itself; the order that they come in does not matter. Tokens and merges are those of the
// BpeTrainer of Hugging Face's tokenizers (initial_alphabet=ByteLevel.alphabet()), which gives its special tokens and then
// the bytes the first ids, too.
func LearnBPE(ctx context.Context, texts iter.Seq[string], o BPEOptions) (*LearnedBPE, error) {
	if o.Pattern == "" {
		o.Pattern = PatternGPT2
	}
	scan, ok := bpePatterns[o.Pattern]
	if !ok {
		return nil, fmt.Errorf("pattern %q is not known; known are %v", o.Pattern, BPEPatterns())
	}
	l, err := newLearner(o)
	if err != nil {
		return nil, err
	}
	if err := l.count(ctx, texts, scan.scan); err != nil {
		return nil, err
	}
	if len(l.words) == 0 {
		return nil, fmt.Errorf("there is no text to learn a vocabulary of")
	}
	l.countPairs()
	if err := l.learn(ctx, o); err != nil {
		return nil, err
	}
	return &LearnedBPE{Tokens: l.tokens, Merges: l.mergeList(), Special: slices.Clone(o.Special), Pattern: o.Pattern}, nil
}

// learner follows BpeTrainer::do_train of the tokenizers crate step by step, with its ways to count: where a token can be
// made of two pairs, counts of what was merged already stay, and a pair that comes again is merged again, and ranked as
// when it was last. Another account would give other merges.
type learner struct {
	tokens []string
	ids    map[string]int32
	words  []learnedWord
	counts map[uint64]int64 // of pairs of neighbours, by pairKey
	heap   pairHeap
	merges []uint64 // in order; the last of a pair counts

	where map[uint64][]int32 // of one merge: the words that got a new pair
}

// learnedWord is a word that occurs, spelled in the tokens so far.
type learnedWord struct {
	ids   []int32
	count int64
}

func newLearner(o BPEOptions) (*learner, error) {
	l := &learner{ids: map[string]int32{}, counts: map[uint64]int64{}, where: map[uint64][]int32{}}
	for _, s := range o.Special {
		if _, twice := l.ids[s]; twice || s == "" {
			return nil, fmt.Errorf("special token %q is empty or occurs twice", s)
		}
		l.add(s)
	}
	// Bytes come in the order of the characters that stand for them.
	alphabet := slices.Clone(byteRunes[:])
	slices.Sort(alphabet)
	for _, r := range alphabet {
		if _, twice := l.ids[string(r)]; twice {
			return nil, fmt.Errorf("special token %q is a single character, which stands for a byte", string(r))
		}
		l.add(string(r))
	}
	if o.VocabSize < len(l.tokens) {
		return nil, fmt.Errorf("a vocabulary of %d tokens is too small: 256 bytes and %d special tokens make %d",
			o.VocabSize, len(o.Special), len(l.tokens))
	}
	return l, nil
}

func (l *learner) add(token string) int32 {
	id := int32(len(l.tokens))
	l.tokens = append(l.tokens, token)
	l.ids[token] = id
	return id
}

// count collects the words of all texts.
func (l *learner) count(ctx context.Context, texts iter.Seq[string], scan scanner) error {
	index := map[string]int32{}
	for text := range texts {
		if err := ctx.Err(); err != nil {
			return err
		}
		text = ValidUTF8(text)
		for i := 0; i < len(text); {
			end := scan(text, i)
			word := text[i:end]
			i = end
			at, ok := index[word]
			if !ok {
				at = int32(len(l.words))
				spelled := make([]int32, len(word))
				for k := range len(word) {
					spelled[k] = l.ids[byteChars[word[k]]]
				}
				l.words = append(l.words, learnedWord{ids: spelled})
				index[string([]byte(word))] = at // a copy, so that the text can go
			}
			l.words[at].count++
		}
	}
	return nil
}

// countPairs fills the heap.
func (l *learner) countPairs() {
	for i, w := range l.words {
		for k := 1; k < len(w.ids); k++ {
			key := pairKey(w.ids[k-1], w.ids[k])
			l.counts[key] += w.count
			l.note(key, int32(i))
		}
	}
	l.pushNew()
}

// note says that a word got a pair. Words come one after another.
func (l *learner) note(key uint64, word int32) {
	list := l.where[key]
	if len(list) == 0 || list[len(list)-1] != word {
		l.where[key] = append(list, word)
	}
}

func (l *learner) pushNew() {
	for key, words := range l.where {
		if count := l.counts[key]; count > 0 {
			l.heap.push(pairEntry{count, key, words})
		}
	}
	clear(l.where)
}

// learn merges pair by pair.
func (l *learner) learn(ctx context.Context, o BPEOptions) error {
	least := int64(max(1, o.MinCount))
	for len(l.tokens) < o.VocabSize && len(l.heap) > 0 {
		top := l.heap.pop()
		if count := l.counts[top.key]; count != top.count {
			top.count = count
			l.heap.push(top)
			continue
		}
		if top.count < least {
			break
		}
		if len(l.merges)%256 == 0 {
			if err := ctx.Err(); err != nil {
				return err
			}
		}
		l.merge(top)
	}
	return nil
}

// merge makes one token of a pair, in the words that it may be in.
func (l *learner) merge(top pairEntry) {
	a, b := int32(top.key>>32), int32(uint32(top.key))
	text := l.tokens[a] + l.tokens[b]
	id, ok := l.ids[text]
	if !ok {
		id = l.add(text)
	}
	l.merges = append(l.merges, top.key)
	for _, i := range top.words {
		w := &l.words[i]
		kept := w.ids[:0]
		for k := 0; k < len(w.ids); k++ {
			if w.ids[k] != a || k+1 >= len(w.ids) || w.ids[k+1] != b {
				kept = append(kept, w.ids[k])
				continue
			}
			if n := len(kept); n > 0 {
				l.counts[pairKey(kept[n-1], a)] -= w.count
				l.gain(pairKey(kept[n-1], id), i, w.count)
			}
			if k+2 < len(w.ids) {
				l.counts[pairKey(b, w.ids[k+2])] -= w.count
				l.gain(pairKey(id, w.ids[k+2]), i, w.count)
			}
			kept = append(kept, id)
			k++
		}
		w.ids = kept
	}
	l.pushNew()
}

func (l *learner) gain(key uint64, word int32, count int64) {
	l.counts[key] += count
	l.note(key, word)
}

// mergeList spells the merges, each pair where it came last.
func (l *learner) mergeList() [][2]string {
	last := make(map[uint64]int, len(l.merges))
	for i, key := range l.merges {
		last[key] = i
	}
	list := make([][2]string, 0, len(last))
	for i, key := range l.merges {
		if last[key] == i {
			list = append(list, [2]string{l.tokens[key>>32], l.tokens[uint32(key)]})
		}
	}
	return list
}

// pairEntry is a pair, how often it occurred when it was pushed, and the words that got it then.
type pairEntry struct {
	count int64
	key   uint64
	words []int32
}

func (a *pairEntry) before(b *pairEntry) bool {
	return a.count > b.count || a.count == b.count && a.key < b.key
}

// pairHeap is a binary heap, the most frequent pair first.
type pairHeap []pairEntry

func (h *pairHeap) push(e pairEntry) {
	*h = append(*h, e)
	s := *h
	i := len(s) - 1
	for i > 0 {
		parent := (i - 1) / 2
		if !e.before(&s[parent]) {
			break
		}
		s[i] = s[parent]
		i = parent
	}
	s[i] = e
}

func (h *pairHeap) pop() pairEntry {
	s := *h
	top, e := s[0], s[len(s)-1]
	s[len(s)-1] = pairEntry{}
	s = s[:len(s)-1]
	*h = s
	i := 0
	for {
		child := 2*i + 1
		if child >= len(s) {
			break
		}
		if child+1 < len(s) && s[child+1].before(&s[child]) {
			child++
		}
		if !s[child].before(&e) {
			break
		}
		s[i] = s[child]
		i = child
	}
	if len(s) > 0 {
		s[i] = e
	}
	return top
}
