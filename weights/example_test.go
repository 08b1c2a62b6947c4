package weights_test

import (
	"fmt"
	"log"

	"github.com/januslm/janus/weights"
)

func ExampleOpen() {
	c, err := weights.Open("testdata/reference.safetensors") // or a model's folder
	if err != nil {
		log.Fatal(err)
	}
	defer c.Close() //nolint:errcheck // read only
	t, _ := c.Tensor("b.bf16")
	values, err := weights.ToFloat32(t)
	if err != nil {
		log.Fatal(err)
	}
	fmt.Println(weights.DTypeName(t.DType), t.Shape, values)
	// Output: BF16 [2 1] [1 -3.140625]
}

func ExampleCheckShapes() {
	c, err := weights.Open("testdata/reference.safetensors")
	if err != nil {
		log.Fatal(err)
	}
	defer c.Close() //nolint:errcheck // read only
	want := map[string][]int{"z.f32": {3, 2}, "gone": {4}}
	for _, optional := range c.Names() {
		if _, ok := want[optional]; !ok {
			want[optional] = nil
		}
	}
	fmt.Println(weights.CheckShapes(c, want))
	// Output:
	// testdata/reference.safetensors: 2 tensors are not what the model needs:
	//   missing  gone: expected shape [4], found nothing
	//   shape    z.f32: expected [3 2], found [2 3]
}
