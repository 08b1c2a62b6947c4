package dataset

import (
	"cmp"
	"fmt"
	"math"
	"math/rand/v2"
	"runtime"
	"slices"
	"sync"
	"sync/atomic"
)

// DefaultNear is the similarity from which texts are near duplicates.
const DefaultNear = 0.8

// NearOptions say what near duplicates are.
type NearOptions struct {
	// Threshold is the Jaccard similarity of two texts' sets of 5-token shingles from which they are near duplicates, above 0
	// and at most 1. 0 means DefaultNear.
	Threshold float64
	Seed      uint64 // of the hash functions
}

func (o NearOptions) threshold() (float64, error) {
	if o.Threshold == 0 {
		return DefaultNear, nil
	}
	if !(o.Threshold > 0 && o.Threshold <= 1) {
		return 0, fmt.Errorf("near-duplicate threshold: expected above 0 and at most 1, found %g", o.Threshold)
	}
	return o.Threshold, nil
}

// hashes is the length of a signature: the standard deviation of an estimate from it is at most 1/(2·sqrt(hashes)) = 0.044.
const hashes = 128

// signature is a text's MinHash: for each of the hash functions, the least value over its shingles. Two texts agree in a place
// with a probability of their Jaccard similarity (Broder 1997, "On the resemblance and containment of documents").
type signature [hashes]uint32

// agreement estimates the Jaccard similarity.
func (s *signature) agreement(t *signature) float64 {
	n := 0
	for i := range s {
		if s[i] == t[i] {
			n++
		}
	}
	return float64(n) / hashes
}

// slack is how far below the threshold an estimate may lie before a pair is thrown out unseen: five standard deviations.
const slack = 5 * 0.5 / 11.3137 // 0.5/sqrt(128)

// nearIndex is what is known of texts to compare them.
type nearIndex struct {
	threshold  float64
	sets       [][]uint32
	signatures []signature
}

// near says whether two texts are near duplicates: by the true similarity, where the estimate does not rule it out.
func (x *nearIndex) near(i, j int) bool {
	if x.signatures[i].agreement(&x.signatures[j]) < x.threshold-slack {
		return false
	}
	return jaccard(x.sets[i], x.sets[j]) >= x.threshold
}

// newNearIndex makes the texts' sets and signatures, on all processors.
func newNearIndex(texts []string, threshold float64, seed uint64) *nearIndex {
	x := &nearIndex{threshold: threshold, sets: make([][]uint32, len(texts)), signatures: make([]signature, len(texts))}
	// Hash functions x → (a·x + b) / 2³², of 64 bits, with a odd: multiply-shift (Dietzfelbinger et al. 1997, "A reliable
	// randomized algorithm for the closest-pair problem").
	random := rand.New(rand.NewPCG(seed, 0x6a616e7573))
	var a, b [hashes]uint64
	for i := range hashes {
		a[i], b[i] = random.Uint64()|1, random.Uint64()
	}
	var next atomic.Int64
	var workers sync.WaitGroup
	for range runtime.GOMAXPROCS(0) {
		workers.Go(func() {
			for {
				i := int(next.Add(1)) - 1
				if i >= len(texts) {
					return
				}
				x.sets[i] = shingles(texts[i])
				sig := &x.signatures[i]
				for h := range sig {
					sig[h] = math.MaxUint32
				}
				for _, shingle := range x.sets[i] {
					v := mix(uint64(shingle)) // 64 bits for the multiplication to work on
					for h := range sig {
						sig[h] = min(sig[h], uint32((a[h]*v+b[h])>>32))
					}
				}
			}
		})
	}
	workers.Wait()
	return x
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

// Near finds near duplicates. It gives each text the number of its cluster: texts that are near duplicates, or are so through
// others, have the same. Clusters are numbered in the order of their first texts. What is together does not hang on the texts'
// order. Empty texts are alone.
//
// Candidates come from MinHash signatures in bands, so that a pair at the threshold is missed with a probability of at most
// 0.01 and a nearer one more seldom; each candidate is verified by its true similarity.
func Near(texts []string, o NearOptions) ([]int, error) {
	_, clusters, err := nearClusters(texts, o)
	return clusters, err
}

func nearClusters(texts []string, o NearOptions) (*nearIndex, []int, error) {
	threshold, err := o.threshold()
	if err != nil {
		return nil, nil, err
	}
	x := newNearIndex(texts, threshold, o.Seed)
	together := newPartition(len(texts))
	unlike := x.joinEqual(together)
	rows := bandRows(threshold)
	bucket := make([]uint64, len(texts))
	for band := range hashes / rows {
		for _, i := range unlike {
			bucket[i] = 0
			for _, place := range x.signatures[i][band*rows : (band+1)*rows] {
				bucket[i] = mix(bucket[i] ^ uint64(place))
			}
		}
		slices.SortFunc(unlike, func(i, j int) int { return cmp.Or(cmp.Compare(bucket[i], bucket[j]), cmp.Compare(i, j)) })
		for from := 0; from < len(unlike); {
			to := from + 1
			for to < len(unlike) && bucket[unlike[to]] == bucket[unlike[from]] {
				to++
			}
			x.joinBucket(unlike[from:to], together)
			from = to
		}
	}
	return x, together.numbers(), nil
}

// joinEqual puts texts with equal sets together, and gives the first of each; a collection of copies costs no comparisons.
func (x *nearIndex) joinEqual(together *partition) (firsts []int) {
	seen := map[uint64][]int{}
	for i, set := range x.sets {
		if len(set) == 0 {
			continue
		}
		hash := uint64(len(set))
		for _, shingle := range set {
			hash = mix(hash ^ uint64(shingle))
		}
		equal := slices.IndexFunc(seen[hash], func(j int) bool { return slices.Equal(set, x.sets[j]) })
		if equal >= 0 {
			together.join(i, seen[hash][equal])
			continue
		}
		seen[hash] = append(seen[hash], i)
		firsts = append(firsts, i)
	}
	return firsts
}

// joinBucket compares the texts of a bucket with each other, unless they are together already.
func (x *nearIndex) joinBucket(bucket []int, together *partition) {
	var parts [][]int // of the bucket, those that are together
	for _, i := range bucket {
		mine := []int{i}
		kept := parts[:0]
		for _, part := range parts {
			if together.find(i) == together.find(part[0]) || slices.ContainsFunc(part, func(j int) bool { return x.near(i, j) }) {
				together.join(i, part[0])
				mine = append(part, mine...)
			} else {
				kept = append(kept, part)
			}
		}
		parts = append(kept, mine)
	}
}

// partition is a union-find structure over 0 … n-1.
type partition struct{ parent []int }

func newPartition(n int) *partition {
	p := &partition{parent: make([]int, n)}
	for i := range p.parent {
		p.parent[i] = i
	}
	return p
}

func (p *partition) find(i int) int {
	for p.parent[i] != i {
		p.parent[i] = p.parent[p.parent[i]]
		i = p.parent[i]
	}
	return i
}

// join puts two together; the least of a part stands for it.
func (p *partition) join(i, j int) {
	i, j = p.find(i), p.find(j)
	p.parent[max(i, j)] = min(i, j)
}

// numbers numbers the parts in the order of their first members.
func (p *partition) numbers() []int {
	out := make([]int, len(p.parent))
	next := 0
	for i := range out {
		if root := p.find(i); root == i {
			out[i] = next
			next++
		} else {
			out[i] = out[root]
		}
	}
	return out
}
