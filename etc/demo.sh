#!/bin/sh
# Shows a server, a client that makes changes, and a second one that listens.
# usage: etc/demo.sh [where kvmsgd and kvmsg-cli lie]
set -eu
bin=${1:-target/release}
dir=$(mktemp -d)
daemon='' listener='' client=''

# shellcheck disable=SC2086 # those that did not start are no words
trap 'kill $client $listener $daemon 2>/dev/null || :; rm -rf "$dir"' EXIT
trap 'exit 130' INT TERM

# A server on a free port, with the defaults whatever this machine has configured.
: >"$dir/log"
env -i "$bin/kvmsgd" -c /dev/null -l 127.0.0.1:0 >"$dir/report" 2>"$dir/log" &
daemon=$!
while KVMSG_SERVER=$(sed -n 's/^kvmsgd: listening on //p' "$dir/log"); [ -z "$KVMSG_SERVER" ]; do
	kill -0 $daemon 2>/dev/null || { cat "$dir/log" >&2; exit 1; }
	sleep 0.1
done
export KVMSG_SERVER
cat "$dir/log"

# One client hears of changes. The other takes requests from a pipe, and answers into another.
"$bin/kvmsg-cli" watch >"$dir/heard" 2>/dev/null &
listener=$!
mkfifo "$dir/requests" "$dir/replies"
"$bin/kvmsg-cli" <"$dir/requests" >"$dir/replies" &
client=$!
exec 3>"$dir/requests" 4<"$dir/replies"

# Sends a request and prints its reply, which ends where that to a PING begins.
ask() {
	printf '%s\n' "$1" PING:end >&3
	while IFS= read -r line <&4 && [ "$line" != end ]; do
		printf '%s\n' "$line"
	done
}

# Not into a pipe: a reader that has seen enough would leave a part of the reply behind.
while ask STATS >"$dir/stats"; ! grep -qx 'watchers 1' "$dir/stats"; do
	kill -0 $listener && kill -0 $client
	sleep 0.1
done

printf '\nOne client asks:\n'
for request in PUT:user:john PUT:user:alice GET:user UPDATE:user:john:johnsmith GET:user \
	DELETE:user GET:user
do
	printf '> %s\n' "$request"
	ask "$request"
done

# The server tells what is left to tell before it goes.
kill -TERM $daemon
wait $daemon
daemon=''
wait $listener || : # it ends with the server
listener=''
printf '\nThe other has heard:\n'
cat "$dir/heard"
printf '\nThe server was told to stop:\n'
cat "$dir/report"
