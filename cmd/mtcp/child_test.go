package main

import (
	"fmt"
	"os"
	"os/exec"
	"strconv"
	"sync"
	"testing"

	"golang.org/x/sys/unix"
)

// TestStartIn_GivesEachChildItsCores: several at the same time, those who may use
// all cores among them; and afterwards the threads that made them may, too.
func TestStartIn_GivesEachChildItsCores(t *testing.T) {
	var full unix.CPUSet
	if err := unix.SchedGetaffinity(0, &full); err != nil {
		t.Fatal(err)
	}
	want := map[int]unix.CPUSet{anyCore: full}
	for _, core := range firstTwo() { // with one core alone all may use the same
		var one unix.CPUSet
		one.Set(core)
		want[core] = one
	}
	for range 40 {
		var all sync.WaitGroup
		for core, set := range want {
			for range 2 {
				all.Go(func() {
					if err := checkCores(core, set); err != nil {
						t.Error(err)
					}
				})
			}
		}
		all.Wait()
	}
	threads, err := os.ReadDir("/proc/self/task")
	if err != nil {
		t.Fatal(err)
	}
	for _, thread := range threads {
		id, _ := strconv.Atoi(thread.Name())
		var set unix.CPUSet
		if err := unix.SchedGetaffinity(id, &set); err == nil && set != full {
			t.Errorf("thread %d of %d may use %d cores of %d", id, len(threads), set.Count(), full.Count())
		}
	}
}

// checkCores starts a child and compares its cores.
func checkCores(core int, want unix.CPUSet) error {
	cmd := exec.Command("cat")
	in, err := cmd.StdinPipe()
	if err != nil {
		return err
	}
	if err := startIn(here{}, cmd, core); err != nil {
		return err
	}
	var set unix.CPUSet
	err = unix.SchedGetaffinity(cmd.Process.Pid, &set)
	if err == nil && set != want {
		err = fmt.Errorf("a child for core %d may use %d cores, the wrong ones", core, set.Count())
	}
	_ = in.Close()
	if e := cmd.Wait(); err == nil {
		err = e
	}
	return err
}
