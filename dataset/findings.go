package dataset

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"iter"
	"slices"
	"strings"

	"github.com/januslm/janus/finding"
)

var (
	selectFinding = "SELECT " + quoteNames(finding.FindingColumns()) + " FROM findings"
	insertFinding = "INSERT INTO findings (" + quoteNames(finding.FindingColumns()) + ") VALUES (?" +
		strings.Repeat(", ?", len(finding.FindingColumns())-1) + ") ON CONFLICT (source, id) DO UPDATE SET " + takeNew(finding.FindingColumns())
)

// takeNew sets columns to what the row that is in the way brings; a row that is replaced keeps its place.
func takeNew(names []string) string {
	terms := make([]string, len(names))
	for i, name := range names {
		terms[i] = quoteName(name) + " = excluded." + quoteName(name)
	}
	return strings.Join(terms, ", ")
}

// AddFindings adds findings in one transaction. One with the source and id of a finding that is there replaces that where it
// differs; a split that the store has given it is kept, unless the new one brings its own.
func (s *Store) AddFindings(ctx context.Context, findings []finding.Finding) (added, replaced int, err error) {
	for i := range findings {
		if findings[i].ID == "" {
			return 0, 0, fmt.Errorf("finding %d of %d has no id", i+1, len(findings))
		}
	}
	err = s.write(ctx, func(tx *sql.Tx) error {
		added, replaced = 0, 0
		for _, f := range findings {
			there, err := findingOf(ctx, tx, f.Source, f.ID)
			switch {
			case errors.Is(err, ErrNotFound):
				added++
			case err != nil:
				return err
			default:
				if f.Split == "" {
					f.Split = there.Split
				}
				if slices.Equal(finding.FindingRow(&f), finding.FindingRow(&there)) {
					continue
				}
				replaced++
			}
			if _, err := tx.ExecContext(ctx, insertFinding, finding.FindingRow(&f)...); err != nil {
				return fmt.Errorf("finding %q: %w", f.ID, err)
			}
		}
		return nil
	})
	if err != nil {
		return 0, 0, err
	}
	return added, replaced, nil
}

// findingOf gives one finding, or ErrNotFound.
func findingOf(ctx context.Context, q querier, source, id string) (finding.Finding, error) {
	rows, err := q.QueryContext(ctx, selectFinding+" WHERE source = ? AND id = ?", source, id)
	if err != nil {
		return finding.Finding{}, err
	}
	defer rows.Close() //nolint:errcheck // Err says what went wrong
	if !rows.Next() {
		return finding.Finding{}, errors.Join(rows.Err(), ErrNotFound)
	}
	return scanFinding(rows)
}

func scanFinding(rows *sql.Rows) (finding.Finding, error) {
	row := make([]any, len(finding.FindingColumns()))
	places := make([]any, len(row))
	for i := range row {
		places[i] = &row[i]
	}
	if err := rows.Scan(places...); err != nil {
		return finding.Finding{}, err
	}
	return finding.FindingFromRow(row)
}

// Findings gives the findings that a filter chooses, in the order in which they came. An error is the last thing that it
// gives.
func (s *Store) Findings(ctx context.Context, f Filter) iter.Seq2[finding.Finding, error] {
	return func(yield func(finding.Finding, error) bool) {
		clause, args := f.where(true)
		rows, err := s.db.QueryContext(ctx, selectFinding+clause, args...)
		if err != nil {
			yield(finding.Finding{}, fmt.Errorf("%s: %w", s.path, err))
			return
		}
		defer rows.Close() //nolint:errcheck // Err says what went wrong
		for rows.Next() {
			f, err := scanFinding(rows)
			if err != nil {
				yield(finding.Finding{}, fmt.Errorf("%s: %w", s.path, err))
				return
			}
			if !yield(f, nil) {
				return
			}
		}
		if err := rows.Err(); err != nil {
			yield(finding.Finding{}, fmt.Errorf("%s: %w", s.path, err))
		}
	}
}

// FindingsByID gives the findings of an id, which several sources may have, or ErrNotFound.
func (s *Store) FindingsByID(ctx context.Context, id string) (found []finding.Finding, err error) {
	rows, err := s.db.QueryContext(ctx, selectFinding+" WHERE id = ? ORDER BY rowid", id)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", s.path, err)
	}
	defer rows.Close() //nolint:errcheck // Err says what went wrong
	for rows.Next() {
		f, err := scanFinding(rows)
		if err != nil {
			return nil, fmt.Errorf("%s: %w", s.path, err)
		}
		found = append(found, f)
	}
	if err := rows.Err(); err != nil || len(found) == 0 {
		return nil, fmt.Errorf("%s: finding %q: %w", s.path, id, errors.Join(err, ErrNotFound))
	}
	return found, nil
}

// CountFindings counts the findings that a filter chooses.
func (s *Store) CountFindings(ctx context.Context, f Filter) (n int, err error) {
	clause, args := f.where(true)
	err = s.db.QueryRowContext(ctx, "SELECT count(*) FROM (SELECT 1 FROM findings"+clause+")", args...).Scan(&n)
	if err != nil {
		return 0, fmt.Errorf("%s: %w", s.path, err)
	}
	return n, nil
}
