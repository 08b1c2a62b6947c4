package train

import (
	"bufio"
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"slices"
	"strings"

	"github.com/januslm/janus/dataset"
	"github.com/januslm/janus/finding"
	"github.com/januslm/janus/model"
	"github.com/januslm/janus/prompts"
	"github.com/januslm/janus/review"
	"github.com/januslm/janus/tokenizer"
)

// Conversation is a row to learn from: a question and its answer, and the truth where the row has it.
type Conversation struct {
	dataset.ReasoningRow
	Labelled bool   // the row says whether it IsVulnerable
	Where    string // file and line, for messages

	verdict *dataset.VerdictRow // of the format tpfp: what the conversation follows from
}

// ConversationOf makes one of a row of the data base that has an analysis.
func ConversationOf(e *dataset.Example) Conversation {
	return Conversation{ReasoningRow: dataset.Reasoning(e), Labelled: true, Where: fmt.Sprintf("row %d", e.ID)}
}

// Labelled makes conversations of rows whose IsVulnerable is the truth.
func Labelled(rows []dataset.ReasoningRow) []Conversation {
	list := make([]Conversation, len(rows))
	for i, row := range rows {
		list[i] = Conversation{ReasoningRow: row, Labelled: true, Where: fmt.Sprintf("row %d", i+1)}
	}
	return list
}

// ReadConversations reads a file of JSON lines as `janus data export --format reasoning` writes it: "messages" is a system
// message, which may be missing, a user's and an assistant's. Rows of other programs need no more; "label" or "is_vulnerable" is the
// truth. All lines that are wrong are in the error.
func ReadConversations(path string) (rows []Conversation, err error) {
	f, err := os.Open(path)
	if err != nil {
		return nil, err
	}
	defer f.Close() //nolint:errcheck // only read
	const most = 5
	var wrong []error
	lines := bufio.NewReader(f)
	for n := 1; ; n++ {
		line, err := lines.ReadBytes('\n')
		if err != nil && !errors.Is(err, io.EOF) {
			return nil, fmt.Errorf("%s: %w", path, err)
		}
		if line = bytes.TrimSpace(line); len(line) > 0 {
			row, err := parseConversation(line)
			if err != nil {
				wrong = append(wrong, fmt.Errorf("%s:%d: %w", path, n, err))
			}
			row.Where = fmt.Sprintf("%s:%d", path, n)
			rows = append(rows, row)
		}
		if err != nil {
			break
		}
	}
	if len(wrong) > most {
		wrong = append(wrong[:most], fmt.Errorf("and %d lines more", len(wrong)-most))
	}
	return rows, errors.Join(wrong...)
}

func parseConversation(text []byte) (row Conversation, err error) {
	var line struct {
		dataset.ReasoningRow
		Vulnerable json.RawMessage `json:"is_vulnerable"` // in place of the row's
		Label      json.RawMessage `json:"label"`
		Prompt     string          `json:"prompt"` // of the format tpfp
		Finding    json.RawMessage `json:"finding"`
	}
	if err := json.Unmarshal(text, &line); err != nil {
		var other struct{ Messages json.RawMessage }
		if json.Unmarshal(text, &other) == nil && other.Messages == nil {
			return row, errors.New(`expected "messages", a conversation as janus data export --format reasoning writes it; findings are for train head, joint and encoder`)
		}
		return row, finding.ExplainJSON(err)
	}
	row.ReasoningRow = line.ReasoningRow
	for _, label := range []struct {
		key string
		raw json.RawMessage
	}{{"is_vulnerable", line.Vulnerable}, {"label", line.Label}} {
		text := strings.Trim(string(label.raw), `"`)
		if text == "" || text == "null" {
			continue
		}
		real, err := dataset.ParseLabel(text)
		if err != nil {
			return row, fmt.Errorf("%s: %w", label.key, err)
		}
		if row.Labelled && row.IsVulnerable != real {
			return row, errors.New("label and is_vulnerable contradict each other")
		}
		row.Labelled, row.IsVulnerable = true, real
	}
	var roles []string
	for _, m := range row.Messages {
		roles = append(roles, m.Role)
	}
	if got := strings.TrimPrefix(strings.Join(roles, ", "), "system, "); got != "user, assistant" {
		return row, fmt.Errorf("messages: expected a system message (or none), a user's and an assistant's, found %q", strings.Join(roles, ", "))
	}
	if strings.TrimSpace(row.Messages[len(row.Messages)-1].Content) == "" {
		return row, errors.New("the assistant's message is empty: there is nothing to learn")
	}
	if line.Prompt == "" || len(line.Finding) == 0 {
		return row, nil
	}
	return row, row.takeVerdict(line.Prompt, line.Finding)
}

// Data is what a run learns from and is validated on.
type Data struct {
	Train, Dev []Example
	TestRows   int // rows of the test side, which are not used
	Cut        int // rows whose prompt was cut, as a review cuts it
	TooLong    int // rows left out: with the answer whole they are longer than allowed
	OneClass   string
	SHA256     string // of the tokens
}

// String says it in a line.
func (d *Data) String() string {
	text := fmt.Sprintf("%d rows to learn from, %d to validate on", len(d.Train), len(d.Dev))
	for _, part := range []struct {
		n    int
		what string
	}{{d.TestRows, "of the test side, not used"}, {d.Cut, "with a prompt that was cut"}, {d.TooLong, "left out: too long with the whole answer"}} {
		if part.n > 0 {
			text += fmt.Sprintf("; %d %s", part.n, part.what)
		}
	}
	if len(d.Train) > 0 && len(d.Dev) == 0 {
		text += "; the last adapter is the result, not the best"
	}
	if d.OneClass != "" {
		text += "; all that are learned from are " + d.OneClass + ": a model learns nothing from that about the other"
	}
	return text
}

// Prepare makes examples of conversations: prompts as a review writes them, answers with the token that ends the model's
// turn. Sides are those of the rows' splits where they have any, else as [dataset.Split] divides.
func Prepare(m *model.Model, rows []Conversation, c *LoRAConfig) (*Data, error) {
	if len(rows) == 0 {
		return nil, errors.New("there are no rows to learn from: `janus data import` or `janus data generate` brings some")
	}
	if m.IsEncoder() {
		return nil, fmt.Errorf("model %s: %w", m.Dir(), model.ErrEncoder)
	}
	items, splits := make([]dataset.Item, len(rows)), make([]string, len(rows))
	for i := range rows {
		items[i] = rows[i].item()
		var err error
		if splits[i], err = dataset.ParseSide(rows[i].Split); err != nil {
			return nil, fmt.Errorf("%s: split: %w", rows[i].Where, err)
		}
	}
	sides, err := divide(items, splits, c.DevShare, c.Seed)
	if err != nil {
		return nil, err
	}
	w, err := newWriters(m, c.Prompts, rows, min(c.MaxLen, m.Config().ContextLength))
	if err != nil {
		return nil, err
	}
	d := &Data{}
	classes := map[string]bool{}
	for i := range rows {
		if sides[i] == dataset.Test {
			d.TestRows++
			continue
		}
		e, cut, err := w.conversation(&rows[i])
		switch {
		case errors.Is(err, review.ErrTooLong):
			d.TooLong++
			continue
		case err != nil:
			return nil, fmt.Errorf("%s: %w", rows[i].Where, err)
		case cut:
			d.Cut++
		}
		if rows[i].Labelled && sides[i] != dataset.Dev {
			classes[rows[i].Label()] = true
		}
		if sides[i] == dataset.Dev {
			d.Dev = append(d.Dev, e)
		} else {
			d.Train = append(d.Train, e)
		}
	}
	if len(d.Train) == 0 {
		return nil, fmt.Errorf("no row is left to learn from: %s (of max_length and the model's context, the lower one is %d)", d, w.limit())
	}
	if len(classes) == 1 {
		for class := range classes {
			d.OneClass = class
		}
	}
	d.SHA256 = hashExamples(d.Train, d.Dev)
	return d, nil
}

// item is what division looks at of a row.
func (c *Conversation) item() dataset.Item {
	if c.verdict != nil {
		return dataset.FindingItem(&c.verdict.Finding)
	}
	item := dataset.ExampleItem(&c.Example)
	if c.Request+c.Response == "" { // of another program
		item.Text = c.Messages[len(c.Messages)-2].Content
		item.Key = item.Text + "\x00" + c.Messages[len(c.Messages)-1].Content
	}
	return item
}

// divide gives each row its side: that of its split where any is a dev row, else the rows that are not of the test side are divided
// by the share of dev rows. Where so small a share is less than a group of rows, it is doubled until there is one on the dev side.
func divide(items []dataset.Item, splits []string, share float64, seed uint64) ([]string, error) {
	sides := slices.Clone(splits)
	if share == 0 || slices.Contains(splits, dataset.Dev) {
		return sides, nil
	}
	var rows []int
	var chosen []dataset.Item
	for i, split := range splits {
		if split != dataset.Test {
			rows, chosen = append(rows, i), append(chosen, items[i])
		}
	}
	for ; ; share *= 2 {
		division, err := dataset.Split(chosen, dataset.SplitOptions{
			Sides: []dataset.Side{{Name: dataset.Train, Share: 1 - share}, {Name: dataset.Dev, Share: share}}, Seed: seed,
		})
		if err != nil {
			return nil, fmt.Errorf("%w; dev_share 0 validates on none", err)
		}
		if !slices.Contains(division.Side, 1) && share < 0.25 {
			continue
		}
		for i, side := range division.Side {
			sides[rows[i]] = division.Sides[side]
		}
		return sides, nil
	}
}

// writer turns conversations into tokens.
type writer struct {
	prompter *review.Prompter
	tok      tokenizer.Tokenizer
	limit    int
	end      int32 // what ends the model's turn
}

// newWriter takes the text that findings are asked about with; nil is the default one.
func newWriter(m *model.Model, text *prompts.Set, limit int) (*writer, error) {
	prompter, err := review.NewPrompter(m, text)
	if err != nil {
		return nil, err
	}
	w := &writer{prompter: prompter, tok: m.Tokenizer(), limit: limit}
	stop := m.StopTokens()
	if len(stop) == 0 {
		return nil, fmt.Errorf("model %s names no token that ends a text (eos_token_id), so it cannot learn where to end", m.Dir())
	}
	w.end = stop[0]
	if m.Chat() == nil {
		return w, nil
	}
	// A model may have several such tokens: the template has the one that ends a turn.
	ids, err := tokenizer.EncodeChat(w.tok, m.Chat(), []tokenizer.Message{{Role: "user", Content: "a"}, {Role: "assistant", Content: "b"}}, false, nil)
	if err != nil {
		return nil, fmt.Errorf("model %s: %w", m.Dir(), err)
	}
	for _, id := range slices.Backward(ids) {
		if slices.Contains(stop, id) {
			w.end = id
			break
		}
	}
	return w, nil
}

// example encodes a conversation; cut says that its prompt was cut to the limit.
func (w *writer) example(row *dataset.ReasoningRow) (e Example, cut bool, err error) {
	n := len(row.Messages)
	answer, err := w.tok.Encode(row.Messages[n-1].Content, tokenizer.EncodeOptions{LiteralSpecials: true})
	if err != nil {
		return e, false, err
	}
	e.Completion = append(slices.Clone(answer.IDs), w.end)
	system := ""
	if n == 3 {
		system = row.Messages[0].Content
	}
	if e.Prompt, err = w.prompter.Encode(system, row.Messages[n-2].Content); err != nil {
		return e, false, err
	}
	if e.Len() <= w.limit {
		return e, false, nil
	}
	if row.VulnCategory == "" {
		return e, false, review.ErrTooLong // what may be cut of it is not known
	}
	f := row.Finding()
	if e.Prompt, _, err = w.prompter.Fit(&f, w.limit-len(e.Completion)); err != nil {
		return e, false, err
	}
	return e, true, nil
}

// hashExamples tells data apart by its tokens.
func hashExamples(sides ...[]Example) string {
	h := sha256.New()
	for _, side := range sides {
		_, _ = fmt.Fprintln(h, len(side)) // hash.Hash never fails
		for _, e := range side {
			_, _ = fmt.Fprintln(h, e.Prompt, e.Completion)
		}
	}
	return hex.EncodeToString(h.Sum(nil))
}
