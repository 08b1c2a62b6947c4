package dataset

// keptRows are the rows that are no duplicates so far, such that the one that a row duplicates is found without a look at all.
type keptRows struct {
	x        *nearSets
	rows     []Example
	clusters []int
	equal    map[int][]int // by the first text of their set
	kinds    map[kind]*keptKind
	seen     []int // of each row, the last one that was compared with it, plus 1
}

// kind is what a row and its duplicates have in common.
type kind struct {
	cluster    int
	category   string
	vulnerable bool
}

// keptKind are the rows of one kind. Where they are many, they are found by the shingles of their prefixes.
type keptKind struct {
	rows        []int
	short, long map[uint32][]int
}

func newKeptRows(x *nearSets, rows []Example, clusters []int) *keptRows {
	return &keptRows{x: x, rows: rows, clusters: clusters, equal: map[int][]int{}, kinds: map[kind]*keptKind{}, seen: make([]int, len(rows))}
}

func (k *keptRows) kind(i int) kind {
	return kind{k.clusters[i], k.rows[i].VulnCategory, k.rows[i].IsVulnerable}
}

// pair says whether two rows are of one pair.
func (k *keptRows) pair(i, j int) bool {
	return k.rows[i].PairID != "" && k.rows[i].PairID == k.rows[j].PairID
}

// add keeps a row.
func (k *keptRows) add(i int) {
	first := k.x.first[i]
	if first < 0 {
		return // an empty text has no duplicates
	}
	k.equal[first] = append(k.equal[first], i)
	of := k.kinds[k.kind(i)]
	if of == nil {
		of = &keptKind{}
		k.kinds[k.kind(i)] = of
	}
	of.rows = append(of.rows, i)
	added := of.rows[len(of.rows)-1:]
	if len(of.rows) == smallBucket+1 {
		of.short, of.long = map[uint32][]int{}, map[uint32][]int{}
		added = of.rows
	}
	if of.short == nil {
		return
	}
	for _, j := range added {
		for _, shingle := range k.x.shortPrefix(k.x.first[j]) {
			of.short[shingle] = append(of.short[shingle], j)
		}
		for _, shingle := range k.x.longPrefix(k.x.first[j]) {
			of.long[shingle] = append(of.long[shingle], j)
		}
	}
}

// contradicting gives the kept rows that have a row's exchange and category, and the other truth, and are no pair with it.
func (k *keptRows) contradicting(i int) (found []int) {
	if k.x.first[i] < 0 {
		return nil
	}
	for _, j := range k.equal[k.x.first[i]] {
		if k.rows[i].VulnCategory == k.rows[j].VulnCategory && k.rows[i].IsVulnerable != k.rows[j].IsVulnerable && !k.pair(i, j) {
			found = append(found, j)
		}
	}
	return found
}

// original gives the first kept row that a row is a duplicate of, or -1.
func (k *keptRows) original(i int) int {
	first, of, best := k.x.first[i], k.kinds[k.kind(i)], -1
	if of == nil || first < 0 {
		return -1
	}
	look := func(rows []int) { // in the order in which they were kept
		for _, j := range rows {
			if best >= 0 && j >= best {
				return
			}
			if k.seen[j] == i+1 || k.pair(i, j) || k.kind(i) != k.kind(j) {
				continue
			}
			k.seen[j] = i + 1
			if other := k.x.first[j]; first == other || k.x.near(first, other) {
				best = j
			}
		}
	}
	if of.short == nil {
		look(of.rows)
		return best
	}
	look(k.equal[first]) // equal sets have no shingles to find them by where no other set has those
	for _, shingle := range k.x.longPrefix(first) {
		look(of.short[shingle])
	}
	for _, shingle := range k.x.shortPrefix(first) {
		look(of.long[shingle])
	}
	return best
}
