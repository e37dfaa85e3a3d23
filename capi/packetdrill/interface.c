/* The program's table of functions, and trampolines into Go.
 *
 * An exported Go function answers with a result, or with minus an error number.
 * The trampolines make -1 and errno of it, and turn vectors into buffers.
 */
#define _GNU_SOURCE
#include <dlfcn.h>
#include <errno.h>
#include <poll.h>
#include <sched.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/time.h>
#include <sys/uio.h>
#include <unistd.h>

#include "_cgo_export.h"

/* What the program expects; the order of the members is its ABI. */
struct table {
	void *userdata;
	void (*free)(void *);
	int (*socket)(void *, int, int, int);
	int (*bind)(void *, int, const struct sockaddr *, socklen_t);
	int (*listen)(void *, int, int);
	int (*accept)(void *, int, struct sockaddr *, socklen_t *);
	int (*connect)(void *, int, const struct sockaddr *, socklen_t);
	ssize_t (*read)(void *, int, void *, size_t);
	ssize_t (*readv)(void *, int, const struct iovec *, int);
	ssize_t (*recv)(void *, int, void *, size_t, int);
	ssize_t (*recvfrom)(void *, int, void *, size_t, int, struct sockaddr *, socklen_t *);
	ssize_t (*recvmsg)(void *, int, struct msghdr *, int);
	ssize_t (*write)(void *, int, const void *, size_t);
	ssize_t (*writev)(void *, int, const struct iovec *, int);
	ssize_t (*send)(void *, int, const void *, size_t, int);
	ssize_t (*sendto)(void *, int, const void *, size_t, int, const struct sockaddr *, socklen_t);
	ssize_t (*sendmsg)(void *, int, const struct msghdr *, int);
	int (*fcntl)(void *, int, int, ...);
	int (*ioctl)(void *, int, unsigned long, ...);
	int (*close)(void *, int);
	int (*shutdown)(void *, int, int);
	int (*getsockopt)(void *, int, int, int, void *, socklen_t *);
	int (*setsockopt)(void *, int, int, int, const void *, socklen_t);
	int (*poll)(void *, struct pollfd *, nfds_t, int);
	int (*netdev_send)(void *, const void *, size_t);
	int (*netdev_receive)(void *, void *, size_t *, long long *);
	int (*usleep)(void *, useconds_t);
	int (*gettimeofday)(void *, struct timeval *, struct timezone *);
	int (*epoll_create)(void *, int);
	int (*epoll_ctl)(void *, int, int, int, struct epoll_event *);
	int (*epoll_wait)(void *, int, struct epoll_event *, int, int);
	int (*pipe)(void *, int[2]);
	int (*splice)(void *, int, loff_t *, int, loff_t *, size_t, unsigned int);
};

/* away is set while the program's second thread, which makes the calls that may
 * block, is between entering a call here and either being blocked or having read
 * the clock afterwards. Meanwhile the first thread must not move time on. */
static atomic_int away;

static int is_second(void) { return syscall(SYS_gettid) != getpid(); }

static void enter(void)
{
	if (is_second()) {
		atomic_store(&away, 1);
		return;
	}
	while (atomic_load(&away))
		sched_yield();
}

void pd_is_back(void) { atomic_store(&away, 0); }
void pd_is_away(void) { atomic_store(&away, 1); }

static long result(long r)
{
	if (r < 0) {
		errno = (int)-r;
		return -1;
	}
	return r;
}

static void t_free(void *u) { (void)u; enter(); pdFree(); }

static int t_socket(void *u, int domain, int type, int proto)
{
	(void)u;
	enter();
	return result(pdSocket(domain, type, proto));
}

static int t_bind(void *u, int fd, const struct sockaddr *a, socklen_t n)
{
	(void)u;
	enter();
	return result(pdBind(fd, (void *)a, n));
}

static int t_listen(void *u, int fd, int backlog)
{
	(void)u;
	enter();
	return result(pdListen(fd, backlog));
}

static int t_accept(void *u, int fd, struct sockaddr *a, socklen_t *n)
{
	(void)u;
	enter();
	return result(pdAccept(fd, a, n));
}

static int t_connect(void *u, int fd, const struct sockaddr *a, socklen_t n)
{
	(void)u;
	enter();
	return result(pdConnect(fd, (void *)a, n));
}

static ssize_t t_recv(void *u, int fd, void *b, size_t n, int flags)
{
	(void)u;
	enter();
	return result(pdRead(fd, b, n, flags));
}

static ssize_t t_read(void *u, int fd, void *b, size_t n) { return t_recv(u, fd, b, n, 0); }

static ssize_t t_recvfrom(void *u, int fd, void *b, size_t n, int flags, struct sockaddr *a, socklen_t *an)
{
	(void)a;
	if (an)
		*an = 0;
	return t_recv(u, fd, b, n, flags);
}

static size_t total(const struct iovec *v, size_t n)
{
	size_t sum = 0;
	for (size_t i = 0; i < n; i++)
		sum += v[i].iov_len;
	return sum;
}

static ssize_t receive(void *u, int fd, const struct iovec *v, size_t n, int flags)
{
	size_t size = total(v, n), at = 0;
	char *b = malloc(size + 1);
	ssize_t r = t_recv(u, fd, b, size, flags);
	int e = errno;
	for (size_t i = 0; i < n && r > 0 && at < (size_t)r; i++) {
		size_t k = (size_t)r - at < v[i].iov_len ? (size_t)r - at : v[i].iov_len;
		memcpy(v[i].iov_base, b + at, k);
		at += k;
	}
	free(b);
	errno = e;
	return r;
}

static ssize_t t_readv(void *u, int fd, const struct iovec *v, int n) { return receive(u, fd, v, n, 0); }

static ssize_t t_recvmsg(void *u, int fd, struct msghdr *m, int flags)
{
	m->msg_namelen = 0;
	m->msg_controllen = 0;
	m->msg_flags = 0;
	return receive(u, fd, m->msg_iov, m->msg_iovlen, flags);
}

static ssize_t t_send(void *u, int fd, const void *b, size_t n, int flags)
{
	(void)u;
	enter();
	return result(pdWrite(fd, (void *)b, n, flags));
}

static ssize_t t_write(void *u, int fd, const void *b, size_t n) { return t_send(u, fd, b, n, 0); }

static ssize_t t_sendto(void *u, int fd, const void *b, size_t n, int flags, const struct sockaddr *a, socklen_t an)
{
	(void)a;
	(void)an;
	return t_send(u, fd, b, n, flags);
}

static ssize_t transmit(void *u, int fd, const struct iovec *v, size_t n, int flags)
{
	size_t size = total(v, n), at = 0;
	char *b = malloc(size + 1);
	for (size_t i = 0; i < n; i++) {
		memcpy(b + at, v[i].iov_base, v[i].iov_len);
		at += v[i].iov_len;
	}
	ssize_t r = t_send(u, fd, b, size, flags);
	int e = errno;
	free(b);
	errno = e;
	return r;
}

static ssize_t t_writev(void *u, int fd, const struct iovec *v, int n) { return transmit(u, fd, v, n, 0); }

static ssize_t t_sendmsg(void *u, int fd, const struct msghdr *m, int flags)
{
	return transmit(u, fd, m->msg_iov, m->msg_iovlen, flags);
}

static int t_fcntl(void *u, int fd, int cmd, ...)
{
	(void)u;
	va_list ap;
	va_start(ap, cmd);
	long arg = va_arg(ap, long);
	va_end(ap);
	enter();
	return result(pdFcntl(fd, cmd, (int)arg));
}

static int t_ioctl(void *u, int fd, unsigned long request, ...)
{
	(void)u;
	va_list ap;
	va_start(ap, request);
	int *out = va_arg(ap, int *);
	va_end(ap);
	enter();
	long r = pdIoctl(fd, (int)request);
	if (r >= 0 && out) {
		*out = (int)r;
		r = 0;
	}
	return result(r);
}

static int t_close(void *u, int fd)
{
	(void)u;
	enter();
	return result(pdClose(fd));
}

static int t_shutdown(void *u, int fd, int how)
{
	(void)u;
	enter();
	return result(pdShutdown(fd, how));
}

static int t_getsockopt(void *u, int fd, int level, int name, void *v, socklen_t *n)
{
	(void)u;
	enter();
	return result(pdGetsockopt(fd, level, name, v, n));
}

static int t_setsockopt(void *u, int fd, int level, int name, const void *v, socklen_t n)
{
	(void)u;
	enter();
	return result(pdSetsockopt(fd, level, name, (void *)v, n));
}

static int t_poll(void *u, struct pollfd *p, nfds_t n, int timeout)
{
	(void)u;
	enter();
	return result(pdPoll(p, n, timeout));
}

static int t_netdev_send(void *u, const void *b, size_t n)
{
	(void)u;
	enter();
	return result(pdSend((void *)b, n));
}

static int t_netdev_receive(void *u, void *b, size_t *n, long long *at)
{
	(void)u;
	enter();
	return result(pdReceive(b, n, at));
}

static int t_usleep(void *u, useconds_t us)
{
	(void)u;
	enter();
	return result(pdSleep(us));
}

static int t_gettimeofday(void *u, struct timeval *tv, struct timezone *tz)
{
	(void)u;
	(void)tz;
	if (!is_second())
		enter();
	long long us = pdClock(is_second());
	tv->tv_sec = us / 1000000;
	tv->tv_usec = us % 1000000;
	return 0;
}

static int t_epoll_create(void *u, int size)
{
	(void)u;
	(void)size;
	enter();
	return result(pdEpollCreate());
}

static int t_epoll_ctl(void *u, int ep, int op, int fd, struct epoll_event *e)
{
	(void)u;
	enter();
	return result(pdEpollCtl(ep, op, fd, e ? e->events : 0, e ? e->data.u64 : 0));
}

static int t_epoll_wait(void *u, int ep, struct epoll_event *e, int n, int timeout)
{
	(void)u;
	enter();
	uint32_t events[64];
	uint64_t data[64];
	if (n > 64)
		n = 64;
	long r = pdEpollWait(ep, n, timeout, events, data);
	for (long i = 0; i < r; i++) {
		e[i].events = events[i];
		e[i].data.u64 = data[i];
	}
	return result(r);
}

static int t_pipe(void *u, int fd[2])
{
	(void)u;
	(void)fd;
	return result(-ENOSYS);
}

static int t_splice(void *u, int in, loff_t *oi, int out, loff_t *oo, size_t n, unsigned int flags)
{
	(void)u, (void)in, (void)oi, (void)out, (void)oo, (void)n, (void)flags;
	return result(-ENOSYS);
}

/* preload.so has the program's own getsockopt come here. */
static int t_preloaded(int fd, int level, int name, void *v, socklen_t *n)
{
	enter();
	return result(pdGetsockopt(fd, level, name, v, n));
}

void packetdrill_interface_init(const char *flags, struct table *t)
{
	*t = (struct table){
		NULL, t_free, t_socket, t_bind, t_listen, t_accept, t_connect,
		t_read, t_readv, t_recv, t_recvfrom, t_recvmsg,
		t_write, t_writev, t_send, t_sendto, t_sendmsg,
		t_fcntl, t_ioctl, t_close, t_shutdown, t_getsockopt, t_setsockopt, t_poll,
		t_netdev_send, t_netdev_receive, t_usleep, t_gettimeofday,
		t_epoll_create, t_epoll_ctl, t_epoll_wait, t_pipe, t_splice,
	};
	void (*preload)(int (*)(int, int, int, void *, socklen_t *)) = dlsym(RTLD_DEFAULT, "mtcp_preload");
	if (preload)
		preload(t_preloaded);
	pdInit((char *)(flags ? flags : ""));
}
