package dataset

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"iter"
	"slices"
	"strings"
	"time"
	"unicode/utf8"
)

// studyColumns are those of the study's training_data, after its id.
var studyColumns = []string{"request", "response", "analysis", "is_vulnerable", "vuln_category"}

// exampleColumns are the columns of training_data that are an Example's fields, but for the id: its JSON keys in their order.
var exampleColumns = slices.Concat(studyColumns, []string{"pair_id", "group", "source", "split", "note", "prompt", "created", "reviewed"})

// fields are the places of an example's fields, in the order of exampleColumns.
func (e *Example) fields() []any {
	return []any{
		&e.Request, &e.Response, &e.Analysis, &e.IsVulnerable, &e.VulnCategory,
		&e.PairID, &e.Group, &e.Source, &e.Split, &e.Note, &e.Prompt, &e.Created, &e.Reviewed,
	}
}

// values are an example's fields, in the order of exampleColumns.
func (e *Example) values() []any {
	return []any{
		e.Request, e.Response, e.Analysis, e.IsVulnerable, e.VulnCategory,
		e.PairID, e.Group, e.Source, e.Split, e.Note, e.Prompt, e.Created, e.Reviewed,
	}
}

var (
	selectExample = "SELECT id, " + quoteNames(exampleColumns) + " FROM " + trainingTable
	insertExample = "INSERT INTO " + trainingTable + " (id, origin_hash, content_hash, " + quoteNames(exampleColumns) + ") VALUES (?, ?, ?" +
		strings.Repeat(", ?", len(exampleColumns)) + ")"
	updateExample = "UPDATE " + trainingTable + " SET content_hash = ?, " + assignNames(exampleColumns) + " WHERE id = ?"
)

func quoteNames(names []string) string {
	quoted := make([]string, len(names))
	for i, name := range names {
		quoted[i] = quoteName(name)
	}
	return strings.Join(quoted, ", ")
}

func assignNames(names []string) string {
	quoted := make([]string, len(names))
	for i, name := range names {
		quoted[i] = quoteName(name) + " = ?"
	}
	return strings.Join(quoted, ", ")
}

// Check says what an example lacks: an exchange, a category, or text that is UTF-8.
func (e *Example) Check() error {
	switch {
	case strings.TrimSpace(e.Request) == "" && strings.TrimSpace(e.Response) == "":
		return errors.New("expected a request or a response, found neither")
	case strings.TrimSpace(e.VulnCategory) == "":
		return errors.New("vuln_category: expected one of " + strings.Join(Categories(), ", ") + ", found nothing")
	}
	for i, value := range e.values() {
		if text, ok := value.(string); ok && !utf8.ValidString(text) {
			return errors.New(exampleColumns[i] + ": not UTF-8")
		}
	}
	return nil
}

// AddExamples adds rows in one transaction: all of them, or none. So rows of a pair that come together stay together. It gives
// the ids that the rows got; ids that they have are not looked at.
func (s *Store) AddExamples(ctx context.Context, examples []Example) (ids []int64, err error) {
	for i := range examples {
		if err := examples[i].Check(); err != nil {
			return nil, fmt.Errorf("example %d of %d: %w", i+1, len(examples), err)
		}
	}
	err = s.write(ctx, func(tx *sql.Tx) error {
		insert, err := tx.PrepareContext(ctx, insertExample)
		if err != nil {
			return err
		}
		defer insert.Close() //nolint:errcheck // the transaction's end closes it
		for i := range examples {
			id, err := addExample(ctx, insert, examples[i], nil)
			if err != nil {
				return err
			}
			ids = append(ids, id)
		}
		return nil
	})
	if err != nil {
		return nil, err
	}
	return ids, nil
}

// addExample inserts a row. A nil id lets the store choose.
func addExample(ctx context.Context, insert *sql.Stmt, e Example, id any) (int64, error) {
	if e.Created == "" {
		e.Created = now()
	}
	hash := e.ContentHash()
	result, err := insert.ExecContext(ctx, append([]any{id, hash, hash}, e.values()...)...)
	if err != nil {
		return 0, err
	}
	return result.LastInsertId()
}

// now is the time as the store writes it.
func now() string { return time.Now().UTC().Format(time.RFC3339) }

// Examples gives the rows that a filter chooses, by id, as they are read. An error is the last thing that it gives.
func (s *Store) Examples(ctx context.Context, f Filter) iter.Seq2[Example, error] {
	return func(yield func(Example, error) bool) {
		clause, args := f.where(false)
		rows, err := s.db.QueryContext(ctx, selectExample+clause, args...)
		if err != nil {
			yield(Example{}, fmt.Errorf("%s: %w", s.path, err))
			return
		}
		defer rows.Close() //nolint:errcheck // Err says what went wrong
		for rows.Next() {
			var e Example
			if err := rows.Scan(append([]any{&e.ID}, e.fields()...)...); err != nil {
				yield(Example{}, fmt.Errorf("%s: %w", s.path, err))
				return
			}
			if !yield(e, nil) {
				return
			}
		}
		if err := rows.Err(); err != nil {
			yield(Example{}, fmt.Errorf("%s: %w", s.path, err))
		}
	}
}

// Example gives the row of an id, or ErrNotFound.
func (s *Store) Example(ctx context.Context, id int64) (Example, error) {
	for e, err := range s.Examples(ctx, Filter{IDs: []int64{id}}) {
		return e, err
	}
	return Example{}, fmt.Errorf("%s: training_data %d: %w", s.path, id, ErrNotFound)
}

// CountExamples counts the rows that a filter chooses.
func (s *Store) CountExamples(ctx context.Context, f Filter) (n int, err error) {
	clause, args := f.where(false)
	err = s.db.QueryRowContext(ctx, "SELECT count(*) FROM (SELECT id FROM "+trainingTable+clause+")", args...).Scan(&n)
	if err != nil {
		return 0, fmt.Errorf("%s: %w", s.path, err)
	}
	return n, nil
}

// UpdateExample replaces the row of the example's id, or gives ErrNotFound. The row is still known as the one that came in: an
// import of its first form does not bring that back.
func (s *Store) UpdateExample(ctx context.Context, e Example) error {
	if err := e.Check(); err != nil {
		return fmt.Errorf("training_data %d: %w", e.ID, err)
	}
	return s.write(ctx, func(tx *sql.Tx) error {
		result, err := tx.ExecContext(ctx, updateExample, append(append([]any{e.ContentHash()}, e.values()...), e.ID)...)
		if err != nil {
			return err
		}
		if n, err := result.RowsAffected(); err != nil || n == 0 {
			return errors.Join(err, fmt.Errorf("training_data %d: %w", e.ID, ErrNotFound))
		}
		return nil
	})
}

// DeleteExamples deletes rows, all in one transaction, and says how many there were.
func (s *Store) DeleteExamples(ctx context.Context, ids []int64) (deleted int, err error) {
	if len(ids) == 0 {
		return 0, nil
	}
	err = s.write(ctx, func(tx *sql.Tx) error {
		result, err := tx.ExecContext(ctx, "DELETE FROM "+trainingTable+" WHERE id IN ("+joinIDs(ids)+")")
		if err != nil {
			return err
		}
		n, err := result.RowsAffected()
		deleted = int(n)
		return err
	})
	return deleted, err
}

// hashBatch is how many rows get their hashes in one transaction.
const hashBatch = 1000

// fillHashes gives hashes to rows that other programs, or the study, wrote.
func (s *Store) fillHashes(ctx context.Context) error {
	for {
		var missing bool
		err := s.db.QueryRowContext(ctx, "SELECT EXISTS (SELECT 1 FROM "+trainingTable+" WHERE content_hash = '')").Scan(&missing)
		if err != nil || !missing {
			return err
		}
		if err := s.write(ctx, func(tx *sql.Tx) error { return fillSomeHashes(ctx, tx) }); err != nil {
			return err
		}
	}
}

func fillSomeHashes(ctx context.Context, tx *sql.Tx) error {
	rows, err := tx.QueryContext(ctx, fmt.Sprintf("%s WHERE content_hash = '' LIMIT %d", selectExample, hashBatch))
	if err != nil {
		return err
	}
	defer rows.Close() //nolint:errcheck // Err says what went wrong
	hashes := map[int64]string{}
	for rows.Next() {
		var e Example
		if err := rows.Scan(append([]any{&e.ID}, e.fields()...)...); err != nil {
			return err
		}
		hashes[e.ID] = e.ContentHash()
	}
	if err := rows.Err(); err != nil {
		return err
	}
	for id, hash := range hashes {
		if _, err := tx.ExecContext(ctx, "UPDATE "+trainingTable+" SET content_hash = ?1, origin_hash = iif(origin_hash = '', ?1, origin_hash) WHERE id = ?2", hash, id); err != nil {
			return err
		}
	}
	return nil
}
