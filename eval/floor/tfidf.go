package floor

import (
	"cmp"
	"maps"
	"math"
	"slices"
	"strings"
	"unicode"
	"unicode/utf8"
)

// vector is a sparse row: columns in rising order, and what stands there.
type vector struct {
	columns []int
	values  []float64
}

// vectorizer turns texts into TF-IDF vectors as scikit-learn's TfidfVectorizer does with smooth_idf, sublinear_tf and the
// l2 norm (Salton and Buckley, Information Processing & Management 24, 1988).
type vectorizer struct {
	columns map[string]int // by term
	idf     []float64
}

// newVectorizer takes the terms of texts; of more than most the commonest, those equally common by the alphabet. (Which of those
// scikit-learn takes is left to its sort.)
func newVectorizer(texts []string, most int) *vectorizer {
	total, documents := map[string]int{}, map[string]int{}
	for _, text := range texts {
		for term, n := range counts(text) {
			total[term] += n
			documents[term]++
		}
	}
	terms := slices.Collect(maps.Keys(total))
	if most > 0 && len(terms) > most {
		slices.SortFunc(terms, func(a, b string) int {
			return cmp.Or(cmp.Compare(total[b], total[a]), cmp.Compare(a, b))
		})
		terms = terms[:most]
	}
	slices.Sort(terms)
	v := &vectorizer{columns: make(map[string]int, len(terms)), idf: make([]float64, len(terms))}
	for i, term := range terms {
		v.columns[term] = i
		v.idf[i] = math.Log(float64(1+len(texts))/float64(1+documents[term])) + 1
	}
	return v
}

// vector is a text's: (1 + ln count)·idf of each known term, scaled to length 1. A text without known terms gives an empty one.
func (v *vectorizer) vector(text string) vector {
	weights := map[int]float64{}
	for term, n := range counts(text) {
		if column, ok := v.columns[term]; ok {
			weights[column] = (1 + math.Log(float64(n))) * v.idf[column]
		}
	}
	row := vector{columns: slices.Sorted(maps.Keys(weights))}
	square := 0.0
	for _, c := range row.columns {
		row.values = append(row.values, weights[c])
		square += weights[c] * weights[c]
	}
	for i := range row.values {
		row.values[i] /= math.Sqrt(square)
	}
	return row
}

// counts are a text's words, and pairs of neighbours, with how often they occur.
func counts(text string) map[string]int {
	all := words(text)
	n := make(map[string]int, 2*len(all))
	for i, word := range all {
		n[word]++
		if i > 0 {
			n[all[i-1]+" "+word]++
		}
	}
	return n
}

// words are scikit-learn's tokens, (?u)\b\w\w+\b of the text in lower case: runs of two or more letters, numbers and underscores.
func words(text string) []string {
	all := strings.FieldsFunc(strings.ToLower(text), func(r rune) bool {
		return r != '_' && !unicode.IsLetter(r) && !unicode.IsNumber(r)
	})
	return slices.DeleteFunc(all, func(word string) bool {
		return utf8.RuneCountInString(word) < 2
	})
}
