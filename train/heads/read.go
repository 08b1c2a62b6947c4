package heads

import (
	"context"
	"errors"

	"github.com/januslm/janus/dataset"
	"github.com/januslm/janus/finding"
	"github.com/januslm/janus/review"
)

// Read reads labelled findings from files in any format that a review reads, and the claims that rows of training data stand for
// (see dataset.ReadExamples); items are what division goes by. problems are the rows, and the files, that could not be read.
func Read(ctx context.Context, files []string) (findings []finding.Finding, items []dataset.Item, problems []error, err error) {
	var failed []error
	for _, path := range files {
		examples, wrong, ok, err := dataset.ReadExamples(path)
		if err == nil && ok {
			problems = append(problems, wrong...)
			for i := range examples {
				f := examples[i].Finding()
				f.Origin.Input = path
				findings, items = append(findings, f), append(items, dataset.ExampleItem(&examples[i]))
			}
			continue
		}
		reports, unreadable, err := review.Read(ctx, []string{path}, review.ReadOptions{})
		if ctx.Err() != nil {
			return nil, nil, nil, err
		}
		if err != nil { // one file that cannot be read does not cost the others
			failed = append(failed, err)
			continue
		}
		problems = append(problems, unreadable...)
		for _, r := range reports {
			problems = append(problems, r.Problems...)
			for i := range r.Findings {
				findings, items = append(findings, r.Findings[i]), append(items, dataset.FindingItem(&r.Findings[i]))
			}
		}
	}
	if len(findings) == 0 {
		return nil, nil, problems, errors.Join(failed...)
	}
	return findings, items, append(problems, failed...), nil
}

// ReadStore reads a store's labelled findings and its training data, as the claims that those stand for; items are what
// division goes by.
func ReadStore(ctx context.Context, store *dataset.Store) (findings []finding.Finding, items []dataset.Item, err error) {
	for e, err := range store.Examples(ctx, dataset.Filter{}) {
		if err != nil {
			return nil, nil, err
		}
		findings, items = append(findings, e.Finding()), append(items, dataset.ExampleItem(&e))
	}
	for f, err := range store.Findings(ctx, dataset.Filter{}) {
		if err != nil {
			return nil, nil, err
		}
		findings, items = append(findings, f), append(items, dataset.FindingItem(&f))
	}
	return findings, items, nil
}
