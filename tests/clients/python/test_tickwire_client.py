"""The client against a server that misbehaves as networks do."""

import asyncio
import contextlib
import json
import unittest
from unittest import mock

from websockets.asyncio.server import serve
from websockets.exceptions import ConnectionClosed

import tickwire_client
from tickwire_client import Broken, follow

KEY = "public:NSE@NIFTY@IDX:tick:price"
NEXT = "common:NFO@NIFTY@FUT@2026-12-29:5m:ema(close,20)"


def signal(offset, prev, s=1, **more):
    return {"s": s, "k": "signal", "o": offset, "prev": prev, "d": {"price": offset / 10}, **more}


def snapshot(offset):
    value = {"absent": "cold"} if offset is None else {"price": offset / 10}
    return {"s": 1, "k": "snapshot", "o": offset, "d": value}


class Server:
    """Answers the n-th subscribe by the n-th act of `script`: lists are sent as
    data frames, a dict is merged into the verdict and answers, "close" closes."""

    def __init__(self, script):
        self.script, self.sinces, self.pings, self.asked = list(script), [], [], []
        self.tops, self.heartbeat_s = {}, 60

    async def serve(self, connection):
        with contextlib.suppress(ConnectionClosed):
            async for text in connection:
                request = json.loads(text)
                if request["op"] == "hello":
                    await self.reply(connection, request, {"heartbeat_s": self.heartbeat_s})
                elif request["op"] == "ping":
                    self.pings.append(request["at"])
                    await self.reply(connection, request, {"tops": self.tops, "server_time": 1})
                else:
                    await self.subscribe(connection, request)

    async def subscribe(self, connection, request):
        (stream,) = request["streams"]
        self.sinces.append(stream.get("since", {}).get("offset"))
        self.asked.append((stream["s"], stream["key"]))
        for step in self.script.pop(0) if self.script else []:
            if step == "close":
                await connection.close()
            elif isinstance(step, dict) and "goodbye" in step:
                await connection.send(json.dumps(step))
            elif isinstance(step, dict):
                verdict = {"key": KEY, "s": stream["s"], "mode": "full", "epoch": "k3", **step}
                await self.reply(connection, request, {"streams": [verdict], "list": {"1": KEY}})
            else:
                await connection.send(json.dumps(step))

    @staticmethod
    async def reply(connection, request, ok):
        await connection.send(json.dumps({"id": request["id"], "ok": ok}))


@mock.patch.multiple(tickwire_client, HOLD_S=0.05, MORE_S=0.02, RETRY_S=0.01)
@mock.patch.object(tickwire_client, "ticket", lambda api, token: "one/time+")
class ClientTest(unittest.IsolatedAsyncioTestCase):
    async def run_client(self, server, until):
        """Follows until offset `until` was taken, or the client gives up."""
        taken, done = [], asyncio.Event()

        def emit(line):
            taken.append((line["o"], line["d"]["price"]))
            if line["o"] == until:
                done.set()

        async with serve(server.serve, "127.0.0.1", 0) as listener:
            port = listener.sockets[0].getsockname()[1]
            client = asyncio.create_task(follow(f"ws://127.0.0.1:{port}/", "-", "-", [KEY], emit))
            finish = asyncio.create_task(done.wait())
            finished, _ = await asyncio.wait({client, finish}, timeout=10, return_when=asyncio.FIRST_COMPLETED)
            for task in (client, finish):
                task.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await client
        self.assertTrue(finished, f"nothing came of it: {taken}")
        return taken

    async def check(self, script, expected, sinces, server=None):
        server = server or Server(script)
        taken = await self.run_client(server, expected[-1])
        self.assertEqual(taken, [(offset, offset / 10) for offset in expected])
        self.assertEqual(server.sinces, sinces)

    async def check_broken(self, script, words):
        with self.assertRaisesRegex(Broken, words):
            await self.run_client(Server(script), -1)

    async def test_frames_may_overtake_the_verdict_and_the_snapshot(self):
        await self.check([[[signal(3, 2)], [snapshot(2)], {"top": 2}, [signal(4, 3)]]], [2, 3, 4], [None])

    async def test_the_first_signal_of_a_stream_is_taken(self):
        await self.check([[{}, [snapshot(None)], [signal(1, None), signal(2, 1)]]], [1, 2], [None])

    async def test_duplicates_are_ignored(self):
        twice = [signal(3, 2), signal(3, 2)]
        await self.check([[{}, [snapshot(2)], twice, twice, [snapshot(2)], [signal(4, 3)]]], [2, 3, 4], [None])

    async def test_items_out_of_order_wait_for_each_other(self):
        await self.check([[{}, [snapshot(2)], [signal(5, 4)], [signal(4, 3)], [signal(3, 2)]]], [2, 3, 4, 5], [None])

    async def test_conflation_is_no_gap(self):
        await self.check([[{}, [snapshot(2)], [signal(5, 2, n=3)], [signal(6, 5)]]], [2, 5, 6], [None])

    async def test_a_dropped_frame_is_resumed(self):
        again = [{"recovered": True}, [signal(3, 2), signal(4, 3)]]
        await self.check([[{}, [snapshot(2)], [signal(4, 3)]], again], [2, 3, 4], [None, 2])

    async def test_a_pong_shows_what_was_lost_at_the_end(self):
        server = Server([[{}, [snapshot(2)]], [{"recovered": True}, [signal(3, 2)]]])
        server.tops, server.heartbeat_s = {"1": 3}, 0.05
        await self.check(None, [2, 3], [None, 2], server)
        self.assertEqual(server.pings[0], {"1": 2})

    async def test_a_pull_in_parts(self):
        first = [{}, [snapshot(2)], [signal(9, 8)]]
        parts = [[{"recovered": True, "more": True}, [signal(n, n - 1) for n in (3, 4, 5)]]]
        parts.append([{"recovered": True}, [signal(n, n - 1) for n in (6, 7, 8)]])
        await self.check([first, *parts], [2, 3, 4, 5, 6, 7, 8, 9], [None, 2, 5])

    async def test_a_closed_socket_is_resumed(self):
        first = [{}, [snapshot(2)], [signal(3, 2)], "close"]
        await self.check([first, [{"recovered": True}, [signal(4, 3)]]], [2, 3, 4], [None, 3])

    async def test_before_the_first_signal_there_is_nothing_to_resume(self):
        await self.check([[{}, [snapshot(None)], "close"], [{}, [snapshot(4)], [signal(5, 4)]]], [4, 5], [None, None])

    async def test_what_comes_before_the_first_verdict_is_not_taken_without_it(self):
        first = [[snapshot(2), signal(3, 2)], "close"]
        await self.check([first, [[snapshot(5)], {}, [signal(6, 5)]]], [5, 6], [None, None])

    async def test_goodbye_is_followed(self):
        first = [{}, [snapshot(2)], {"goodbye": {"code": "lifetime", "reconnect_after_ms": 5}}]
        await self.check([first, [{"recovered": True}, [signal(3, 2)]]], [2, 3], [None, 2])

    async def test_what_cannot_be_recovered_ends_it(self):
        first = [{}, [snapshot(2)], [signal(4, 3)]]
        await self.check_broken([first, [{"recovered": False}, [snapshot(9)]]], "not to be had")
        await self.check_broken([first, [[snapshot(9)], {"recovered": False}]], "not to be had")

    async def test_a_snapshot_passes_over_nothing(self):
        first = [{}, [signal(1, None)], [snapshot(3)]]
        await self.check([first, [{"recovered": True}, [signal(2, 1), signal(3, 2)]]], [1, 2, 3], [None, 1])

    async def test_a_resume_that_brings_nothing_ends_it(self):
        empty = [{"recovered": True}, [signal(4, 3)]]
        await self.check_broken([[{}, [snapshot(2)], [signal(4, 3)]], *[empty] * 9], "resumes did not bring")

    async def test_two_values_of_one_offset_end_it(self):
        other = {**signal(3, 2), "d": {"price": 99}}
        await self.check_broken([[{}, [snapshot(2)], [signal(3, 2)], [other]]], "two values at 3")

    async def test_a_denial_ends_it(self):
        error = {"code": 300, "slug": "entitlement_required", "temporary": False, "message": "No."}
        await self.check_broken([[{"err": error}]], "entitlement_required")
        await self.check_broken([[{}, [{"s": 1, "k": "revoked", "err": error}]]], "revoked")

    async def test_a_future_that_expires_goes_on_as_the_next_one(self):
        error = {"code": 119, "slug": "contract_expired", "temporary": False, "message": "It has ended."}
        await self.check_broken([[{"err": error}]], "contract_expired")
        error["successor"] = NEXT
        follower = [{}, [{**snapshot(7), "s": 2}], [signal(8, 7, s=2)]]
        # In the middle of it, and when it is subscribed to; what comes late of the old one is nothing.
        revoked = [{}, [snapshot(2)], [{"s": 1, "k": "revoked", "err": error}], [signal(3, 2)]]
        for first, expected in [(revoked, [2, 7, 8]), ([{"err": error}], [7, 8])]:
            server = Server([first, follower])
            await self.check(None, expected, [None, None], server)
            self.assertEqual(server.asked, [(1, KEY), (2, NEXT)])


if __name__ == "__main__":
    unittest.main()
