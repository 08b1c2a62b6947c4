package train

import (
	"bufio"
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"slices"
	"strings"

	"github.com/januslm/janus/classifier"
	"github.com/januslm/janus/dataset"
	"github.com/januslm/janus/finding"
	"github.com/januslm/janus/model"
	"github.com/januslm/janus/prompts"
	"github.com/januslm/janus/review"
	"github.com/januslm/janus/tokenizer"
	"github.com/januslm/janus/train/heads"
)

// JointRows are what a joint training may learn from: conversations, and findings without an analysis.
type JointRows struct {
	Conversations []Conversation
	Findings      []finding.Finding
	Items         []dataset.Item // what the findings are divided by
}

// ReadJoint reads files of conversations and files of findings, told apart by their first line. problems are the findings, and their
// files, that could not be read.
func ReadJoint(ctx context.Context, files []string) (rows *JointRows, problems []error, err error) {
	rows = &JointRows{}
	var others []string
	for _, path := range files {
		yes, err := isConversations(path)
		if err != nil {
			return nil, nil, err
		}
		if !yes {
			others = append(others, path)
			continue
		}
		list, err := ReadConversations(path)
		if err != nil {
			return nil, nil, err
		}
		rows.Conversations = append(rows.Conversations, list...)
	}
	if len(others) == 0 {
		return rows, nil, nil
	}
	rows.Findings, rows.Items, problems, err = heads.Read(ctx, others)
	return rows, problems, err
}

// isConversations tells whether a file's first line is an object with messages.
func isConversations(path string) (bool, error) {
	f, err := os.Open(path)
	if err != nil {
		return false, err
	}
	defer f.Close() //nolint:errcheck // only read
	lines := bufio.NewReader(f)
	for {
		line, err := lines.ReadBytes('\n')
		if line = bytes.TrimSpace(line); len(line) > 0 {
			var row struct{ Messages []json.RawMessage }
			return json.Unmarshal(line, &row) == nil && len(row.Messages) > 0, nil
		}
		if err != nil {
			return false, nil //nolint:nilerr // an empty file, or a folder: the readers of findings say so
		}
	}
}

// ReadJointStore reads a data base: rows with an analysis are conversations, the others and labelled findings are findings.
func ReadJointStore(ctx context.Context, store *dataset.Store) (*JointRows, error) {
	rows := &JointRows{}
	for e, err := range store.Examples(ctx, dataset.Filter{}) {
		switch {
		case err != nil:
			return nil, err
		case strings.TrimSpace(e.Analysis) != "":
			rows.Conversations = append(rows.Conversations, ConversationOf(&e))
		default:
			rows.Findings, rows.Items = append(rows.Findings, e.Finding()), append(rows.Items, dataset.ExampleItem(&e))
		}
	}
	for f, err := range store.Findings(ctx, dataset.Filter{}) {
		if err != nil {
			return nil, err
		}
		rows.Findings, rows.Items = append(rows.Findings, f), append(rows.Items, dataset.FindingItem(&f))
	}
	return rows, nil
}

// JointExample is a row of tokens. Completion may be empty, where a label is known.
type JointExample struct {
	Example
	Analysis int // tokens of the completion that are the analysis, without verdict: those that a head may read
	Labelled bool
	Real     bool // the label, if there is one
}

// JointData is what a run learns from and is validated on.
type JointData struct {
	Train, Dev []JointExample
	Pairs      [][2]int // indices in Train of twins: see [JointConfig.Pairs]
	Idle       int      // rows left out because they have neither a label nor an analysis that is learned from
	TestRows   int      // rows of the test side, which are not used
	Cut        int      // rows whose prompt was cut, as a review cuts it
	TooLong    int      // rows left out: with the answer whole they are longer than allowed
	SHA256     string
}

// PrepareJoint makes examples of rows: prompts as a review writes them, of findings by text; answers with the token that ends the
// model's turn. Rows are divided as [Prepare] does. A label other than TP, FP, true, false, 1 and 0 is an error.
func PrepareJoint(m *model.Model, rows *JointRows, text *prompts.Set, c *JointConfig) (*JointData, error) {
	if m.IsEncoder() {
		return nil, fmt.Errorf("model %s: %w", m.Dir(), model.ErrEncoder)
	}
	layer, err := classifier.ParseLayer(c.Layer)
	if err != nil {
		return nil, err
	}
	if err := checkLayer(m, layer); err != nil {
		return nil, err
	}
	w, err := newWriter(m, text, min(c.MaxLen, m.Config().ContextLength))
	if err != nil {
		return nil, err
	}
	d := &JointData{}
	sources, err := d.sources(rows, c)
	if err != nil {
		return nil, err
	}
	if len(sources) == 0 {
		return nil, errors.New("there are no rows to learn from: give conversations, or findings with a label")
	}
	items, splits := make([]dataset.Item, len(sources)), make([]string, len(sources))
	for i, s := range sources {
		items[i] = s.item
		if splits[i], err = dataset.ParseSide(s.split); err != nil {
			return nil, fmt.Errorf("%s: split: %w", s.where, err)
		}
	}
	sides, err := divide(items, splits, c.DevShare, c.Seed)
	if err != nil {
		return nil, err
	}
	learnt := -2 // the last row of Train that has no twin
	for i, s := range sources {
		if sides[i] == dataset.Test {
			d.TestRows++
			continue
		}
		e, cut, err := s.example(w)
		switch {
		case errors.Is(err, review.ErrTooLong):
			d.TooLong++
			continue
		case err != nil:
			return nil, fmt.Errorf("%s: %w", s.where, err)
		case cut:
			d.Cut++
		}
		if sides[i] == dataset.Dev {
			d.Dev = append(d.Dev, e)
			continue
		}
		d.Train = append(d.Train, e)
		if n := len(d.Train); c.Pairs && n > 1 && learnt == i-1 && s.twin(&sources[i-1]) {
			d.Pairs = append(d.Pairs, [2]int{n - 2, n - 1})
			continue // a row has one twin
		}
		learnt = i
	}
	return d, d.check(c, w.limit)
}

// check refuses what a head cannot be learned from.
func (d *JointData) check(c *JointConfig, limit int) error {
	labelled, real := classes(d.Train)
	switch {
	case len(d.Train) == 0:
		return fmt.Errorf("no row is left to learn from: %s (of max_length and the model's context, the lower one is %d)", d, limit)
	case c.HeadWeight == 0:
	case labelled == 0:
		return errors.New("no row to learn from has a label, TP or FP; head_weight 0 trains the adapter alone")
	case real == 0 || real == labelled:
		return fmt.Errorf("all %d labelled rows to learn from are of one class: a head learns nothing from that; head_weight 0 trains the adapter alone", labelled)
	}
	h := sha256.New()
	for _, side := range [][]JointExample{d.Train, d.Dev} {
		_, _ = fmt.Fprintln(h, len(side)) // hash.Hash never fails
		for _, e := range side {
			_, _ = fmt.Fprintln(h, e.Prompt, e.Completion, e.Analysis, e.Labelled, e.Real)
		}
	}
	d.SHA256 = hex.EncodeToString(h.Sum(nil))
	return nil
}

func classes(rows []JointExample) (labelled, real int) {
	for _, e := range rows {
		if e.Labelled {
			labelled++
		}
		if e.Real {
			real++
		}
	}
	return labelled, real
}

// String says it in a line.
func (d *JointData) String() string {
	side := func(rows []JointExample, what string) string {
		labelled, real := classes(rows)
		written := 0
		for _, e := range rows {
			if len(e.Completion) > 0 {
				written++
			}
		}
		return fmt.Sprintf("%d rows to %s (%d with an analysis, %d labelled, %d of them TP)", len(rows), what, written, labelled, real)
	}
	text := side(d.Train, "learn from") + ", " + side(d.Dev, "validate on")
	if len(d.Pairs) > 0 {
		text += fmt.Sprintf("; %d pairs", len(d.Pairs))
	}
	for _, part := range []struct {
		n    int
		what string
	}{
		{d.Idle, "left out: neither a label nor an analysis to learn from"}, {d.TestRows, "of the test side, not used"},
		{d.Cut, "with a prompt that was cut"}, {d.TooLong, "left out: too long with the whole answer"},
	} {
		if part.n > 0 {
			text += fmt.Sprintf("; %d %s", part.n, part.what)
		}
	}
	if len(d.Train) > 0 && len(d.Dev) == 0 {
		text += "; the last adapter and head are the result, not the best"
	}
	return text
}

// source is a row before it is tokens.
type source struct {
	conversation   *Conversation // or
	finding        *finding.Finding
	item           dataset.Item
	split, where   string
	labelled, real bool
}

// twin tells whether two rows differ in their label and share all their groups.
func (s *source) twin(other *source) bool {
	return s.labelled && other.labelled && s.real != other.real && len(s.item.Groups) > 0 && slices.Equal(s.item.Groups, other.item.Groups)
}

// sources lists the rows that have something to learn from.
func (d *JointData) sources(rows *JointRows, c *JointConfig) (list []source, err error) {
	add := func(s source) {
		if (s.conversation != nil && c.LMWeight > 0) || (s.labelled && c.HeadWeight > 0) {
			list = append(list, s)
		} else {
			d.Idle++
		}
	}
	for i := range rows.Conversations {
		c := &rows.Conversations[i]
		add(source{conversation: c, item: c.item(), split: c.Split, where: c.Where, labelled: c.Labelled, real: c.Labelled && c.IsVulnerable})
	}
	for i := range rows.Findings {
		f := &rows.Findings[i]
		s := source{finding: f, item: rows.Items[i], split: f.Split, where: heads.Where(f), labelled: f.Label != ""}
		if s.labelled {
			if s.real, err = dataset.ParseLabel(f.Label); err != nil {
				return nil, fmt.Errorf("%s: label: %w", s.where, err)
			}
			s.item.Stratum = fmt.Sprint(f.Category, " ", s.real) // however the label is written
		}
		add(s)
	}
	return list, nil
}

// example encodes the row; cut says that its prompt was cut to the limit.
func (s *source) example(w *writer) (e JointExample, cut bool, err error) {
	e.Labelled, e.Real = s.labelled, s.real
	if s.conversation == nil {
		var note string
		e.Prompt, note, err = w.prompter.Fit(s.finding, w.limit)
		return e, note != "", err
	}
	row := &s.conversation.ReasoningRow
	if e.Example, cut, err = w.example(row); err != nil {
		return e, false, err
	}
	answer := row.Messages[len(row.Messages)-1].Content
	analysis, err := w.tok.Encode(prompts.WithoutVerdict(answer), tokenizer.EncodeOptions{LiteralSpecials: true})
	if err != nil {
		return e, false, err
	}
	// The last token of the analysis may be another one where text follows it.
	e.Analysis = tokenizer.CommonPrefix([][]int32{analysis.IDs, e.Completion[:len(e.Completion)-1]})
	return e, cut, nil
}
