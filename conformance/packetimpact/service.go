// The service, as its definition says: nothing is generated from it.

package main

import (
	"context"
	"fmt"
	"path/filepath"

	"github.com/bufbuild/protocompile"
	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"
	"google.golang.org/protobuf/reflect/protoreflect"
	"google.golang.org/protobuf/types/dynamicpb"
)

// serviceName is the service within the definition's package.
const serviceName = "Posix"

// A service is the definition of one.
type service struct{ protoreflect.ServiceDescriptor }

// readService reads the definition.
func readService(ctx context.Context, file string) (service, error) {
	c := protocompile.Compiler{Resolver: &protocompile.SourceResolver{ImportPaths: []string{filepath.Dir(file)}}}
	files, err := c.Compile(ctx, filepath.Base(file))
	if err != nil {
		return service{}, fmt.Errorf("definition of the service: %w", err)
	}
	s := files[0].Services().ByName(serviceName)
	if s == nil {
		return service{}, fmt.Errorf("%s defines no service %s", file, serviceName)
	}
	return service{s}, nil
}

// describe makes the service's methods those of calls.go.
func (s service) describe() *grpc.ServiceDesc {
	d := &grpc.ServiceDesc{ServiceName: string(s.FullName()), HandlerType: (*any)(nil)}
	for i := range s.Methods().Len() {
		m := s.Methods().Get(i)
		d.Methods = append(d.Methods, grpc.MethodDesc{MethodName: string(m.Name()), Handler: handler(m)})
	}
	return d
}

// handler makes one method.
func handler(m protoreflect.MethodDescriptor) grpc.MethodHandler {
	name := string(m.Name())
	return func(server any, ctx context.Context, read func(any) error, _ grpc.UnaryServerInterceptor) (any, error) {
		in, out := dynamicpb.NewMessage(m.Input()), dynamicpb.NewMessage(m.Output())
		if err := read(in); err != nil {
			return nil, err
		}
		f := calls[name]
		if f == nil {
			return nil, status.Errorf(codes.Unimplemented, "%s is not offered", name)
		}
		x := &exchange{world: server.(*world), ctx: ctx}
		f(x, fields{in, x}, fields{out, x})
		if x.wrong != nil {
			return nil, status.Errorf(codes.InvalidArgument, "%s: %v", name, x.wrong)
		}
		return out, nil
	}
}
