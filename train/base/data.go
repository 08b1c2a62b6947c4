package base

import (
	"context"
	"crypto/sha256"
	"encoding/binary"
	"encoding/hex"
	"errors"
	"fmt"
	"math"
	"math/rand/v2"
	"slices"

	"github.com/januslm/janus/tokenizer"
	"github.com/januslm/janus/train"
	"github.com/januslm/janus/transformer"
)

// Data is a model to train, without its weights, and its sequences.
type Data struct {
	Texts      *Texts
	Config     *transformer.Config
	Vocabulary int               // tokens that the tokenizer has
	Files      map[string][]byte // of a new model: settings and tokenizer, by name
	Tokens     int               // of the text
	Train, Dev []train.Example
	SHA256     string // of the tokens
}

// String says it in a line.
func (d *Data) String() string {
	text := fmt.Sprintf("%d texts in %d files, %s: %d tokens of a vocabulary of %d; %d sequences to learn from, %d to validate on",
		len(d.Texts.List), d.Texts.Files, d.Texts.size(), d.Tokens, d.Vocabulary, len(d.Train), len(d.Dev))
	if d.Texts.Skipped > 0 {
		text += fmt.Sprintf("; %d files are no text", d.Texts.Skipped)
	}
	return text
}

// PrepareNew designs a new model for texts: it learns a vocabulary of them and makes sequences.
func PrepareNew(ctx context.Context, texts *Texts, c *Config) (*Data, error) {
	a, err := newArchitecture(c)
	if err != nil {
		return nil, err
	}
	size, err := a.vocabulary()
	if err != nil {
		return nil, err
	}
	special, chatEnd := []string{endOfText}, int32(-1)
	settings := tokenizer.Folder{BOS: endOfText, EOS: endOfText, Pad: endOfText}
	if c.Chat {
		special = append(special, tokenizer.ChatMLStart, tokenizer.ChatMLEnd)
		settings.ChatTemplate, chatEnd = tokenizer.ChatML, 2
	}
	learned, err := tokenizer.LearnBPE(ctx, slices.Values(texts.List), tokenizer.BPEOptions{
		VocabSize: size, MinCount: c.MinCount, Pattern: c.Pattern, Special: special,
	})
	if err != nil {
		return nil, err
	}
	d := &Data{Texts: texts, Vocabulary: len(learned.Tokens)}
	// A text may have too few pairs for the vocabulary that was asked for: what is left would never be learned.
	if d.Config, d.Files, err = a.withTokens(len(learned.Tokens), chatEnd); err != nil {
		return nil, err
	}
	settings.MaxLength = d.Config.ContextLength
	files, err := learned.Files(settings)
	if err != nil {
		return nil, err
	}
	for name, data := range files {
		d.Files[name] = data
	}
	tok, err := learned.Tokenizer()
	if err != nil {
		return nil, err
	}
	return d, d.pack(ctx, tok, 0, c)
}

// PrepareFrom makes sequences of texts for a model that is there, with its tokenizer.
func PrepareFrom(ctx context.Context, texts *Texts, dir string, c *Config) (*Data, error) {
	config, err := transformer.LoadConfig(dir)
	if err != nil {
		return nil, err
	}
	family, err := transformer.Lookup(config.ModelType)
	if err != nil {
		return nil, err
	}
	if family.IsEncoder() {
		return nil, fmt.Errorf("model %s (%s) is an encoder, which writes no text: `janus train encoder` tunes it", dir, config.ModelType)
	}
	if len(config.EOSTokenID) == 0 {
		return nil, fmt.Errorf("model %s names no token that ends a text (eos_token_id in config.json)", dir)
	}
	tok, err := tokenizer.Open(dir)
	if err != nil {
		return nil, err
	}
	d := &Data{Texts: texts, Config: config, Vocabulary: tok.VocabSize()}
	return d, errors.Join(d.pack(ctx, tok, config.EOSTokenID[0], c), tok.Close())
}

// pack puts the texts' tokens one behind another, with end after each, and cuts sequences. One begins with the last token of the
// one before, so that each token but the first is predicted once.
func (d *Data) pack(ctx context.Context, tok tokenizer.Tokenizer, end int32, c *Config) error {
	if c.Length > d.Config.ContextLength {
		return fmt.Errorf("sequence_length is %d, and the model's context is %d", c.Length, d.Config.ContextLength)
	}
	var all []int32
	for _, i := range rand.New(rand.NewPCG(c.Seed, 0)).Perm(len(d.Texts.List)) {
		if err := ctx.Err(); err != nil {
			return err
		}
		// A control token that a text spells out is text. What a model's tokenizer begins with, its training did, too.
		e, err := tok.Encode(d.Texts.List[i], tokenizer.EncodeOptions{AddSpecial: true, LiteralSpecials: true})
		if err != nil {
			return err
		}
		all = append(all, e.IDs...)
		if all[len(all)-1] != end {
			all = append(all, end)
		}
	}
	d.Tokens, d.SHA256 = len(all), hashed(all)
	var sequences []train.Example
	for at := 0; at+c.Length <= len(all); at += c.Length - 1 {
		sequences = append(sequences, train.Example{Prompt: all[at : at+1], Completion: all[at+1 : at+c.Length]})
	}
	dev := int(math.Round(c.DevShare * float64(len(sequences))))
	if c.DevShare > 0 {
		dev = max(dev, 1)
	}
	switch {
	case len(sequences) == 0:
		return fmt.Errorf("the text has %d tokens, fewer than one sequence of %d: give more text, or a smaller sequence_length", len(all), c.Length)
	case dev >= len(sequences):
		return fmt.Errorf("the text makes %d sequences of %d tokens, of which none is left to learn from beside those to validate on: give more text, "+
			"a smaller sequence_length, or dev_share 0, which validates on none", len(sequences), c.Length)
	}
	d.Train, d.Dev = sequences[:len(sequences)-dev], sequences[len(sequences)-dev:]
	return nil
}

func hashed(ids []int32) string {
	h := sha256.New()
	_ = binary.Write(h, binary.LittleEndian, ids) // a hash's Write never fails
	return hex.EncodeToString(h.Sum(nil))
}
