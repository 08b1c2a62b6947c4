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

func TestNear(t *testing.T) {
	random := rand.New(rand.NewPCG(1, 2))
	base := prose(random, 200)
	texts := []string{
		base, prose(random, 200), strings.ToUpper(base), base + "one more word", "", "", "short", " SHORT ", "other",
		strings.ReplaceAll(base, " ", "\r\n\t"),
	}
	got, err := Near(texts, NearOptions{})
	if err != nil {
		t.Fatal(err)
	}
	if want := []int{0, 1, 0, 0, 2, 3, 4, 4, 5, 0}; !slices.Equal(got, want) {
		t.Errorf("%v, expected %v", got, want)
	}
	if _, err := Near(texts, NearOptions{Threshold: 1.5}); err == nil {
		t.Error("a similarity of 1.5")
	}
}

// Every pair above the threshold is together, as comparing all of them says.
func TestNearIsComplete(t *testing.T) {
	random := rand.New(rand.NewPCG(3, 4))
	var texts []string
	for range 40 {
		words := strings.Fields(prose(random, 120))
		for range 6 { // with more and more words changed
			texts = append(texts, strings.Join(words, " "))
			words[random.IntN(len(words))] = "changed"
		}
	}
	for _, threshold := range []float64{0.6, 0.8, 0.95} {
		clusters, err := Near(texts, NearOptions{Threshold: threshold})
		if err != nil {
			t.Fatal(err)
		}
		if want := brute(texts, threshold); !slices.Equal(clusters, want) {
			t.Errorf("threshold %g: %v, expected %v", threshold, clusters, want)
		}
	}
}

func TestSignatureEstimates(t *testing.T) {
	random := rand.New(rand.NewPCG(5, 6))
	a := strings.Fields(prose(random, 400))
	for _, changes := range []int{0, 5, 20, 60} {
		b := slices.Clone(a)
		for i := range changes {
			b[i*len(b)/max(changes, 1)] = "other"
		}
		family := newHashFamily(7)
		first, second := shingles(strings.Join(a, " ")), shingles(strings.Join(b, " "))
		s, t2 := family.sign(first), family.sign(second)
		agree := 0
		for place := range s {
			if s[place] == t2[place] {
				agree++
			}
		}
		want, got := jaccard(first, second), float64(agree)/hashes
		if math.Abs(got-want) > 5*0.5/math.Sqrt(hashes) { // five standard deviations, at most
			t.Errorf("%d changes: estimated %.3f, it is %.3f", changes, got, want)
		}
	}
}

// templated are texts that share most of their words: of some templates a fixed part, some words of a few choices, and own ones.
func templated(random *rand.Rand, n, templates, fixed, chosen, own int) []string {
	heads := make([]string, templates)
	for i := range heads {
		heads[i] = prose(random, fixed)
	}
	texts := make([]string, n)
	for i := range texts {
		var b strings.Builder
		b.WriteString(heads[random.IntN(templates)])
		for slot := range chosen {
			fmt.Fprintf(&b, "c%dof%d ", random.IntN(4), slot)
		}
		b.WriteString(prose(random, random.IntN(own+1)))
		texts[i] = b.String()
	}
	return texts
}

// brute gives what is together as comparing all pairs says.
func brute(texts []string, threshold float64) []int {
	sets := make([][]uint32, len(texts))
	for i := range texts {
		sets[i] = shingles(texts[i])
	}
	together := newPartition(len(texts))
	for i := range texts {
		for j := range i {
			if jaccard(sets[i], sets[j]) >= threshold {
				together.join(i, j)
			}
		}
	}
	return together.numbers()
}

// In buckets of any size, all that is near comes together and nothing else.
func TestJoinBucketIsExact(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		random := rand.New(rand.NewPCG(rapid.Uint64().Draw(t, "texts"), 1))
		n := rapid.IntRange(1, 150).Draw(t, "n")
		texts := templated(random, n, rapid.IntRange(1, 3).Draw(t, "templates"), rapid.IntRange(0, 60).Draw(t, "fixed"),
			rapid.IntRange(0, 20).Draw(t, "chosen"), rapid.IntRange(1, 30).Draw(t, "own"))
		threshold := rapid.SampledFrom([]float64{0.3, 0.5, 0.6, 0.8, 0.95, 1}).Draw(t, "threshold")
		x, firsts, _ := newNearSets(texts, NearOptions{Threshold: threshold})
		j := newNearJoin(x)
		if len(firsts) > 0 {
			j.joinBucket(firsts)
		}
		if got, want := j.together.numbers(), brute(texts, threshold); !slices.Equal(got, want) {
			t.Fatalf("threshold %g: %v, expected %v", threshold, got, want)
		}
	})
}

// Texts that share much without being near are hardly ever compared, and neither are those that are together already.
func TestNearIsNotQuadratic(t *testing.T) {
	const n = 20_000
	for _, c := range []struct {
		name                    string
		fixed, own              int
		mostCompared, clusterOf int // at most so many comparisons a text, and at least one cluster of so many
	}{
		{"half of each is the same", 40, 40, 1, 1},
		{"five in six of each are the same", 100, 20, 10, 1},
		{"all are near", 115, 5, 2, n / 2},
	} {
		texts := templated(rand.New(rand.NewPCG(8, 9)), n, 1, c.fixed, 0, 0)
		random := rand.New(rand.NewPCG(10, 11))
		for i := range texts {
			texts[i] += prose(random, c.own)
		}
		x, clusters, err := nearClusters(texts, NearOptions{})
		if err != nil {
			t.Fatal(err)
		}
		sizes := map[int]int{}
		largest := 0
		for _, cluster := range clusters {
			sizes[cluster]++
			largest = max(largest, sizes[cluster])
		}
		if x.compared > c.mostCompared*n || largest < c.clusterOf {
			t.Errorf("%s: %d comparisons of %d texts, the largest cluster has %d", c.name, x.compared, n, largest)
		}
	}
}

func BenchmarkNear(b *testing.B) {
	for _, fixed := range []int{40, 60, 80, 115} { // of 120 words
		b.Run(fmt.Sprintf("%d of 120 words are the same", fixed), func(b *testing.B) {
			random := rand.New(rand.NewPCG(8, 9))
			texts := make([]string, 100_000)
			head := prose(random, fixed)
			for i := range texts {
				texts[i] = head + prose(random, 120-fixed)
			}
			for b.Loop() {
				if _, err := Near(texts, NearOptions{}); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}
