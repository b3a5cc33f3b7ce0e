/*
 * The floor: what a server costs that does nothing. A bare epoll loop that answers +OK for every
 * request and parses none. It counts requests by the `*` with which each begins; no key or value
 * that is sent to it holds that byte.
 *
 * floor PORT    listens on 127.0.0.1
 */
#define _GNU_SOURCE
#include <arpa/inet.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <unistd.h>

enum { EVENTS = 256, INPUT = 65536 };

static char input[INPUT];
/* As many answers as an input can ask for. */
static char answers[INPUT * 5];

static int fail(const char *what)
{
	perror(what);
	return 1;
}

static void admit(int epoll, int listener)
{
	int on = 1;
	int client = accept4(listener, NULL, NULL, SOCK_NONBLOCK);
	struct epoll_event event = { .events = EPOLLIN, .data.fd = client };

	if (client < 0)
		return;
	setsockopt(client, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
	if (epoll_ctl(epoll, EPOLL_CTL_ADD, client, &event) < 0)
		close(client);
}

/* A client that does not take its answers is let go: the load takes all of them. */
static void answer(int client)
{
	ssize_t length = read(client, input, sizeof input);
	size_t count = 0;

	if (length > 0) {
		const char *at = input, *end = input + length;

		while ((at = memchr(at, '*', (size_t)(end - at)))) {
			count++;
			at++;
		}
		if (count == 0 || write(client, answers, 5 * count) == (ssize_t)(5 * count))
			return;
	}
	close(client);
}

int main(int argc, char **argv)
{
	int on = 1, epoll = epoll_create1(0);
	int listener = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK, 0);
	struct sockaddr_in address = { .sin_family = AF_INET };
	struct epoll_event event = { .events = EPOLLIN, .data.fd = listener }, events[EVENTS];

	if (argc != 2)
		return 2;
	address.sin_port = htons((unsigned short)atoi(argv[1]));
	address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
	setsockopt(listener, SOL_SOCKET, SO_REUSEADDR, &on, sizeof on);
	if (bind(listener, (struct sockaddr *)&address, sizeof address) < 0)
		return fail("bind");
	if (listen(listener, 1024) < 0 || epoll_ctl(epoll, EPOLL_CTL_ADD, listener, &event) < 0)
		return fail("listen");
	for (size_t at = 0; at < sizeof answers; at += 5)
		memcpy(answers + at, "+OK\r\n", 5);
	for (;;) {
		int ready = epoll_wait(epoll, events, EVENTS, -1);

		for (int at = 0; at < ready; at++) {
			if (events[at].data.fd == listener)
				admit(epoll, listener);
			else
				answer(events[at].data.fd);
		}
	}
}
