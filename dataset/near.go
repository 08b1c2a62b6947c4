package dataset

import (
	"cmp"
	"fmt"
	"slices"
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

// Near finds near duplicates. It gives each text the number of its cluster: texts that are near duplicates, or are so through
// others, have the same. Clusters are numbered in the order of their first texts. What is together does not hang on the texts'
// order. Empty texts are alone.
//
// Candidates come from MinHash signatures in bands, so that a pair at the threshold is missed with a probability of at most
// 0.01 and a nearer one more seldom; each candidate is verified by its true similarity. Texts that share much without being near
// duplicates, such as the same headers, share bands too: in a large bucket those are compared that share one of their rarest
// shingles, which misses none.
func Near(texts []string, o NearOptions) ([]int, error) {
	_, clusters, err := nearClusters(texts, o)
	return clusters, err
}

func nearClusters(texts []string, o NearOptions) (*nearSets, []int, error) {
	var err error
	if o.Threshold, err = o.threshold(); err != nil {
		return nil, nil, err
	}
	x, firsts, bands := newNearSets(texts, o)
	j := newNearJoin(x)
	type place struct {
		bucket uint64
		text   int
	}
	var places []place
	for _, i := range firsts {
		if len(x.longPrefix(i)) > 0 { // else nothing can be near to it
			places = append(places, place{text: i})
		}
	}
	for band := range hashes / bandRows(o.Threshold) {
		for n := range places {
			places[n].bucket = bands[places[n].text][band]
		}
		slices.SortFunc(places, func(a, b place) int { return cmp.Or(cmp.Compare(a.bucket, b.bucket), cmp.Compare(a.text, b.text)) })
		var bucket []int
		for n, p := range places {
			bucket = append(bucket, p.text)
			if n+1 == len(places) || places[n+1].bucket != p.bucket {
				j.joinBucket(bucket)
				bucket = bucket[:0]
			}
		}
	}
	return x, j.together.numbers(), nil
}

// nearJoin puts together what is near.
type nearJoin struct {
	*nearSets
	together *partition
	seen     []int // of each text, the number of the last search that compared it
	search   int
}

// newNearJoin begins with equal texts together.
func newNearJoin(x *nearSets) *nearJoin {
	j := &nearJoin{nearSets: x, together: newPartition(len(x.first)), seen: make([]int, len(x.first))}
	for i, first := range x.first {
		if first >= 0 {
			j.together.join(i, first)
		}
	}
	return j
}

// smallBucket is up to how many texts are compared each with each.
const smallBucket = 16

// joinBucket compares the texts of a bucket with each other, unless they are together already.
func (j *nearJoin) joinBucket(bucket []int) {
	root := j.together.find(bucket[0])
	if !slices.ContainsFunc(bucket, func(i int) bool { return j.together.find(i) != root }) {
		return
	}
	if len(bucket) <= smallBucket {
		for n, i := range bucket {
			for _, k := range bucket[:n] {
				if j.together.find(i) != j.together.find(k) && j.near(i, k) {
					j.together.join(i, k)
				}
			}
		}
		return
	}
	// By size, so that each meets those of at most its size, of which the short prefix is enough.
	slices.SortFunc(bucket, func(a, b int) int { return cmp.Or(cmp.Compare(j.size[a], j.size[b]), cmp.Compare(a, b)) })
	holders := map[uint32][][]int{} // of each shingle, whose short prefix it is in; those in one list are together
	for _, i := range bucket {
		j.search++
		short := len(j.shortPrefix(i))
		for n, shingle := range j.longPrefix(i) {
			lists, mine := j.joinHolders(i, holders[shingle])
			if n < short {
				mine = append(mine, i)
			}
			if mine != nil {
				lists = append(lists, mine)
			}
			if lists != nil {
				holders[shingle] = lists
			}
		}
	}
}

// joinHolders joins a text with those of some lists that it is near to. It gives the lists that it is not together with then, and
// the others as one. Lists that it is together with already cost no look at their texts.
func (j *nearJoin) joinHolders(i int, lists [][]int) (others [][]int, mine []int) {
	others = lists[:0]
	root := j.together.find(i)
	for _, list := range lists {
		if root != j.together.find(list[0]) && !slices.ContainsFunc(list, func(k int) bool { return j.nearUnseen(i, k) }) {
			others = append(others, list)
			continue
		}
		j.together.join(i, list[0])
		root = j.together.find(i)
		if len(list) < len(mine) {
			mine, list = list, mine
		}
		mine = append(list, mine...)
	}
	return others, mine
}

// nearUnseen is near, but for pairs that this search has compared.
func (j *nearJoin) nearUnseen(i, k int) bool {
	if j.seen[k] == j.search {
		return false
	}
	j.seen[k] = j.search
	return j.near(i, k)
}
