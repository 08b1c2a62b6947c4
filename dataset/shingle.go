package dataset

import (
	"slices"
	"unicode"
	"unicode/utf8"
)

// shingleTokens is how many tokens that follow each other make a shingle. Leskovec, Rajaraman and Ullman (Mining of Massive
// Datasets, 3.2) ask that a shingle be rare in a text: 5 words of prose; requests and code have more tokens a line.
const shingleTokens = 5

// FNV-1a's constants for 64 bits (draft-eastlake-fnv).
const (
	fnvOffset = 14695981039346656037
	fnvPrime  = 1099511628211
)

// tokens gives a hash of each token of a text: a run of letters and digits in lower case, or any other character that is not
// white space. So line ends, indentation and case make no difference.
func tokens(text string) []uint64 {
	var out []uint64
	hash, inWord := uint64(fnvOffset), false
	for _, r := range text {
		word := r == '_' || r < utf8.RuneSelf && ('a' <= r && r <= 'z' || 'A' <= r && r <= 'Z' || '0' <= r && r <= '9') ||
			r >= utf8.RuneSelf && (unicode.IsLetter(r) || unicode.IsDigit(r))
		if inWord && !word {
			out = append(out, hash)
		}
		switch {
		case word:
			if !inWord {
				hash = fnvOffset
			}
			hash = (hash ^ uint64(unicode.ToLower(r))) * fnvPrime
		case !unicode.IsSpace(r):
			out = append(out, (fnvOffset^uint64(r))*fnvPrime)
		}
		inWord = word
	}
	if inWord {
		out = append(out, hash)
	}
	return out
}

// shingles is the set of a text's shingles, as sorted hashes. A text shorter than a shingle is one by itself; an empty one has
// none.
func shingles(text string) []uint32 {
	t := tokens(text)
	if len(t) == 0 {
		return nil
	}
	k := min(shingleTokens, len(t))
	set := make([]uint32, 0, len(t)-k+1)
	for i := 0; i+k <= len(t); i++ {
		hash := uint64(fnvOffset)
		for _, token := range t[i : i+k] {
			hash = mix(hash ^ token)
		}
		set = append(set, uint32(hash>>32))
	}
	slices.Sort(set)
	return slices.Compact(set)
}

// mix is the finalizer of SplitMix64 (Steele, Lea and Flood 2014): every bit of the result hangs on every bit of x.
func mix(x uint64) uint64 {
	x = (x ^ x>>30) * 0xbf58476d1ce4e5b9
	x = (x ^ x>>27) * 0x94d049bb133111eb
	return x ^ x>>31
}

// jaccard is the similarity of two sets: the size of what they share divided by the size of what they hold together.
func jaccard(a, b []uint32) float64 {
	if len(a)+len(b) == 0 {
		return 0
	}
	shared := sharedBy(a, b)
	return float64(shared) / float64(len(a)+len(b)-shared)
}

// sharedBy is how many elements two sorted sets share.
func sharedBy(a, b []uint32) (shared int) {
	for i, j := 0, 0; i < len(a) && j < len(b); {
		switch {
		case a[i] == b[j]:
			shared++
			i++
			j++
		case a[i] < b[j]:
			i++
		default:
			j++
		}
	}
	return shared
}
