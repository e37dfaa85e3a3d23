/* Preloaded into the packetdrill program: its assertions, %{ }%, ask the kernel's
 * getsockopt about sockets that are not the kernel's, and it waits for real time
 * and pins itself to real memory, neither of which a virtual clock needs.
 */
#define _GNU_SOURCE
#include <dlfcn.h>
#include <errno.h>
#include <sched.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/times.h>

typedef int (*getsockopt_t)(int, int, int, void *, socklen_t *);

static getsockopt_t stack;

/* The library says where it answers. */
void mtcp_preload(getsockopt_t f) { stack = f; }

int getsockopt(int fd, int level, int name, void *v, socklen_t *n)
{
	if (stack) {
		int r = stack(fd, level, name, v, n);
		if (r == 0 || (errno != EBADF && errno != ENOTSOCK))
			return r;
	}
	getsockopt_t real = (getsockopt_t)dlsym(RTLD_NEXT, "getsockopt");
	return real(fd, level, name, v, n);
}

int mlockall(int flags)
{
	(void)flags;
	return 0;
}

int sched_setscheduler(pid_t pid, int policy, const struct sched_param *p)
{
	(void)pid, (void)policy, (void)p;
	return 0;
}

clock_t times(struct tms *t)
{
	static clock_t now;
	(void)t;
	return ++now;
}
