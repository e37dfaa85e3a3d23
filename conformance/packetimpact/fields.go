// Fields of messages, by name. One that the definition does not have, or has with
// another type, makes the exchange wrong.

package main

import (
	"context"
	"fmt"

	"google.golang.org/protobuf/reflect/protoreflect"
)

// An exchange is a request and its response.
type exchange struct {
	world *world
	ctx   context.Context
	wrong error // what the messages lack, or have too much
}

func (x *exchange) fail(format string, args ...any) {
	if x.wrong == nil {
		x.wrong = fmt.Errorf(format, args...)
	}
}

// fields are those of one message of an exchange.
type fields struct {
	protoreflect.Message
	x *exchange
}

func (f fields) field(name string, kinds ...protoreflect.Kind) protoreflect.FieldDescriptor {
	d := f.Descriptor().Fields().ByName(protoreflect.Name(name))
	if d == nil {
		f.x.fail("%s has no field %q", f.Descriptor().Name(), name)
		return nil
	}
	for _, k := range kinds {
		if d.Kind() == k {
			return d
		}
	}
	f.x.fail("%s.%s is %v", f.Descriptor().Name(), name, d.Kind())
	return nil
}

var numbers = []protoreflect.Kind{
	protoreflect.Int32Kind, protoreflect.Int64Kind, protoreflect.Uint32Kind, protoreflect.BoolKind,
}

// number reads a number; true is 1.
func (f fields) number(name string) int {
	d := f.field(name, numbers...)
	if d == nil {
		return 0
	}
	switch v := f.Get(d).Interface().(type) {
	case int32:
		return int(v)
	case int64:
		return int(v)
	case uint32:
		return int(v)
	case bool:
		if v {
			return 1
		}
	}
	return 0
}

// setNumber writes one.
func (f fields) setNumber(name string, n int) {
	d := f.field(name, numbers[:3]...)
	if d == nil {
		return
	}
	switch d.Kind() {
	case protoreflect.Int32Kind:
		f.Set(d, protoreflect.ValueOfInt32(int32(n)))
	case protoreflect.Int64Kind:
		f.Set(d, protoreflect.ValueOfInt64(int64(n)))
	case protoreflect.Uint32Kind:
		f.Set(d, protoreflect.ValueOfUint32(uint32(n)))
	}
}

func (f fields) octets(name string) []byte {
	if d := f.field(name, protoreflect.BytesKind); d != nil {
		return f.Get(d).Bytes()
	}
	return nil
}

func (f fields) setOctets(name string, b []byte) {
	if d := f.field(name, protoreflect.BytesKind); d != nil {
		f.Set(d, protoreflect.ValueOfBytes(b))
	}
}

func (f fields) setText(name, s string) {
	if d := f.field(name, protoreflect.StringKind); d != nil {
		f.Set(d, protoreflect.ValueOfString(s))
	}
}

// choice reads the name of an enumeration's value.
func (f fields) choice(name string) string {
	d := f.field(name, protoreflect.EnumKind)
	if d == nil {
		return ""
	}
	if v := d.Enum().Values().ByNumber(f.Get(d).Enum()); v != nil {
		return string(v.Name())
	}
	return ""
}

// which names the field of a oneof that is set; "" if none is.
func (f fields) which(name string) string {
	o := f.Descriptor().Oneofs().ByName(protoreflect.Name(name))
	if o == nil {
		f.x.fail("%s has no choice %q", f.Descriptor().Name(), name)
		return ""
	}
	if d := f.WhichOneof(o); d != nil {
		return string(d.Name())
	}
	return ""
}

// inner returns a message within the message, to read or to fill.
func (f fields) inner(name string, write bool) (fields, bool) {
	d := f.field(name, protoreflect.MessageKind)
	switch {
	case d == nil || d.IsList():
		return f, false
	case write:
		return fields{f.Mutable(d).Message(), f.x}, true
	}
	return fields{f.Get(d).Message(), f.x}, f.Has(d)
}

// list returns the messages of a list.
func (f fields) list(name string) (all []fields) {
	d := f.field(name, protoreflect.MessageKind)
	if d == nil || !d.IsList() {
		return nil
	}
	l := f.Get(d).List()
	for i := range l.Len() {
		all = append(all, fields{l.Get(i).Message(), f.x})
	}
	return all
}

// more appends a message to a list.
func (f fields) more(name string) (fields, bool) {
	d := f.field(name, protoreflect.MessageKind)
	if d == nil || !d.IsList() {
		return f, false
	}
	return fields{f.Mutable(d).List().AppendMutable().Message(), f.x}, true
}
