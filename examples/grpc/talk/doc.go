// Package talk is the service of the gRPC example, made from talk.proto.
package talk

//go:generate protoc --go_out=. --go_opt=paths=source_relative --go-grpc_out=. --go-grpc_opt=paths=source_relative talk.proto
