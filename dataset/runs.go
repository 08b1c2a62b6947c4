package dataset

import (
	"context"
	"crypto/sha256"
	"database/sql"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"iter"
	"strconv"

	"github.com/januslm/janus/finding"
)

// Pair is a pair that a generating run made, or gave up.
type Pair struct {
	Index    int // from 0
	Examples []Example
	Findings []finding.Finding
	GivenUp  string // why there are no rows; empty where there are
}

// PairState is what a run has of a pair.
type PairState struct {
	Done   bool // its rows are in the store; else it was given up
	Rounds int  // how often it was tried to the end
	Reason string
}

// StartRun enters a generating run, or finds it: runs with equal settings have one key, the SHA-256 of their JSON.
func (s *Store) StartRun(ctx context.Context, settings any) (key string, err error) {
	text, err := json.Marshal(settings)
	if err != nil {
		return "", err
	}
	sum := sha256.Sum256(text)
	key = hex.EncodeToString(sum[:])
	return key, s.write(ctx, func(tx *sql.Tx) error {
		_, err := tx.ExecContext(ctx, "INSERT OR IGNORE INTO generate_runs (key, settings) VALUES (?, ?)", key, string(text))
		return err
	})
}

// Pairs is what a run has of the pairs with an index below n.
func (s *Store) Pairs(ctx context.Context, run string, n int) (map[int]PairState, error) {
	rows, err := s.db.QueryContext(ctx, "SELECT pair, state = 'done', rounds, reason FROM generate_pairs WHERE run = ? AND pair < ?", run, n)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", s.path, err)
	}
	defer rows.Close() //nolint:errcheck // Err says what went wrong
	pairs := map[int]PairState{}
	for rows.Next() {
		var index int
		var state PairState
		if err := rows.Scan(&index, &state.Done, &state.Rounds, &state.Reason); err != nil {
			return nil, fmt.Errorf("%s: %w", s.path, err)
		}
		pairs[index] = state
	}
	if err := rows.Err(); err != nil {
		return nil, fmt.Errorf("%s: %w", s.path, err)
	}
	return pairs, nil
}

// AddPairs adds what a run made, in one transaction: the rows, and that the pairs are done. A pair that is done already,
// because another process was faster, is left as it is; added counts the others that have rows. The calls of an ended pair stay
// on the account, but their answers are not needed any more.
func (s *Store) AddPairs(ctx context.Context, run string, pairs []Pair) (added int, err error) {
	for _, p := range pairs {
		for i := range p.Examples {
			if err := p.Examples[i].Check(); err != nil {
				return 0, fmt.Errorf("pair %d: %w", p.Index, err)
			}
		}
	}
	err = s.write(ctx, func(tx *sql.Tx) error {
		added = 0
		insert, err := tx.PrepareContext(ctx, insertExample)
		if err != nil {
			return err
		}
		defer insert.Close() //nolint:errcheck // the transaction's end closes it
		for _, p := range pairs {
			new, err := addPair(ctx, tx, insert, run, p)
			if err != nil {
				return fmt.Errorf("pair %d: %w", p.Index, err)
			}
			if new && p.GivenUp == "" {
				added++
			}
		}
		return nil
	})
	return added, err
}

// addPair tells whether it was new.
func addPair(ctx context.Context, tx *sql.Tx, insert *sql.Stmt, run string, p Pair) (bool, error) {
	var state string
	rounds := 0
	err := tx.QueryRowContext(ctx, "SELECT state, rounds FROM generate_pairs WHERE run = ? AND pair = ?", run, p.Index).Scan(&state, &rounds)
	if err != nil && !errors.Is(err, sql.ErrNoRows) {
		return false, err
	}
	if state == "done" {
		return false, nil
	}
	ids := []any{}
	for _, e := range p.Examples {
		id, err := addExample(ctx, insert, e, nil)
		if err != nil {
			return false, err
		}
		ids = append(ids, id)
	}
	for i := range p.Findings {
		f := &p.Findings[i]
		there, err := findingOf(ctx, tx, f.Source, f.ID)
		if err == nil && there.ContentHash() != f.ContentHash() { // it must not take the place of another run's
			return false, fmt.Errorf("finding %q of %q is there already, and it is another one", f.ID, f.Source)
		}
		if err != nil && !errors.Is(err, ErrNotFound) {
			return false, err
		}
		if _, err := tx.ExecContext(ctx, insertFinding, finding.FindingRow(f)...); err != nil {
			return false, fmt.Errorf("finding %q: %w", f.ID, err)
		}
		ids = append(ids, []string{f.Source, f.ID})
	}
	state = "done"
	if p.GivenUp != "" {
		state = "given_up"
	}
	rows, err := json.Marshal(ids)
	if err != nil {
		return false, err
	}
	_, err = tx.ExecContext(ctx, `INSERT OR REPLACE INTO generate_pairs (run, pair, state, rounds, reason, rows, ended) VALUES (?, ?, ?, ?, ?, ?, ?)`,
		run, p.Index, state, rounds+1, p.GivenUp, string(rows), now())
	if err != nil {
		return false, err
	}
	_, err = tx.ExecContext(ctx, "UPDATE llm_calls SET answer = '' WHERE run = ? AND item = ? AND answer <> ''", run, p.Index)
	return true, err
}

// RunExamples gives the examples of a run's pairs with an index below n, in the order of the pairs.
func (s *Store) RunExamples(ctx context.Context, run string, n int) iter.Seq2[Example, error] {
	return runRows(ctx, s, run, n, "integer", func(value string) (Example, error) {
		id, err := strconv.ParseInt(value, 10, 64)
		if err != nil {
			return Example{}, err
		}
		return s.Example(ctx, id)
	})
}

// RunFindings gives the findings of a run's pairs with an index below n, in the order of the pairs.
func (s *Store) RunFindings(ctx context.Context, run string, n int) iter.Seq2[finding.Finding, error] {
	return runRows(ctx, s, run, n, "array", func(value string) (finding.Finding, error) {
		var key [2]string // source and id
		if err := json.Unmarshal([]byte(value), &key); err != nil {
			return finding.Finding{}, err
		}
		return findingOf(ctx, s.db, key[0], key[1])
	})
}

// runRows gives the rows that a run's pairs name in JSON values of a kind, but for those that a person has deleted since.
func runRows[T any](ctx context.Context, s *Store, run string, n int, kind string, get func(value string) (T, error)) iter.Seq2[T, error] {
	return func(yield func(T, error) bool) {
		var none T
		rows, err := s.db.QueryContext(ctx, `SELECT value FROM generate_pairs, json_each(generate_pairs.rows)
			WHERE run = ? AND pair < ? AND json_each.type = ? ORDER BY pair, json_each.key`, run, n, kind)
		if err != nil {
			yield(none, fmt.Errorf("%s: %w", s.path, err))
			return
		}
		defer rows.Close() //nolint:errcheck // Err says what went wrong
		for rows.Next() {
			var value string
			err := rows.Scan(&value)
			row := none
			if err == nil {
				row, err = get(value)
			}
			if errors.Is(err, ErrNotFound) {
				continue
			}
			if !yield(row, err) || err != nil {
				return
			}
		}
		if err := rows.Err(); err != nil {
			yield(none, fmt.Errorf("%s: %w", s.path, err))
		}
	}
}
