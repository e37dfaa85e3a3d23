package main

import (
	"encoding/json"
	"strings"
	"testing"

	"github.com/mtcp-go/mtcp/internal/runner"
)

func TestYard_ALineGoesThereAndBack(t *testing.T) {
	_, second := firstCores()
	p := start(t, options{}, "bench", "yard", "--line", "--duration", "10ms")
	code := p.exit()
	if second == anyCore {
		if code == 0 || !strings.Contains(p.stderr.String(), "give it two") {
			t.Errorf("exit code %d with one core: %s", code, p.stderr)
		}
		return
	}
	var r yardReport
	if err := json.Unmarshal([]byte(p.out.String()), &r); err != nil || code != 0 || r.Mpps <= 0 {
		t.Errorf("exit code %d, %v: %s%s", code, err, p.out, p.stderr)
	}
}

func TestYard_ALineNeedsTwoCores(t *testing.T) {
	first, _ := firstCores()
	failed := make(chan *process)
	go func() {
		if first != anyCore { // or there is but one
			if err := runner.Pin(first); err != nil { // the process inherits it, and the thread ends with us
				t.Error(err)
			}
		}
		failed <- start(t, options{}, "bench", "yard", "--line")
	}()
	p := <-failed
	if code := p.exit(); code == 0 || !strings.Contains(p.stderr.String(), "one core only; give it two") {
		t.Errorf("exit code %d: %s%s", code, p.out, p.stderr)
	}
}
