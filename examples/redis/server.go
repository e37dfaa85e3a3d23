package main

// A toy of a Redis server, so that the example runs without a real one: PING,
// SET, GET, INCR, PUBLISH and SUBSCRIBE over RESP 2.

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"strconv"
	"strings"
	"sync"

	"github.com/mtcp-go/mtcp"
	"github.com/mtcp-go/mtcp/examples/host"
)

// Limits of what a client may send in one command.
const (
	maxWords = 64
	maxWord  = 16 << 20
)

// A toy holds what was set and who listens.
type toy struct {
	mu          sync.Mutex
	values      map[string]string
	subscribers map[string]map[*client]bool // by channel
	clients     map[*client]bool
}

// A client is one connection. What is for it comes from its own goroutine and
// from those of publishers.
type client struct {
	net.Conn
	in  *bufio.Reader
	mu  sync.Mutex
	out *bufio.Writer
}

func serve(stack *mtcp.Stack) (host.Stop, error) {
	l, err := stack.Listen(context.Background(), "tcp", ":6379")
	if err != nil {
		return nil, err
	}
	s := &toy{values: map[string]string{}, subscribers: map[string]map[*client]bool{}, clients: map[*client]bool{}}
	var running sync.WaitGroup
	running.Go(func() {
		for {
			conn, err := l.Accept()
			if err != nil {
				return
			}
			c := &client{Conn: conn, in: bufio.NewReader(conn), out: bufio.NewWriter(conn)}
			s.enter(c)
			running.Go(func() { s.serve(c) })
		}
	})
	return func(context.Context) error {
		err := l.Close()
		s.closeAll()
		running.Wait()
		return err
	}, nil
}

func (s *toy) enter(c *client) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.clients[c] = true
}

func (s *toy) leave(c *client) {
	s.mu.Lock()
	defer s.mu.Unlock()
	delete(s.clients, c)
	for _, who := range s.subscribers {
		delete(who, c)
	}
	c.Close()
}

func (s *toy) closeAll() {
	s.mu.Lock()
	defer s.mu.Unlock()
	for c := range s.clients {
		c.Close()
	}
}

// serve answers a client's commands; answers of a pipeline go out together.
func (s *toy) serve(c *client) {
	defer s.leave(c)
	for {
		words, err := readCommand(c.in)
		if err != nil {
			return
		}
		c.say(s.do(c, words), c.in.Buffered() == 0)
	}
}

func (c *client) say(text string, flush bool) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.out.WriteString(text)
	if flush {
		c.out.Flush()
	}
}

// do executes one command and returns its answer.
func (s *toy) do(c *client, words []string) string {
	s.mu.Lock()
	defer s.mu.Unlock()
	name, n := strings.ToUpper(words[0]), len(words)-1
	switch {
	case name == "PING" && n == 0:
		return "+PONG\r\n"
	case name == "SET" && n >= 2:
		s.values[words[1]] = words[2]
		return "+OK\r\n"
	case name == "GET" && n == 1:
		v, ok := s.values[words[1]]
		if !ok {
			return "$-1\r\n"
		}
		return bulk(v)
	case name == "INCR" && n == 1:
		i, _ := strconv.Atoi(s.values[words[1]])
		s.values[words[1]] = strconv.Itoa(i + 1)
		return fmt.Sprintf(":%d\r\n", i+1)
	case name == "SUBSCRIBE" && n == 1:
		if s.subscribers[words[1]] == nil {
			s.subscribers[words[1]] = map[*client]bool{}
		}
		s.subscribers[words[1]][c] = true
		return "*3\r\n" + bulk("subscribe") + bulk(words[1]) + ":1\r\n"
	case name == "PUBLISH" && n == 2:
		for to := range s.subscribers[words[1]] {
			to.say("*3\r\n"+bulk("message")+bulk(words[1])+bulk(words[2]), true)
		}
		return fmt.Sprintf(":%d\r\n", len(s.subscribers[words[1]]))
	}
	return fmt.Sprintf("-ERR unknown command %q\r\n", name)
}

func bulk(s string) string { return fmt.Sprintf("$%d\r\n%s\r\n", len(s), s) }

var errSyntax = errors.New("not RESP")

// readCommand reads an array of strings.
func readCommand(r *bufio.Reader) ([]string, error) {
	n, err := readNumber(r, '*', maxWords)
	if err != nil || n == 0 {
		return nil, errors.Join(err, errSyntax)
	}
	words := make([]string, n)
	for i := range words {
		size, err := readNumber(r, '$', maxWord)
		if err != nil {
			return nil, err
		}
		word := make([]byte, size+2)
		if _, err := io.ReadFull(r, word); err != nil {
			return nil, err
		}
		words[i] = string(word[:size])
	}
	return words, nil
}

// readNumber reads a line such as *3.
func readNumber(r *bufio.Reader, kind byte, limit int) (int, error) {
	line, err := r.ReadString('\n')
	if err != nil {
		return 0, err
	}
	n, err := strconv.Atoi(strings.TrimSpace(line[1:]))
	if line[0] != kind || err != nil || n < 0 || n > limit {
		return 0, errSyntax
	}
	return n, nil
}
