package tokenizer

import (
	"encoding/json"
	"fmt"
	"unicode"
	"unicode/utf8"
)

// postProcessor joins one or two encodings and puts special tokens around them.
type postProcessor func(encodings []Encoding, addSpecial bool) ([]Encoding, error)

// readPostProcessor reads the "post_processor" of tokenizer.json; nil stays nil. spelling
// gives the vocabulary entry of an id.
func readPostProcessor(where string, c *component, spelling func(int32) (string, bool)) (postProcessor, error) {
	if c == nil {
		return nil, nil
	}
	switch c.Type {
	case "Sequence":
		return readPostSequence(where, c, spelling)
	case "ByteLevel":
		file := struct {
			AddPrefixSpace bool `json:"add_prefix_space"`
			TrimOffsets    bool `json:"trim_offsets"`
		}{true, true}
		err := c.into(where, &file)
		return func(encodings []Encoding, _ bool) ([]Encoding, error) {
			if file.TrimOffsets {
				trimOffsets(encodings, file.AddPrefixSpace, spelling)
			}
			return encodings, nil
		}, err
	case "TemplateProcessing":
		return readTemplate(where, c)
	case "BertProcessing", "RobertaProcessing":
		return readBertProcessing(where, c, spelling)
	}
	return nil, unknownComponent(where, c.Type)
}

func readPostSequence(where string, c *component, spelling func(int32) (string, bool)) (postProcessor, error) {
	var file struct{ Processors []*component }
	if err := c.into(where, &file); err != nil {
		return nil, err
	}
	var steps []postProcessor
	for i, sub := range file.Processors {
		step, err := readPostProcessor(fmt.Sprintf("%s.processors[%d]", where, i), sub, spelling)
		if err != nil {
			return nil, err
		}
		if step != nil {
			steps = append(steps, step)
		}
	}
	return func(encodings []Encoding, addSpecial bool) ([]Encoding, error) {
		for _, step := range steps {
			var err error
			if encodings, err = step(encodings, addSpecial); err != nil {
				return nil, err
			}
		}
		return encodings, nil
	}, nil
}

// trimOffsets takes white space out of the offsets of byte-level tokens
// (processors::byte_level::process_offsets).
func trimOffsets(encodings []Encoding, addPrefixSpace bool, spelling func(int32) (string, bool)) {
	isSpace := func(r rune) bool { return r == byteRunes[' '] || unicode.IsSpace(r) }
	for _, e := range encodings {
		for i, id := range e.IDs {
			text, stripped := e.surface[i]
			if !stripped {
				text, _ = spelling(id)
			}
			leading, trailing := 0, 0
			for _, r := range text {
				if !isSpace(r) {
					break
				}
				leading++
			}
			for rest := text; rest != ""; trailing++ {
				r, size := utf8.DecodeLastRuneInString(rest)
				if !isSpace(r) {
					break
				}
				rest = rest[:len(rest)-size]
			}
			o := &e.Offsets[i]
			if leading > 0 {
				if (i == 0 || o[0] == 0) && addPrefixSpace && leading == 1 {
					leading = 0 // the space was added, not in the text
				}
				o[0] = min(o[0]+leading, o[1])
			}
			if trailing > 0 && o[1] >= trailing {
				o[1] = max(o[1]-trailing, o[0])
			}
		}
	}
}

// templateItem is an element of a template: a sequence or special tokens.
type templateItem struct {
	Sequence     *templateRef
	SpecialToken *templateRef
}

type templateRef struct {
	ID     string `json:"id"`
	TypeID int32  `json:"type_id"`
}

func readTemplate(where string, c *component) (postProcessor, error) {
	var file struct {
		Single, Pair  []templateItem
		SpecialTokens map[string]struct {
			IDs []int32 `json:"ids"`
		} `json:"special_tokens"`
	}
	if err := c.into(where, &file); err != nil {
		return nil, err
	}
	for _, item := range append(append([]templateItem{}, file.Single...), file.Pair...) {
		if item.SpecialToken == nil {
			continue
		}
		if _, ok := file.SpecialTokens[item.SpecialToken.ID]; !ok {
			return nil, fmt.Errorf("%s: TemplateProcessing: the template uses %q, which special_tokens does not list", where, item.SpecialToken.ID)
		}
	}
	return func(encodings []Encoding, addSpecial bool) ([]Encoding, error) {
		template := file.Single
		if len(encodings) > 1 {
			template = file.Pair
		}
		var out Encoding
		for _, item := range template {
			switch {
			case item.Sequence != nil:
				k := 0
				if item.Sequence.ID != "A" {
					k = 1
				}
				if k >= len(encodings) {
					return nil, fmt.Errorf("%s: TemplateProcessing: the template for one text asks for sequence %s", where, item.Sequence.ID)
				}
				setTypes(&encodings[k], item.Sequence.TypeID)
				out.append(encodings[k])
			case item.SpecialToken != nil && addSpecial:
				for _, id := range file.SpecialTokens[item.SpecialToken.ID].IDs {
					out.add(id, item.SpecialToken.TypeID)
				}
			}
		}
		return []Encoding{out}, nil
	}, nil
}

// idToken is a ["[SEP]", 102] pair.
type idToken int32

func (t *idToken) UnmarshalJSON(data []byte) error {
	var pair [2]json.RawMessage
	if err := json.Unmarshal(data, &pair); err != nil {
		return err
	}
	return json.Unmarshal(pair[1], (*int32)(t))
}

// readBertProcessing reads BERT's [CLS] A [SEP] B [SEP] and RoBERTa's
// <s> A </s> </s> B </s>, in which every type id is 0.
func readBertProcessing(where string, c *component, spelling func(int32) (string, bool)) (postProcessor, error) {
	file := struct {
		Sep, CLS       idToken
		TrimOffsets    bool `json:"trim_offsets"`
		AddPrefixSpace bool `json:"add_prefix_space"`
	}{TrimOffsets: true, AddPrefixSpace: true}
	if err := c.into(where, &file); err != nil {
		return nil, err
	}
	roberta := c.Type == "RobertaProcessing"
	return func(encodings []Encoding, addSpecial bool) ([]Encoding, error) {
		if roberta && file.TrimOffsets {
			trimOffsets(encodings, file.AddPrefixSpace, spelling)
		}
		var out Encoding
		for k := range encodings {
			kind := int32(k)
			if roberta {
				kind = 0
			}
			setTypes(&encodings[k], kind)
			switch {
			case !addSpecial:
			case k == 0:
				out.add(int32(file.CLS), 0)
			case roberta:
				out.add(int32(file.Sep), 0)
			}
			out.append(encodings[k])
			if addSpecial {
				out.add(int32(file.Sep), kind)
			}
		}
		return []Encoding{out}, nil
	}, nil
}

func setTypes(e *Encoding, kind int32) {
	for i := range e.TypeIDs {
		e.TypeIDs[i] = kind
	}
}

// add appends a special token, which has no place in the text.
func (e *Encoding) add(id, kind int32) {
	e.IDs = append(e.IDs, id)
	e.TypeIDs = append(e.TypeIDs, kind)
	e.Offsets = append(e.Offsets, [2]int{})
}

func (e *Encoding) append(other Encoding) {
	for i, text := range other.surface {
		e.setSurface(len(e.IDs)+i, text)
	}
	e.IDs = append(e.IDs, other.IDs...)
	e.TypeIDs = append(e.TypeIDs, other.TypeIDs...)
	e.Offsets = append(e.Offsets, other.Offsets...)
}

func (e *Encoding) setSurface(i int, text string) {
	if e.surface == nil {
		e.surface = map[int]string{}
	}
	e.surface[i] = text
}
