package tcp

import (
	"reflect"
	"testing"
	"unsafe"
)

func TestLayout_TCBIsFiveLinesAndRecordIsOne(t *testing.T) {
	if n := unsafe.Sizeof(TCB{}); n != 320 {
		t.Errorf("a TCB has %d octets, want 320: five cache lines", n)
	}
	if n := unsafe.Sizeof(TimeWaitRecord{}); n != 64 {
		t.Errorf("a TimeWaitRecord has %d octets, want 64: one cache line", n)
	}
}

// Every line of the TCB begins where its comment says.
func TestLayout_LinesOfTheTCB(t *testing.T) {
	var c TCB
	for _, l := range []struct {
		name  string
		first uintptr
		last  uintptr
		line  uintptr
	}{
		{"fast path", unsafe.Offsetof(c.state), unsafe.Offsetof(c.quick), 0},
		{"times and sizes", unsafe.Offsetof(c.rcvAt), unsafe.Offsetof(c.ackOwed), 1},
		{"congestion control", unsafe.Offsetof(c.cc), unsafe.Offsetof(c.rttVar), 2},
		{"identity and buffers", unsafe.Offsetof(c.key), unsafe.Offsetof(c.tuneAt), 3},
		{"recovery and settings", unsafe.Offsetof(c.lossAt), unsafe.Offsetof(c.errno), 4},
	} {
		if l.first != l.line*64 {
			t.Errorf("%s begins at octet %d, want %d", l.name, l.first, l.line*64)
		}
		if l.last/64 != l.line {
			t.Errorf("%s ends in line %d, want %d", l.name, l.last/64, l.line)
		}
	}
}

func TestLayout_RecordsHoldNoPointers(t *testing.T) {
	for _, x := range []any{TCB{}, TimeWaitRecord{}, rangeSet{}, sendLog{}, Reply{}} {
		if path := pointerIn(reflect.TypeOf(x)); path != "" {
			t.Errorf("%T holds a pointer: %s", x, path)
		}
	}
}

// pointerIn returns the path to a field that the garbage collector must scan.
func pointerIn(t reflect.Type) string {
	switch t.Kind() {
	case reflect.Struct:
		for i := range t.NumField() {
			if p := pointerIn(t.Field(i).Type); p != "" {
				return t.Field(i).Name + "." + p
			}
		}
	case reflect.Array:
		return pointerIn(t.Elem())
	case reflect.Pointer, reflect.Slice, reflect.String, reflect.Map, reflect.Chan, reflect.Func, reflect.Interface, reflect.UnsafePointer:
		return t.String()
	}
	return ""
}
