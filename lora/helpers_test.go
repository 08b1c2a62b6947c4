package lora_test

import (
	"cmp"
	"errors"
	"math/rand/v2"
	"os"
	"sync"
	"testing"

	"github.com/januslm/janus/internal/backend"
	"github.com/januslm/janus/lora"
)

func isMustMerge(err error) bool { return errors.Is(err, lora.ErrMustMerge) }

// openBackend opens $GOMLX_BACKEND, or pure Go, once: a tensor belongs to the backend that saw it first.
var openBackend = sync.OnceValues(func() (backend.Choice, error) {
	return backend.New(cmp.Or(os.Getenv(backend.EnvBackend), "go"))
})

// testBackend is the backend of all tests.
func testBackend(t *testing.T) backend.Choice {
	t.Helper()
	be, err := openBackend()
	if err != nil {
		t.Fatal(err)
	}
	return be
}

// randomInput returns normally distributed values.
func randomInput(seed uint64, dims ...int) []float32 {
	n := 1
	for _, d := range dims {
		n *= d
	}
	random := rand.New(rand.NewPCG(seed, 1))
	values := make([]float32, n)
	for i := range values {
		values[i] = float32(random.NormFloat64())
	}
	return values
}
