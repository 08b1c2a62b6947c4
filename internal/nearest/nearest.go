// Package nearest finds the name that was meant.
package nearest

import "slices"

// Of returns the candidate with the smallest edit distance to name, the first of several, and "" where there are none.
func Of(name string, candidates []string) string {
	if len(candidates) == 0 {
		return ""
	}
	return slices.MinFunc(candidates, func(a, b string) int { return Distance(name, a) - Distance(name, b) })
}

// Distance is how many bytes must be put in, taken out or changed to make b of a (Levenshtein, 1966).
func Distance(a, b string) int {
	row := make([]int, len(b)+1)
	for j := range row {
		row[j] = j
	}
	for i := range len(a) {
		diagonal := row[0]
		row[0] = i + 1
		for j := range len(b) {
			cost := 1
			if a[i] == b[j] {
				cost = 0
			}
			diagonal, row[j+1] = row[j+1], min(diagonal+cost, row[j]+1, row[j+1]+1)
		}
	}
	return row[len(b)]
}
