package dataset

import (
	"math"
	"runtime"
	"slices"
	"sync"
	"sync/atomic"
)

// nearSets are texts' sets of shingles, so that a comparison of two that are not alike ends early.
type nearSets struct {
	threshold float64
	// first is, of each text, the first one with the same set; -1 of an empty text. What follows is of those first ones.
	first []int
	size  []int // shingles in the set
	// sets hold the shingles that stand in other sets too, as ranks from the rarest to the most frequent: what is left out can
	// only differ, and stands before all others.
	sets     [][]uint32
	compared int // how many pairs of sets were
}

// newNearSets makes the sets, on all processors. It gives the first texts of each set, and their bands.
func newNearSets(texts []string, o NearOptions) (x *nearSets, firsts []int, bands [][]uint64) {
	x = &nearSets{threshold: o.Threshold, size: make([]int, len(texts)), sets: make([][]uint32, len(texts))}
	parallel(len(texts), func(i int) { x.sets[i] = shingles(texts[i]) })
	firsts = x.findEqual()
	family, rows := newHashFamily(o.Seed), bandRows(o.Threshold)
	bands = make([][]uint64, len(texts))
	parallel(len(firsts), func(n int) {
		i := firsts[n]
		s := family.sign(x.sets[i])
		bands[i] = s.bands(rows)
		x.size[i] = len(x.sets[i])
	})
	x.rank(firsts)
	return x, firsts, bands
}

// parallel calls f for 0 … n-1, on all processors.
func parallel(n int, f func(i int)) {
	var next atomic.Int64
	var workers sync.WaitGroup
	for range runtime.GOMAXPROCS(0) {
		workers.Go(func() {
			for i := int(next.Add(1)) - 1; i < n; i = int(next.Add(1)) - 1 {
				f(i)
			}
		})
	}
	workers.Wait()
}

// findEqual fills first, and gives the first text of each set; a collection of copies costs no comparisons.
func (x *nearSets) findEqual() (firsts []int) {
	x.first = make([]int, len(x.sets))
	seen := map[uint64][]int{}
	for i, set := range x.sets {
		if len(set) == 0 {
			x.first[i] = -1
			continue
		}
		hash := uint64(len(set))
		for _, shingle := range set {
			hash = mix(hash ^ uint64(shingle))
		}
		if equal := slices.IndexFunc(seen[hash], func(j int) bool { return slices.Equal(set, x.sets[j]) }); equal >= 0 {
			x.first[i] = seen[hash][equal]
			x.sets[i] = nil
			continue
		}
		x.first[i] = i
		seen[hash] = append(seen[hash], i)
		firsts = append(firsts, i)
	}
	return firsts
}

// rank replaces shingles by their ranks in the order of how many sets they stand in, and leaves out those of one set alone.
func (x *nearSets) rank(firsts []int) {
	const buckets = 1 << 22 // a rough count first, so that the many shingles of one set need no place in a map
	rough := make([]uint32, buckets)
	for _, i := range firsts {
		for _, shingle := range x.sets[i] {
			rough[shingle%buckets]++
		}
	}
	count := map[uint32]uint32{}
	for _, i := range firsts {
		for _, shingle := range x.sets[i] {
			if rough[shingle%buckets] > 1 {
				count[shingle]++
			}
		}
	}
	var order []uint64
	for shingle, n := range count {
		if n > 1 {
			order = append(order, uint64(n)<<32|uint64(shingle))
		}
	}
	slices.Sort(order)
	clear(count)
	for rank, key := range order {
		count[uint32(key)] = uint32(rank)
	}
	parallel(len(firsts), func(n int) {
		i := firsts[n]
		ranks := x.sets[i][:0]
		for _, shingle := range x.sets[i] {
			if rank, shared := count[shingle]; shared {
				ranks = append(ranks, rank)
			}
		}
		slices.Sort(ranks)
		x.sets[i] = slices.Clone(ranks) // the rest is given back
	})
}

// leastShared is the least size of what two sets of these sizes share if they are near duplicates: t/(1+t) of both together.
func (x *nearSets) leastShared(a, b int) int {
	return int(math.Ceil(x.threshold/(1+x.threshold)*float64(a+b) - 1e-9))
}

// shortPrefix and longPrefix are the rarest shingles of a set. Two near duplicates that share o shingles share one among the
// first size-o+1 of each, for in what comes after that there are too few left (Chaudhuri, Ganti and Kaushik 2006, "A primitive
// operator for similarity joins in data cleaning"). The long prefix serves with any set, the short one with sets of the same size
// and larger ones (Xiao et al. 2008, "Efficient similarity joins for near duplicate detection", 3.2).
func (x *nearSets) shortPrefix(i int) []uint32 {
	return x.prefix(i, x.leastShared(x.size[i], x.size[i]))
}

func (x *nearSets) longPrefix(i int) []uint32 {
	return x.prefix(i, int(math.Ceil(x.threshold*float64(x.size[i])-1e-9)))
}

func (x *nearSets) prefix(i, shared int) []uint32 {
	return x.sets[i][:max(0, len(x.sets[i])-shared+1)]
}

// near says whether two of the first texts are near duplicates. It counts what one has and the other has not, the rarest first,
// and stops when that is too much.
func (x *nearSets) near(i, j int) bool {
	x.compared++
	a, b := x.sets[i], x.sets[j]
	least := x.leastShared(x.size[i], x.size[j])
	// How many more shingles of each may be missing in the other; those of one set alone are already.
	spareA, spareB := len(a)-least, len(b)-least
	m, n := 0, 0
	for m < len(a) && n < len(b) && spareA >= 0 && spareB >= 0 {
		switch {
		case a[m] == b[n]:
			m++
			n++
		case a[m] < b[n]:
			m++
			spareA--
		default:
			n++
			spareB--
		}
	}
	return spareA-(len(a)-m) >= 0 && spareB-(len(b)-n) >= 0 && x.similarity(i, j) >= x.threshold
}

// similarity is the Jaccard similarity of two of the first texts.
func (x *nearSets) similarity(i, j int) float64 {
	if i == j {
		return 1
	}
	shared := sharedBy(x.sets[i], x.sets[j])
	return float64(shared) / float64(x.size[i]+x.size[j]-shared)
}
