package memif

// Opening and closing a device. Who makes the socket is the master, at Open;
// everything that has to do with a peer happens in Serve.

import (
	"errors"
	"fmt"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"github.com/mtcp-go/mtcp/internal/cacheline"
	"github.com/mtcp-go/mtcp/internal/link"
	"github.com/mtcp-go/mtcp/internal/link/park"
	"golang.org/x/sys/unix"
)

// programName is what peers are told.
const programName = "mtcp"

// Device is one end of a shared-memory link, with a queue for each pair of
// rings.
type Device struct {
	cfg    Config
	info   link.Info
	queues []*Queue

	events   int           // an epoll descriptor: the listener and all connections
	sleeper  *park.Sleeper // of Serve
	listener int           // -1 for a slave
	socket   unix.Stat_t   // the file that we made

	// Owned by Serve.
	sessions []*session
	active   *session // the one that is up, or being set up
	listens  bool
	window   time.Time // when accepts began to count
	accepts  int
	retry    time.Duration
	retryAt  time.Time
	upSince  time.Time
	checkAt  time.Time
	kicks    []uint64 // of each queue, at the last look
	ghosts   []ghost

	mu    sync.Mutex // guards state
	state State

	serving   sync.Mutex // held by Serve
	closing   atomic.Bool
	closeOnce sync.Once
	closeErr  error
}

// Open makes an end of a link; there is no peer until Serve has found one.
func Open(c Config) (*Device, error) {
	c, err := c.complete()
	if err != nil {
		return nil, err
	}
	d := &Device{cfg: c, events: -1, listener: -1, kicks: make([]uint64, c.Queues)}
	d.info = link.Info{
		Name:   fmt.Sprintf("memif%d", c.ID),
		Mode:   "memif " + c.Role.String(),
		MAC:    c.MAC,
		MTU:    c.MTU,
		Queues: c.Queues,
	}
	if err := d.open(); err != nil {
		return nil, errors.Join(fmt.Errorf("memif: %w", err), d.Close())
	}
	return d, nil
}

func (d *Device) open() (err error) {
	if d.events, err = unix.EpollCreate1(unix.EPOLL_CLOEXEC); err != nil {
		return fmt.Errorf("epoll: %w", err)
	}
	if d.sleeper, err = park.New(d.events, d.hasNews, nil); err != nil {
		return err
	}
	for i := range d.cfg.Queues {
		q := cacheline.New[Queue]()
		*q = Queue{device: d, slave: d.cfg.Role == Slave, frame: frameSize(d.cfg.MTU), bell: -1}
		q.rx.init(q.frame, d.cfg.stride(q.frame))
		q.tx.init(q.frame, d.cfg.stride(q.frame))
		d.queues = append(d.queues, q)
		if err := q.openSleeper(); err != nil {
			return fmt.Errorf("queue %d: %w", i, err)
		}
	}
	if d.cfg.Role == Slave {
		return nil
	}
	if d.listener, err = listen(d.cfg.Socket); err != nil {
		return err
	}
	if !d.isAbstract() {
		if err := unix.Lstat(d.cfg.Socket, &d.socket); err != nil {
			return err
		}
	}
	e := unix.EpollEvent{Events: unix.EPOLLIN, Fd: int32(d.listener)}
	d.listens = true
	return unix.EpollCtl(d.events, unix.EPOLL_CTL_ADD, d.listener, &e)
}

func (d *Device) isAbstract() bool { return strings.HasPrefix(d.cfg.Socket, "@") }

// hasNews reports whether Serve has something to do.
func (d *Device) hasNews() bool {
	if d.closing.Load() {
		return true
	}
	set := [1]unix.PollFd{{Fd: int32(d.events), Events: unix.POLLIN}}
	n, err := unix.Poll(set[:], 0)
	return n != 0 && err == nil
}

// Info describes the device.
func (d *Device) Info() link.Info { return d.info }

// Queues returns how many queues there are.
func (d *Device) Queues() int { return len(d.queues) }

// Queue returns the i-th queue, which belongs to one shard.
func (d *Device) Queue(i int) *Queue { return d.queues[i] }

// Close ends Serve and waits for its return, tells the peer, removes the
// socket, and closes the queues. No shard may use a queue any more. A second call
// does nothing.
func (d *Device) Close() error {
	d.closeOnce.Do(func() { d.closeErr = d.close() })
	return d.closeErr
}

func (d *Device) close() error {
	d.closing.Store(true)
	if d.sleeper != nil {
		d.sleeper.Wake()
	}
	d.serving.Lock()
	defer d.serving.Unlock()
	d.hangUp() // what Serve left, if it never ran
	var err error
	if d.sleeper != nil {
		err = d.sleeper.Close()
	}
	if d.listener >= 0 {
		err = errors.Join(err, d.unlink(), unix.Close(d.listener))
	}
	for _, q := range d.queues {
		err = errors.Join(err, q.Close())
	}
	if d.events >= 0 {
		err = errors.Join(err, unix.Close(d.events))
	}
	return err
}

// unlink removes the socket's file, if it is still the one that we made.
func (d *Device) unlink() error {
	var st unix.Stat_t
	if d.isAbstract() || unix.Lstat(d.cfg.Socket, &st) != nil || st.Ino != d.socket.Ino || st.Dev != d.socket.Dev {
		return nil
	}
	return unix.Unlink(d.cfg.Socket)
}

// Close wakes a Wait and releases the queue. A second call does nothing.
func (q *Queue) Close() error {
	q.closing.Lock()
	defer q.closing.Unlock()
	if q.closed {
		return nil
	}
	q.closed = true
	var err error
	if q.sleeper != nil {
		err = q.sleeper.Close()
	}
	q.letGo()
	if q.bell >= 0 {
		err = errors.Join(err, unix.Close(q.bell))
	}
	return err
}
