package dataset

import (
	"context"
	"database/sql"
	"errors"
	"fmt"

	"github.com/januslm/janus/internal/llm"
)

// Ledger is the account of language models' calls in the store: one that a killed process leaves whole.
func (s *Store) Ledger() llm.Ledger { return calls{s} }

type calls struct{ s *Store }

// Answered implements llm.Ledger.
func (c calls) Answered(ctx context.Context, tag llm.Tag, question string) (a llm.Answer, ok bool, err error) {
	err = c.s.db.QueryRowContext(ctx, `SELECT answer, finish FROM llm_calls
		WHERE run = ? AND item = ? AND question = ? AND state = ? AND answer <> '' ORDER BY id LIMIT 1`,
		tag.Run, tag.Item, question, llm.Answered).Scan(&a.Text, &a.Finish)
	if errors.Is(err, sql.ErrNoRows) {
		return a, false, nil
	}
	if err != nil {
		return a, false, fmt.Errorf("%s: %w", c.s.path, err)
	}
	return a, true, nil
}

// Begin implements llm.Ledger.
func (c calls) Begin(ctx context.Context, call llm.Call) (id int64, err error) {
	err = c.s.write(ctx, func(tx *sql.Tx) error {
		result, err := tx.ExecContext(ctx, `INSERT INTO llm_calls (run, item, purpose, question, model, attempt, state, reserve, sent_at)
			VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)`,
			call.Tag.Run, call.Tag.Item, call.Tag.Purpose, call.Question, call.Model, call.Attempt, call.State, call.Reserve, now())
		if err != nil {
			return err
		}
		id, err = result.LastInsertId()
		return err
	})
	return id, err
}

// End implements llm.Ledger.
func (c calls) End(ctx context.Context, id int64, call llm.Call) error {
	return c.s.write(ctx, func(tx *sql.Tx) error {
		_, err := tx.ExecContext(ctx, `UPDATE llm_calls SET state = ?, status = ?, response = ?, prompt_tokens = ?, completion_tokens = ?,
			estimated = ?, cost = ?, error = ?, answer = ?, finish = ?, ended_at = ? WHERE id = ?`,
			call.State, call.Status, call.Response, call.Usage.Prompt, call.Usage.Completion,
			call.Usage.Estimated, call.Cost, call.Error, call.Answer.Text, call.Answer.Finish, now(), id)
		return err
	})
}

// Costs sums up a run's calls over all processes that worked on it.
type Costs struct {
	Calls      int // attempts that were sent, or were about to be
	Answered   int // whole answers that arrived
	Failed     int // refused, or the server was not reached
	Lost       int // stalled, cut off, or on their way when the process was killed: the server may bill them
	Prompt     int // tokens
	Completion int // tokens
	Estimated  int // calls without a count from the server, whose tokens are estimates
	USD        float64
	LostUSD    float64 // what the lost calls can have cost at most
}

// Costs sums up the calls of a run. Calls that another process has on their way right now count as lost.
func (s *Store) Costs(ctx context.Context, run string) (Costs, error) {
	return s.costs(ctx, "run = ?", run)
}

// ItemCosts sums up the calls of a run for one of its items, as Costs does.
func (s *Store) ItemCosts(ctx context.Context, run string, item int) (Costs, error) {
	return s.costs(ctx, "run = ? AND item = ?", run, item)
}

func (s *Store) costs(ctx context.Context, where string, args ...any) (c Costs, err error) {
	err = s.db.QueryRowContext(ctx, `SELECT count(*), coalesce(sum(state = 'answered'), 0), coalesce(sum(state = 'failed'), 0),
		coalesce(sum(state IN ('lost', 'sent')), 0), coalesce(sum(prompt_tokens), 0), coalesce(sum(completion_tokens), 0),
		coalesce(sum(estimated), 0), coalesce(sum(cost), 0), coalesce(sum(CASE WHEN state IN ('lost', 'sent') THEN reserve END), 0)
		FROM llm_calls WHERE `+where, args...).Scan(&c.Calls, &c.Answered, &c.Failed, &c.Lost, &c.Prompt, &c.Completion, &c.Estimated, &c.USD, &c.LostUSD)
	if err != nil {
		return c, fmt.Errorf("%s: %w", s.path, err)
	}
	return c, nil
}
