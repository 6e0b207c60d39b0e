"""What the witness charge point says to the CSMS: one message after the other, and what waits until it is taken."""

import asyncio
import math
from dataclasses import dataclass

from ocpp.exceptions import OCPPError, UnknownCallErrorCodeError
from ocpp.v16 import call
from websockets.asyncio.client import connect
from websockets.exceptions import ConnectionClosed, WebSocketException

from commands import CsmsLine
from line import Lost, Unanswered

RECONNECT_SECONDS = 0.3
# What a boot waits after an answer that names no interval, and after none at all.
BOOT_RETRY_SECONDS = 10
# Of a transaction whose start the CSMS never took.
NO_TRANSACTION = -1


@dataclass
class Note:
    """A message that belongs to no transaction."""

    serial: int
    payload: object
    answer: asyncio.Future


class Messages:
    """The part of the firmware that talks to the CSMS."""

    def note(self, payload):
        """Sends a message when its turn comes, and gives its answer."""
        self.flash.serial += 1
        note = Note(self.flash.serial, payload, self.loop.create_future())
        # Who tells a status does not look at what becomes of it.
        note.answer.add_done_callback(lambda answer: answer.cancelled() or answer.exception())
        self.notes.append(note)
        self.woken.set()
        return note.answer

    def enqueue(self, action, session, **payload):
        self.flash.serial += 1
        message = {"serial": self.flash.serial, "action": action, "session": session, "payload": payload, "failures": 0}
        self.flash.queue.append(message)
        self.woken.set()

    async def connect(self):
        while True:
            wait = self.station.unreachable_until - self.loop.time()
            await asyncio.sleep(max(wait, 0))
            try:
                async with connect(
                    self.station.url, subprotocols=["ocpp1.6"], open_timeout=5, close_timeout=1, ping_interval=None,
                    proxy=None,
                ) as connection:
                    if self.station.unreachable_until <= self.loop.time():
                        await self.serve(connection)
            except (OSError, WebSocketException, asyncio.TimeoutError):
                pass
            await asyncio.sleep(RECONNECT_SECONDS)

    async def serve(self, connection):
        self.line = self.new_line(connection)
        self.connected()
        try:
            await self.line.start()
        except ConnectionClosed:
            pass
        finally:
            self.line = None
            while self.notes:
                self.notes.popleft().answer.set_exception(Lost())

    def new_line(self, connection):
        return CsmsLine(self, connection)

    def connected(self):
        """A connection that comes back is no boot; what has changed is told [1.6 §4.9]."""
        self.report()
        self.woken.set()

    async def talk(self):
        """Sends one message after the other."""
        while True:
            self.woken.clear()
            if not await self.say_next():
                try:
                    async with asyncio.timeout_at(self.next_time()):
                        await self.woken.wait()
                except asyncio.TimeoutError:
                    pass

    def next_time(self):
        """When there may be something to say without anything happening before."""
        times = [time for time in (self.boot_at, self.retry_at) if time > self.loop.time()]
        return min(times, default=None)

    async def say_next(self):
        """Sends what is next, if there is something, and says so."""
        if not self.line:
            return False
        if self.registration != "Accepted":
            if self.registration == "Pending" and self.notes:
                await self.say_note(self.notes.popleft())
                return True
            if self.loop.time() < self.boot_at:
                return False
            await self.boot()
            return True
        message = self.flash.queue[0] if self.flash.queue and self.loop.time() >= self.retry_at else None
        if self.notes and (message is None or self.notes[0].serial < message["serial"]):
            await self.say_note(self.notes.popleft())
            return True
        if message:
            await self.say_of_transaction(message)
            return True
        return False

    async def say(self, payload):
        """A call and its answer."""
        line = self.line
        if line is None:
            raise Lost
        self.is_saying = True
        calling = asyncio.create_task(line.call(payload, suppress=False))
        closed = asyncio.create_task(line.connection.wait_closed())
        try:
            await asyncio.wait({calling, closed}, return_when=asyncio.FIRST_COMPLETED)
            if not calling.done():
                raise Lost
            return calling.result()
        except ConnectionClosed as error:
            raise Lost from error
        except (OCPPError, UnknownCallErrorCodeError, asyncio.TimeoutError) as error:
            raise Unanswered from error
        finally:
            self.is_saying = False
            calling.cancel()
            closed.cancel()

    async def say_note(self, note):
        try:
            answer = await self.say(note.payload)
        except (Lost, Unanswered) as error:
            if not note.answer.done():
                note.answer.set_exception(error)
            return
        if not note.answer.done():
            note.answer.set_result(answer)

    async def say_of_transaction(self, message):
        """What fails is sent again, later each time, and given up after the last attempt [1.6 §3.7.1]."""
        action, payload = message["action"], dict(message["payload"])
        transaction = self.flash.transactions.get(message["session"])
        if action == "StopTransaction":
            payload["transaction_id"] = NO_TRANSACTION if transaction is None else transaction
        elif action == "MeterValues" and transaction is not None:
            payload["transaction_id"] = transaction
        try:
            answer = await self.say(getattr(call, action)(**payload))
        except Lost:
            return
        except Unanswered:
            message["failures"] += 1
            if self.may_try_again(message):
                pause = message["failures"] * self.seconds("TransactionMessageRetryInterval")
                self.retry_at = self.loop.time() + pause
                return
            answer = None
        self.flash.queue.remove(message)
        if answer is None:
            return
        if action == "StartTransaction":
            self.started(message["session"], payload["id_tag"], answer)
        elif action == "StopTransaction":
            self.flash.transactions.pop(message["session"], None)
            if answer.id_tag_info and payload["id_tag"]:
                self.learn(payload["id_tag"], answer.id_tag_info)

    def may_try_again(self, message):
        return message["failures"] < self.seconds("TransactionMessageAttempts")

    def boot_notification(self):
        return call.BootNotification(
            charge_point_vendor="Elsewhere", charge_point_model="Witness 2", firmware_version="1.0.0",
            charge_point_serial_number="W-0001",
        )

    async def boot(self):
        try:
            answer = await self.say(self.boot_notification())
        except Lost:
            return
        except Unanswered:
            self.boot_at = self.loop.time() + BOOT_RETRY_SECONDS
            return
        self.booted(answer)

    def booted(self, answer):
        self.registration = answer.status
        self.set_clock(answer.current_time)
        if answer.status != "Accepted":
            self.boot_at = self.loop.time() + (answer.interval or BOOT_RETRY_SECONDS)
            return
        if answer.interval:
            self.flash.settings["HeartbeatInterval"] = str(answer.interval)
        self.arm_heartbeat()
        self.accepted()

    def accepted(self):
        self.report(everything=True)

    def heartbeat_seconds(self):
        return self.seconds("HeartbeatInterval")

    def arm_heartbeat(self):
        interval = self.heartbeat_seconds()
        self.heartbeat_at = self.loop.time() + interval if interval else math.inf
