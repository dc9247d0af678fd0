"""A client of `tickwire.v1` that loses nothing, written from shared/wire/PROTOCOL.md.

Writes each signal as a line of JSON, {"key", "o", "d"}. Ends with status 1 at a gap
that cannot be filled, or at a signal that contradicts one already taken. A stream of
a future that expires goes on as that of the next one, which is told on standard error.

    TICKWIRE_TOKEN=... python tickwire_client.py wss://HOST/PATH KEY [KEY...]
"""

import argparse
import asyncio
import json
import os
import sys
import time
import urllib.parse
import urllib.request

from websockets.asyncio.client import connect
from websockets.exceptions import ConnectionClosed, InvalidHandshake

HOLD_S = 2.0  # how long an item waits for the one before it
MORE_S = 0.2  # how long a pull may take to arrive before the next is asked for
RETRY_S, RETRY_S_MAX = 1.0, 30.0
RESUMES_MAX = 5  # in a row, without anything new


class Broken(Exception):
    """A stream is not whole, and cannot be made so."""


class Stream:
    """The chain of one stream."""

    def __init__(self, key, emit):
        self.key, self.emit = key, emit
        self.epoch = self.last = self.value = self.due = self.successor = None
        self.resumes = 0
        self.held = {}  # by offset: items whose link before is missing
        self.early = []  # items before the first verdict: without its epoch there is no resume

    def request(self, handle):
        self.due, self.resumes = None, self.resumes + 1
        if self.resumes > RESUMES_MAX:
            raise Broken(f"{self.key}: {RESUMES_MAX} resumes did not bring what follows {self.last}")
        can_resume = self.epoch is not None and self.last is not None
        since = {"since": {"epoch": self.epoch, "offset": self.last}} if can_resume else {}
        return {"key": self.key, "s": handle, **since}

    def verdict(self, verdict):
        if "err" in verdict:
            self.end(verdict["err"], verdict["err"]["slug"])
            return
        if verdict.get("recovered") is False:
            raise Broken(f"{self.key}: what followed {self.last} is not to be had")
        self.epoch = verdict.get("epoch", self.epoch)
        early, self.early = self.early, []
        for item in early:
            self.item(item)
        if verdict.get("more"):
            self.due = time.monotonic() + MORE_S

    def item(self, item):
        if item["k"] == "revoked":
            self.end(item["err"], "revoked")
            return
        if self.epoch is None:
            self.early.append(item)
            return
        if item["k"] == "snapshot" and self.last is None:
            if item["o"] is not None:  # else nothing was said yet: what comes first begins
                self.take(item)
        elif item["k"] == "snapshot" and item["o"] is not None and item["o"] > self.last:
            self.due = time.monotonic()  # it passes over signals: they are asked for
        elif item["k"] == "signal":
            self.held.setdefault(item["o"], item)
        for offset in sorted(self.held):
            item = self.held[offset]
            if self.last is not None and offset <= self.last:
                if offset == self.last and item["d"] != self.value:
                    raise Broken(f"{self.key}: two values at {offset}")
                del self.held[offset]
            elif item["prev"] is None or self.last is not None and item["prev"] <= self.last:
                self.take(self.held.pop(offset))
        if self.held and self.due is None:
            self.due = time.monotonic() + HOLD_S

    def end(self, why, word):
        if "successor" not in why:
            raise Broken(f"{self.key}: {word}: {why['message']}")
        print(f"{self.key}: {word}: {why['message']}", file=sys.stderr)
        self.successor, self.due = why["successor"], None

    def take(self, item):
        self.resumes = 0
        self.last, self.value = item["o"], item["d"]
        self.emit({"key": self.key, "o": item["o"], "d": item["d"]})


def go_on(streams):
    """What follows on streams that ended, each under a handle of its own."""
    for s in [s for s, stream in streams.items() if stream.successor]:
        ended = streams.pop(s)
        if all(stream.key != ended.successor for stream in streams.values()):
            follower = Stream(ended.successor, ended.emit)
            follower.due = time.monotonic()
            streams[max([s, *streams]) + 1] = follower


def ticket(api, token):
    request = urllib.request.Request(f"{api}/v1/tickets", b"", {"Authorization": f"Bearer {token}"})
    with urllib.request.urlopen(request, timeout=10) as answer:
        return json.load(answer)["ticket"]


async def session(url, streams):
    """One connection, until the server says goodbye: how long to wait, in seconds."""
    async with connect(url) as connection:
        ids, heartbeat_s = 0, 60

        async def send(op, **fields):
            nonlocal ids
            ids += 1
            await connection.send(json.dumps({"id": ids, "op": op, **fields}))

        await send("hello")
        await send("subscribe", streams=[stream.request(s) for s, stream in streams.items()])
        ping_at = time.monotonic() + heartbeat_s
        while True:
            now = time.monotonic()
            due = [s for s, stream in streams.items() if stream.due is not None and stream.due <= now]
            if due:
                await send("subscribe", streams=[streams[s].request(s) for s in due])
            if ping_at <= now:
                ping_at = now + heartbeat_s
                await send("ping", at={s: stream.last for s, stream in streams.items() if stream.last is not None})
            wake_at = min([ping_at, *(stream.due for stream in streams.values() if stream.due is not None)])
            try:
                async with asyncio.timeout(max(wake_at - now, 0)):
                    message = json.loads(await connection.recv())
            except TimeoutError:
                continue
            if isinstance(message, list):
                for item in message:
                    if item["s"] in streams:
                        streams[item["s"]].item(item)
            elif "goodbye" in message:
                return message["goodbye"]["reconnect_after_ms"] / 1000
            elif "err" in message:
                if not message["err"]["temporary"]:
                    raise Broken(f"{message['err']['slug']}: {message['err']['message']}")
                return message["err"].get("retry_after_ms", RETRY_S * 1000) / 1000
            elif "heartbeat_s" in message.get("ok", {}):
                heartbeat_s = message["ok"]["heartbeat_s"]
                ping_at = time.monotonic() + heartbeat_s
            for verdict in message.get("ok", {}).get("streams", []) if isinstance(message, dict) else []:
                if verdict["s"] in streams:
                    streams[verdict["s"]].verdict(verdict)
            for s, top in message.get("ok", {}).get("tops", {}).items() if isinstance(message, dict) else []:
                stream = streams.get(int(s))
                if stream and top > (stream.last or -1) and stream.due is None:
                    stream.due = time.monotonic() + HOLD_S
            go_on(streams)


async def follow(socket, api, token, keys, emit):
    """Follows the streams for good; only what cannot be mended ends it."""
    streams = {s: Stream(key, emit) for s, key in enumerate(keys, start=1)}
    retry_s = RETRY_S
    while True:
        before = [stream.last for stream in streams.values()]
        try:
            one_time = await asyncio.to_thread(ticket, api, token)
            wait_s = await session(f"{socket}?ticket={urllib.parse.quote(one_time)}", streams)
        except (ConnectionClosed, InvalidHandshake, OSError) as error:
            wait_s = retry_s
            print(f"connection lost ({error}); again in {wait_s} s", file=sys.stderr)
        for stream in streams.values():  # what was held comes again
            stream.held.clear()
            stream.early.clear()
            stream.due, stream.resumes = None, 0
        progress = before != [stream.last for stream in streams.values()]
        retry_s = RETRY_S if progress else min(2 * retry_s, RETRY_S_MAX)
        await asyncio.sleep(wait_s)


def main():
    parser = argparse.ArgumentParser(description="Follow streams of Tickwire, one line of JSON a signal.")
    parser.add_argument("socket", help="address of the socket, ws:// or wss://")
    parser.add_argument("keys", nargs="+", metavar="KEY", help="stream keys")
    parser.add_argument("--api", help="address of the HTTP API, if not that of the socket")
    parser.add_argument("--token", default=os.environ.get("TICKWIRE_TOKEN"), help="default: TICKWIRE_TOKEN")
    arguments = parser.parse_args()
    if not arguments.token:
        parser.error("a token is needed: --token, or TICKWIRE_TOKEN in the environment")
    at = urllib.parse.urlsplit(arguments.socket)
    api = arguments.api or f"{at.scheme.replace('ws', 'http', 1)}://{at.netloc}"

    def emit(line):
        print(json.dumps(line, separators=(",", ":")), flush=True)

    try:
        asyncio.run(follow(arguments.socket, api.rstrip("/"), arguments.token, arguments.keys, emit))
    except Broken as broken:
        print(broken, file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        return 0


if __name__ == "__main__":
    sys.exit(main())
