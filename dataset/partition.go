package dataset

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
