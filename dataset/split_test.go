package dataset

import (
	"fmt"
	"math"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"

	"pgregory.net/rapid"
)

// items are random items with groups of random sizes and texts of which some are near duplicates.
func items(t *rapid.T) []Item {
	n := rapid.IntRange(60, 200).Draw(t, "n")
	groups := rapid.IntRange(20, 80).Draw(t, "groups")
	random := rand.New(rand.NewPCG(rapid.Uint64().Draw(t, "texts"), 1))
	out := make([]Item, n)
	for i := range out {
		out[i] = Item{Key: fmt.Sprintf("k%d", i), Stratum: fmt.Sprint("s", random.IntN(3)), Text: prose(random, 60)}
		if random.IntN(3) > 0 {
			out[i].Groups = []string{fmt.Sprint("g", random.IntN(groups))}
		}
		if i > 0 && random.IntN(6) == 0 {
			out[i].Text = out[random.IntN(i)].Text + " and"
		}
	}
	return out
}

// prose is a random text of so many words.
func prose(random *rand.Rand, words int) string {
	var b strings.Builder
	for range words {
		fmt.Fprintf(&b, "w%d ", random.IntN(5000))
	}
	return b.String()
}

func TestSplitProperties(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		in := items(t)
		o := SplitOptions{Sides: []Side{{Train, 8}, {Dev, 1}, {Test, 1}}, Seed: rapid.Uint64().Draw(t, "seed")}
		d, err := Split(in, o)
		if err != nil {
			t.Fatal(err)
		}
		// No group and no near duplicates on two sides.
		where := map[string]int{}
		for i, item := range in {
			for _, g := range item.Groups {
				if s, there := where[g]; there && s != d.Side[i] {
					t.Fatalf("group %s is on the sides %d and %d", g, s, d.Side[i])
				}
				where[g] = d.Side[i]
			}
			for j := range i {
				if d.Side[i] != d.Side[j] && jaccard(shingles(in[i].Text), shingles(in[j].Text)) >= DefaultNear {
					t.Fatalf("near duplicates %d and %d are on two sides", i, j)
				}
			}
		}
		// The ratio is met but for one lump.
		for _, s := range d.Report.Sides {
			if off := math.Abs(s.Share - s.Wanted); off > float64(d.Report.Largest)/float64(len(in))+0.05 {
				t.Fatalf("%s has %.3f, expected %.3f; the largest group has %d of %d", s.Name, s.Share, s.Wanted, d.Report.Largest, len(in))
			}
		}
		// The order does not matter, and the same seed gives the same.
		order := rand.New(rand.NewPCG(1, rapid.Uint64().Draw(t, "order"))).Perm(len(in))
		shuffled := make([]Item, len(in))
		for to, from := range order {
			shuffled[to] = in[from]
		}
		again, err := Split(shuffled, o)
		if err != nil {
			t.Fatal(err)
		}
		for to, from := range order {
			if again.Side[to] != d.Side[from] {
				t.Fatalf("item %d changes sides with the order of items", from)
			}
		}
	})
}

// Without large groups the shares are met to the item, in each stratum.
func TestSplitStrata(t *testing.T) {
	var in []Item
	for i := range 1000 {
		in = append(in, Item{Key: fmt.Sprint(i), Stratum: []string{"a", "b", "b", "c"}[i%4]})
	}
	first, err := Split(in, SplitOptions{Sides: []Side{{Train, 80}, {Test, 20}}, Seed: 1})
	if err != nil {
		t.Fatal(err)
	}
	test := first.Report.Sides[1]
	if test.Items != 200 || test.Strata["a"] != 50 || test.Strata["b"] != 100 || test.Strata["c"] != 50 {
		t.Errorf("%+v", test)
	}
	second, err := Split(in, SplitOptions{Sides: []Side{{Train, 80}, {Test, 20}}, Seed: 2})
	if err != nil {
		t.Fatal(err)
	}
	if slices.Equal(first.Side, second.Side) {
		t.Error("another seed gives the same split")
	}
	folds, err := KFold(in, 5, SplitOptions{Seed: 3})
	if err != nil {
		t.Fatal(err)
	}
	for _, f := range folds.Report.Sides {
		if f.Items != 200 || f.Strata["b"] != 100 {
			t.Errorf("%+v", f)
		}
	}
}

func TestSplitRefuses(t *testing.T) {
	in := []Item{{Key: "1", Groups: []string{"g"}}, {Key: "2", Groups: []string{"g"}}}
	if _, err := Split(in, SplitOptions{Sides: []Side{{Train, 1}, {Test, 1}}}); err == nil || !strings.Contains(err.Error(), "belong together") {
		t.Errorf("one group on two sides: %v", err)
	}
	if _, err := KFold(in, 1, SplitOptions{}); err == nil {
		t.Error("one fold")
	}
	for _, ratio := range []string{"", "80", "80/-1", "a/b", "1/2/3/4", "80/0", "NaN/1"} {
		if sides, err := ParseRatio(ratio); err == nil {
			t.Errorf("%q is %v", ratio, sides)
		}
	}
}
