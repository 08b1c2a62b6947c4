package dataset

import (
	"math"
	"math/rand/v2"
)

// hashes is the length of a signature.
const hashes = 128

// signature is a text's MinHash: for each of the hash functions, the least value over its shingles. Two texts agree in a place
// with a probability of their Jaccard similarity (Broder 1997, "On the resemblance and containment of documents").
type signature [hashes]uint32

// hashFamily are the hash functions x → (a·x + b) / 2³², of 64 bits, with a odd: multiply-shift (Dietzfelbinger et al. 1997, "A
// reliable randomized algorithm for the closest-pair problem").
type hashFamily struct{ a, b [hashes]uint64 }

func newHashFamily(seed uint64) *hashFamily {
	random := rand.New(rand.NewPCG(seed, 0x6a616e7573))
	f := &hashFamily{}
	for i := range hashes {
		f.a[i], f.b[i] = random.Uint64()|1, random.Uint64()
	}
	return f
}

// sign gives the signature of a set of shingles.
func (f *hashFamily) sign(set []uint32) (s signature) {
	for h := range s {
		s[h] = math.MaxUint32
	}
	for _, shingle := range set {
		v := mix(uint64(shingle)) // 64 bits for the multiplication to work on
		for h := range s {
			s[h] = min(s[h], uint32((f.a[h]*v+f.b[h])>>32))
		}
	}
	return s
}

// bands gives a hash of each band of a signature.
func (s *signature) bands(rows int) []uint64 {
	out := make([]uint64, hashes/rows)
	for band := range out {
		for _, place := range s[band*rows : (band+1)*rows] {
			out[band] = mix(out[band] ^ uint64(place))
		}
	}
	return out
}

// bandRows is how many places of a signature make a band, such that near duplicates share a band with a probability of 0.99 and
// more, and others as seldom as that allows: 1-(1-t^rows)^bands (Mining of Massive Datasets, 3.4.2).
func bandRows(threshold float64) int {
	for rows := 16; rows > 1; rows-- {
		if 1-math.Pow(1-math.Pow(threshold, float64(rows)), float64(hashes/rows)) >= 0.99 {
			return rows
		}
	}
	return 1
}
