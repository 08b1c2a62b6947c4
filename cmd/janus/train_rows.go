package main

import (
	"context"
	"errors"
	"fmt"

	"github.com/januslm/janus/dataset"
	"github.com/januslm/janus/finding"
	"github.com/januslm/janus/train/heads"
)

// labelledRows reads the labelled findings, from files or else from the data base, and divides them. dev is the share of dev rows
// where they have no split.
func labelledRows(ctx context.Context, files []string, path string, dev float64, seed uint64) (rows *heads.Rows, problems []error, err error) {
	var findings []finding.Finding
	var items []dataset.Item
	if len(files) > 0 {
		if findings, items, problems, err = heads.Read(ctx, files); err != nil {
			return nil, nil, err
		}
		for _, p := range problems {
			note("left out: %v", p)
		}
	} else {
		db := dataBase(path)
		store, err := db.open()
		if err != nil {
			return nil, nil, fmt.Errorf("no --data is given, and %w", err)
		}
		findings, items, err = heads.ReadStore(ctx, store)
		if err = errors.Join(err, store.Close()); err != nil {
			return nil, nil, err
		}
	}
	rows, err = heads.NewRows(findings, items, dev, seed)
	return rows, problems, err
}
