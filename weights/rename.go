package weights

import (
	"cmp"
	"fmt"
	"slices"
)

// Rename gives tensors other names: those by which a family of models lists them. A tensor whose new name is "" is left out.
// Where a tensor has the new name of another already, as with copies that some versions of transformers save, it stands and
// the other is left out; two that are renamed alike are an error.
func (c *Checkpoint) Rename(rename func(name string) string) error {
	renamed := map[string]string{} // new name → old
	for _, e := range c.entries {
		if to := rename(e.name); to != "" && (renamed[to] == "" || to == e.name) {
			renamed[to] = e.name
		}
	}
	list := make([]shardEntry, 0, len(renamed))
	for _, e := range c.entries {
		to := rename(e.name)
		switch {
		case to == "":
			continue
		case renamed[to] == e.name:
			e.name = to
			list = append(list, e)
		case renamed[to] != to:
			return fmt.Errorf("%s: tensors %s and %s are both %s of the model: the checkpoint holds two models",
				c.Files()[0], renamed[to], e.name, to)
		}
	}
	slices.SortFunc(list, func(a, b shardEntry) int { return cmp.Compare(a.name, b.name) })
	c.entries = list
	return nil
}
