package ablate

import (
	"fmt"
	"slices"
	"strings"

	"github.com/januslm/janus/train"
	"github.com/januslm/janus/train/full"
	"github.com/januslm/janus/train/run"
)

// recipes are the settings of trainings, but for those that a point has.
type recipes struct {
	lora  train.LoRAConfig
	joint train.JointConfig
	full  full.Config
}

// loadRecipes reads what the grid's approaches need, and refuses approaches that the rows cannot have.
func (s *Study) loadRecipes(c *checker) {
	for i, approach := range c.Approach {
		var err error
		switch approach {
		case approachLoRA:
			err = loadRecipe(c.LoRA, &s.recipes.lora)
		case approachJoint:
			err = loadRecipe(c.Joint, &s.recipes.joint)
		case approachFull:
			err = loadRecipe(c.Full, &s.recipes.full)
		}
		if (approach == approachLoRA || approach == approachFull) && !slices.ContainsFunc(s.Rows.on(trainSide), s.Rows.explained) {
			c.fail(entry("approach", i), "%s learns analyses, and no training row has one: give training data with analyses (janus data generate), or take joint, which learns labels too", approach)
		}
		if err != nil {
			c.errs = append(c.errs, fmt.Errorf("%s%s: its recipe: %w", c.source.at(approach), approach, err))
		}
	}
}

// loadRecipe reads a recipe; an empty path is the command's defaults.
func loadRecipe(path string, config interface{ Check() error }) error {
	if err := run.LoadConfig(path, config); err != nil {
		return err
	}
	return config.Check()
}

// explained tells whether a row has an analysis.
func (r *Rows) explained(i int) bool {
	return r.examples[i] != nil && strings.TrimSpace(r.examples[i].Analysis) != ""
}

// recipe is the whole configuration of a point's training; nil where there is none.
func (s *Study) recipe(at setting) any {
	switch at.Approach {
	case approachLoRA:
		c := s.recipes.lora
		c.Data = nil
		s.own(&c.Settings, at)
		return &c
	case approachJoint:
		c := s.recipes.joint
		c.Data, c.Prompt, c.Prompts = nil, at.Prompt, "" // the parts that were changed stand in the point's hash
		s.own(&c.Settings, at)
		return &c
	case approachFull:
		c := s.recipes.full
		c.Data, c.Model, c.DB, c.DType, c.Seed = nil, "", "", s.Grid.DType, at.Seed
		return &c
	}
	return nil
}

// own puts a point's settings in the place of the recipe's.
func (s *Study) own(c *train.Settings, at setting) {
	c.Model, c.DB, c.DType, c.Seed, c.Rank = "", "", s.Grid.DType, at.Seed, at.Rank
	c.Targets, c.TargetPattern = strings.Split(at.Targets, "+"), ""
}
