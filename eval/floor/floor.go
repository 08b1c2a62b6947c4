package floor

import (
	"errors"
	"fmt"
	"strings"

	"github.com/januslm/janus/finding"
)

// Names of the two judges, as benchmarks and reports have them.
const (
	AcceptAllName = "accept-all"
	WordsName     = "tfidf-lr"
)

// AcceptAll is the probability that the judge who believes every scanner gives: 1.
const AcceptAll = 1.0

// Settings of the bag of words.
const (
	MaxFeatures = 50_000 // terms
	C           = 1.0    // of the logistic regression: the inverse of its l2 penalty
)

// ErrOneClass is what Fit returns where all rows are of one class.
var ErrOneClass = errors.New("all rows are of one class: a bag of words needs real findings and false alarms")

// Model is a fitted bag of words. It is safe for concurrent use.
type Model struct {
	terms   *vectorizer
	weights []float64 // by column, and the intercept behind them
}

// Fit learns from texts and their labels (true: a real finding). The same rows in the same order give the same model.
func Fit(texts []string, labels []bool) (*Model, error) {
	if len(texts) != len(labels) {
		return nil, fmt.Errorf("floor: %d texts and %d labels, expected as many", len(texts), len(labels))
	}
	if len(texts) == 0 {
		return nil, errors.New("floor: no rows to learn from")
	}
	mixed := false
	for _, label := range labels {
		mixed = mixed || label != labels[0]
	}
	if !mixed {
		return nil, fmt.Errorf("floor: %w", ErrOneClass)
	}
	m := &Model{terms: newVectorizer(texts, MaxFeatures)}
	rows := make([]vector, len(texts))
	for i, text := range texts {
		rows[i] = m.terms.vector(text)
	}
	weights, intercept, err := fitLogistic(rows, labels, len(m.terms.idf), C)
	if err != nil {
		return nil, err
	}
	m.weights = append(weights, intercept)
	return m, nil
}

// Prob is the probability, from 0 to 1, that the finding of a text is real.
func (m *Model) Prob(text string) float64 {
	return sigmoid(m.terms.vector(text).dot(m.weights, len(m.terms.idf)))
}

// Threshold is the probability from which the bag of words calls a finding real, as scikit-learn's predict does.
const Threshold = 0.5

// Terms is the number of words and pairs that the model knows.
func (m *Model) Terms() int { return len(m.terms.idf) }

// Text is what the bag of words reads of a finding: what the scanner says (tool, rule, weakness, title, message) and what it is
// about (code, flow, request and response). The path is left out, since that of a test suite may name the answer.
func Text(f *finding.Finding) string {
	parts := []string{f.Tool, f.Rule, f.CWE, f.Title, f.Message, f.Language, f.Focus, f.Snippet}
	parts = append(parts, f.Flow...)
	parts = append(parts, f.Request, f.Response)
	return strings.Join(parts, "\n")
}
