// Package floor has the two judges that anything with a language model must beat: accepting every finding, and a bag of words
// (TF-IDF and logistic regression) that is fitted in a second.
//
// The bag of words is scikit-learn's TfidfVectorizer(ngram_range=(1, 2), sublinear_tf=True, max_features=50000) followed by
// LogisticRegression(C=1), and gives its probabilities (a test compares them).
package floor
