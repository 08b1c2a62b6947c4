package heads

import (
	"github.com/januslm/janus/model"
	"github.com/januslm/janus/train/states"
)

// NewEmbedder is what heads of Proposal 2 read their embeddings of: an encoder, or a decoder's token embeddings. sha256 is that of
// its weights, see [BaseSHA256].
func NewEmbedder(m *model.Model, sha256 string) (*states.Embedder, error) {
	e, err := model.NewEmbedder(m, embedded.Pooling, sha256)
	if err != nil {
		return nil, err
	}
	return &states.Embedder{Embedder: e, Pooling: embedded.Pooling}, nil
}
