package dataset

import (
	"context"
	"database/sql"
	"encoding/json"
	"errors"
	"fmt"
	"iter"
	"math"
)

// Benchmark is one run of one variant of a judge over its cases.
type Benchmark struct {
	ID      int64 // the store's
	Name    string
	Created string // RFC 3339
	Variant string
	Seed    uint64
	Config  json.RawMessage // an object
	// SHA-256 of the files; empty where there is none.
	ModelSHA256, AdapterSHA256, HeadSHA256 string
}

// BenchmarkResult is what a variant said of a case.
type BenchmarkResult struct {
	CaseID  string
	Truth   string  // TP or FP
	Verdict string  // empty where the case failed
	P       float64 // probability that it is real; NaN where the case failed
	Tokens  int
	Seconds float64
	Error   string // why it failed
}

// AddBenchmark adds a benchmark with its results in one transaction, in the place of one of the same name, time and variant.
func (s *Store) AddBenchmark(ctx context.Context, b Benchmark, results []BenchmarkResult) (id int64, err error) {
	if len(b.Config) == 0 {
		b.Config = json.RawMessage("{}")
	}
	err = s.write(ctx, func(tx *sql.Tx) error {
		_, err := tx.ExecContext(ctx, "DELETE FROM benchmarks WHERE name = ? AND created = ? AND variant = ?", b.Name, b.Created, b.Variant)
		if err != nil {
			return err
		}
		added, err := tx.ExecContext(ctx, `INSERT INTO benchmarks (name, created, variant, seed, config, model_hash, adapter_hash, head_hash)
			VALUES (?, ?, ?, ?, ?, ?, ?, ?)`,
			b.Name, b.Created, b.Variant, int64(b.Seed), string(b.Config), b.ModelSHA256, b.AdapterSHA256, b.HeadSHA256) // SQLite's integers have a sign: the bits stay
		if err != nil {
			return err
		}
		if id, err = added.LastInsertId(); err != nil {
			return err
		}
		insert, err := tx.PrepareContext(ctx, `INSERT INTO benchmark_results (benchmark_id, case_id, truth, verdict, p, tokens, seconds, error)
			VALUES (?, ?, ?, ?, ?, ?, ?, ?)`)
		if err != nil {
			return err
		}
		defer insert.Close() //nolint:errcheck // the transaction's end closes it
		for _, r := range results {
			var p any
			if r.Error == "" {
				p = r.P
			}
			if _, err := insert.ExecContext(ctx, id, r.CaseID, r.Truth, r.Verdict, p, r.Tokens, r.Seconds, r.Error); err != nil {
				return fmt.Errorf("case %q: %w", r.CaseID, err)
			}
		}
		return nil
	})
	return id, err
}

const selectBenchmark = "SELECT id, name, created, variant, seed, config, model_hash, adapter_hash, head_hash FROM benchmarks"

// Benchmarks gives the benchmarks in the order in which they were added. An error is the last thing that it gives.
func (s *Store) Benchmarks(ctx context.Context) iter.Seq2[Benchmark, error] {
	return scanAll(ctx, s, selectBenchmark+" ORDER BY id", nil, func(rows *sql.Rows) (b Benchmark, err error) {
		var seed int64
		var config string
		err = rows.Scan(&b.ID, &b.Name, &b.Created, &b.Variant, &seed, &config, &b.ModelSHA256, &b.AdapterSHA256, &b.HeadSHA256)
		b.Seed, b.Config = uint64(seed), json.RawMessage(config)
		return b, err
	})
}

// BenchmarkResults gives a benchmark's results by their cases' ids. An error is the last thing that it gives.
func (s *Store) BenchmarkResults(ctx context.Context, id int64) iter.Seq2[BenchmarkResult, error] {
	query := "SELECT case_id, truth, verdict, p, tokens, seconds, error FROM benchmark_results WHERE benchmark_id = ? ORDER BY case_id"
	return scanAll(ctx, s, query, []any{id}, func(rows *sql.Rows) (r BenchmarkResult, err error) {
		var p sql.Null[float64]
		err = rows.Scan(&r.CaseID, &r.Truth, &r.Verdict, &p, &r.Tokens, &r.Seconds, &r.Error)
		if r.P = p.V; !p.Valid {
			r.P = math.NaN()
		}
		return r, err
	})
}

// scanAll gives the rows of a query.
func scanAll[T any](ctx context.Context, s *Store, query string, args []any, scan func(*sql.Rows) (T, error)) iter.Seq2[T, error] {
	return func(yield func(T, error) bool) {
		rows, err := s.db.QueryContext(ctx, query, args...)
		if err == nil {
			defer rows.Close() //nolint:errcheck // Err says what went wrong
			for rows.Next() {
				var row T
				if row, err = scan(rows); err != nil {
					break
				}
				if !yield(row, nil) {
					return
				}
			}
			err = errors.Join(err, rows.Err())
		}
		if err != nil {
			var none T
			yield(none, fmt.Errorf("%s: %w", s.path, err))
		}
	}
}
