package states

import (
	"crypto/sha256"
	"encoding/binary"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"

	"github.com/januslm/janus/model"
	"github.com/januslm/janus/review"
)

// key is the hash of all that a finding's states follow from.
func (h *harvest) key(i int, prompt []int32) (string, error) {
	o := h.options
	s := o.Sampling
	s.Seed = 0
	if s.Temperature > 0 { // only then does it matter
		s.Seed = review.RowSeed(o.Sampling.Seed, h.findings[i].ID)
	}
	var given *int
	if o.Given != nil { // nothing is sampled
		n := len(prompt)
		s, given = model.Sampling{}, &n
	}
	setup, err := json.Marshal(struct {
		Format                               int
		Base, Adapter, Settings, DType, Stop string
		Sampling                             model.Sampling
		Given                                *int `json:",omitempty"` // tokens of the prompt, behind which a given analysis stands
	}{KeyFormat, o.Base, o.Adapter, h.settings, h.model.WeightType(), fmt.Sprint(h.model.StopTokens()), s, given})
	if err != nil {
		return "", err
	}
	text := setup
	if given != nil {
		prompt = slices.Concat(prompt, o.Given[i])
	}
	for _, id := range prompt {
		text = binary.LittleEndian.AppendUint32(text, uint32(id))
	}
	return hashOf(string(text)), nil
}

// settingsOf are what states follow from besides weights: the base's config.json, where there is one, and how strong its adapters are.
func settingsOf(m *model.Model) (string, error) {
	config, err := os.ReadFile(filepath.Join(m.Dir(), "config.json"))
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return "", err
	}
	text := string(config)
	for _, a := range m.Adapters() {
		c := &a.Config
		text += fmt.Sprintf(" %d %v %t %t %v %v", c.R, c.Alpha, c.RSLoRA, c.DoRA, c.RankPattern, c.AlphaPattern)
	}
	return hashOf(text), nil
}

func hashOf(text string) string {
	sum := sha256.Sum256([]byte(text))
	return hex.EncodeToString(sum[:])
}
