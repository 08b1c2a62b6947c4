package dataset

import (
	"fmt"
	"math/rand/v2"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// exchanges are rows that are told apart by number; texts of another number are not alike.
func exchanges(n int) []Example {
	random := rand.New(rand.NewPCG(1, 1))
	rows := make([]Example, n)
	for i := range rows {
		rows[i] = Example{ID: int64(i + 1), Request: "GET / HTTP/1.1", Response: prose(random, 80), VulnCategory: XSS, IsVulnerable: true, Analysis: "a"}
	}
	return rows
}

func TestFindDuplicates(t *testing.T) {
	rows := exchanges(6)
	copyOf := func(id int, change func(*Example)) {
		e := rows[id-1]
		e.ID = int64(len(rows) + 1)
		change(&e)
		rows = append(rows, e)
	}
	copyOf(1, func(e *Example) { e.Response += " \r\n" })                 // 7: a copy
	copyOf(2, func(e *Example) { e.Response += " and one more" })         // 8: nearly
	copyOf(3, func(e *Example) { e.VulnCategory = SQLI })                 // 9: asks something else
	copyOf(4, func(e *Example) { e.IsVulnerable = false })                // 10: contradicts 4
	copyOf(5, func(e *Example) { e.Reviewed = "2026-01-01T00:00:00Z" })   // 11: of two, the confirmed one is kept
	copyOf(6, func(e *Example) { e.IsVulnerable, e.PairID = false, "p" }) // 12: the other half of 6
	rows[5].PairID = "p"
	copyOf(6, func(e *Example) { e.PairID = "q" })                                            // 13: a copy of 6, whose other half
	copyOf(1, func(e *Example) { e.PairID, e.IsVulnerable, e.Response = "q", false, "else" }) // 14: has no duplicate
	found, err := FindDuplicates(rows, NearOptions{})
	if err != nil {
		t.Fatal(err)
	}
	type short struct {
		ID, Of int64
		Linked bool
	}
	var got []short
	for _, d := range found.Duplicates {
		got = append(got, short{d.ID, d.Of, d.Linked})
	}
	if diff := cmp.Diff([]short{{5, 11, false}, {7, 1, false}, {8, 2, false}, {13, 6, true}}, got); diff != "" {
		t.Error(diff)
	}
	if diff := cmp.Diff([]Contradiction{{4, 10}, {13, 12}}, found.Contradictions); diff != "" {
		t.Error(diff)
	}
	if diff := cmp.Diff([]int64{5, 7, 8}, found.IDs()); diff != "" {
		t.Error(diff)
	}
}

// A chain of small changes does not cost the rows at its far end.
func TestDuplicatesAreNotTransitive(t *testing.T) {
	rows := exchanges(1)
	for i := range 40 {
		e := rows[len(rows)-1]
		e.ID++
		e.Response = fmt.Sprintf("new%d new%d %s", i, 1000+i, e.Response)
		rows = append(rows, e)
	}
	found, err := FindDuplicates(rows, NearOptions{})
	if err != nil {
		t.Fatal(err)
	}
	kept := map[int64]bool{}
	for _, e := range rows {
		kept[e.ID] = true
	}
	for _, d := range found.Duplicates {
		delete(kept, d.ID)
		if d.Similarity < DefaultNear {
			t.Errorf("%+v", d)
		}
	}
	for _, d := range found.Duplicates {
		if !kept[d.Of] {
			t.Errorf("%d is a duplicate of %d, which is not kept", d.ID, d.Of)
		}
	}
	if len(kept) < 2 || len(kept) > 20 {
		t.Errorf("%d of %d rows are kept", len(kept), len(rows))
	}
}

func TestDedupeDeletes(t *testing.T) {
	s := openTest(t)
	rows := exchanges(3)
	if _, err := s.AddExamples(t.Context(), append(rows, rows[1])); err != nil {
		t.Fatal(err)
	}
	for _, remove := range []bool{false, true} {
		found, err := s.Dedupe(t.Context(), Filter{}, NearOptions{}, remove)
		if err != nil || len(found.Duplicates) != 1 {
			t.Fatalf("%+v, %v", found, err)
		}
		want := map[bool]int{false: 4, true: 3}[remove]
		if n, err := s.CountExamples(t.Context(), Filter{}); err != nil || n != want {
			t.Errorf("%d rows, %v; expected %d", n, err, want)
		}
	}
}
