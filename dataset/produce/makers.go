package produce

import (
	"context"
	"errors"
	"fmt"
	"slices"

	"github.com/januslm/janus/dataset"
	"github.com/januslm/janus/dataset/agents"
	"github.com/januslm/janus/dataset/generate"
	"github.com/januslm/janus/finding"
)

// ByRule makes pairs of HTTP exchanges by rule.
func ByRule(o generate.Options) Maker {
	return func(ctx context.Context, from, to int) (pairs []dataset.Pair, err error) {
		o := o
		o.Num = to
		err = generate.Offline(ctx, o, from, func(rows []dataset.Example) error {
			pairs = append(pairs, dataset.Pair{Index: from + len(pairs), Examples: rows})
			return nil
		})
		return pairs, err
	}
}

// IaCByRule makes pairs of findings in infrastructure code by rule; with noFP only the real ones.
func IaCByRule(o generate.IaCOptions, noFP bool) Maker {
	return func(ctx context.Context, from, to int) (pairs []dataset.Pair, err error) {
		o := o
		o.Num = to
		err = generate.IaC(ctx, o, from, func(findings []finding.Finding) error {
			pairs = append(pairs, findingPair(from+len(pairs), findings, noFP))
			return nil
		})
		return pairs, err
	}
}

// PassiveByRule makes pairs of findings of passive checks of HTTP traffic by rule; with noFP only the real ones. A pair is a group
// of its own: who learns from these rows wants some of every check.
func PassiveByRule(o generate.PassiveOptions, noFP bool) Maker {
	return func(ctx context.Context, from, to int) (pairs []dataset.Pair, err error) {
		o := o
		o.Num = to
		err = generate.Passive(ctx, o, from, func(findings []finding.Finding, _ []string) error {
			index := from + len(pairs)
			for i := range findings {
				findings[i].Group += fmt.Sprintf("/%d/%d", o.Seed, index)
			}
			pairs = append(pairs, findingPair(index, findings, noFP))
			return nil
		})
		return pairs, err
	}
}

// findingPair is a pair of findings; with noFP only the real ones of it.
func findingPair(index int, findings []finding.Finding, noFP bool) dataset.Pair {
	if noFP {
		findings = slices.DeleteFunc(findings, func(f finding.Finding) bool { return f.Label != string(finding.TruePositive) })
	}
	return dataset.Pair{Index: index, Findings: findings}
}

// ByAgents makes pairs of HTTP exchanges with a language model, one at a time. there is what the run has of them: a pair that
// was given up before is tried in another way.
func ByAgents(g *agents.Generator, there map[int]dataset.PairState) Maker {
	return func(ctx context.Context, from, to int) (pairs []dataset.Pair, err error) {
		for i := from; i < to; i++ {
			rows, err := g.Pair(ctx, i, there[i].Rounds)
			var given *agents.GivenUpError
			switch {
			case errors.As(err, &given):
				pairs = append(pairs, dataset.Pair{Index: i, GivenUp: given.Error()})
			case err != nil:
				return pairs, err
			default:
				pairs = append(pairs, dataset.Pair{Index: i, Examples: rows})
			}
		}
		return pairs, nil
	}
}
