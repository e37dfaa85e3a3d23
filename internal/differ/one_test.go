package differ

import (
	"fmt"
	"os"
	"strconv"
	"testing"
)

func TestOne(t *testing.T) {
	n, _ := strconv.ParseUint(os.Getenv("SEED"), 10, 64)
	s := Generate(n)
	tr, _ := RunOurs(s)
	for i := range s.Steps {
		fmt.Printf("%2d %v\n      %v\n", i, s.Steps[i], tr[i])
	}
}
