package heads

import (
	"errors"

	"github.com/januslm/janus/weights"
)

// BaseSHA256 is the identity of a base model's weights, which a head records.
func BaseSHA256(dir string) (sum string, err error) {
	c, err := weights.Open(dir)
	if err != nil {
		return "", err
	}
	defer func() { err = errors.Join(err, c.Close()) }()
	return c.SHA256()
}
