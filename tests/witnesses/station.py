"""A charge point of OCPP 1.6 that keeps to the standard, made with the package `ocpp`; `charge_point.py` starts it.

It has the profiles Core and RemoteTrigger, two connectors with sockets for detachable cables, and no backup power.
"""

import asyncio
import json
import logging
import math
import re
import sys
from collections import deque
from dataclasses import dataclass, field
from datetime import datetime, timedelta, timezone

from ocpp.exceptions import OCPPError, PropertyConstraintViolationError, UnknownCallErrorCodeError
from ocpp.routing import on
from ocpp.v16 import call, call_result
from ocpp.v16.enums import Action
from websockets.asyncio.client import connect
from websockets.exceptions import ConnectionClosed, WebSocketException

import hand
from line import Line

CONNECTORS = (1, 2)
ENERGY = "Energy.Active.Import.Register"
UNITS = {ENERGY: "Wh", "Power.Active.Import": "W", "Voltage": "V", "Current.Import": "A"}
POWER_W = 7_400
TICK_SECONDS = 0.02
RECONNECT_SECONDS = 0.3
BOOT_SECONDS = 0.3
# Of the answer to a call.
ANSWERED_WITHIN_SECONDS = 20
# What a boot waits after an answer that names no interval, and after none at all.
BOOT_RETRY_SECONDS = 10
# What a Soft Reset waits for the delivery of what has happened.
FAREWELL_SECONDS = 5
# A clock that is nearer than this to the clock of the CSMS is left alone.
CLOCK_SLACK_SECONDS = 1
# Of a transaction whose start the CSMS never took.
NO_TRANSACTION = -1

log = logging.getLogger("charge_point")


class Lost(Exception):
    """The connection went away."""


class Unanswered(Exception):
    """The CSMS answered with an error, or not at all."""


@dataclass
class Socket:
    """The hardware of a connector, which no restart changes."""

    number: int
    car: bool = False
    cable: bool = False
    locked: bool = False
    jammed: bool = False
    fault: str | None = None
    energy_wh: float = 0.0


@dataclass
class Grant:
    """Somebody may charge as soon as there is a cable."""

    tag: str
    parent: str | None
    offline: bool
    ends_at: float


@dataclass
class Note:
    """A message that belongs to no transaction."""

    serial: int
    payload: object
    answer: asyncio.Future
    asked_for: bool


def is_whole(value):
    return re.fullmatch(r"[0-9]{1,9}", value) is not None


def is_yes_or_no(value):
    return value.lower() in ("true", "false")


def are_measurands(value):
    return value == "" or all(one.strip() in UNITS for one in value.split(","))


def is_rotation(value):
    return all(re.fullmatch(r"\s*(\d+\.)?(NotApplicable|Unknown|[RST]{3})\s*", one) for one in value.split(","))


# What can be set: how a value is checked, None where it is only read, and what it is when new [1.6 §9.1, §9.4].
KEYS = {
    "AuthorizationCacheEnabled": (is_yes_or_no, "true"),
    "AuthorizeRemoteTxRequests": (is_yes_or_no, "true"),
    "ClockAlignedDataInterval": (is_whole, "0"),
    "ConnectionTimeOut": (is_whole, "60"),
    "ConnectorPhaseRotation": (is_rotation, "0.RST,1.RST,2.RST"),
    "GetConfigurationMaxKeys": (None, "40"),
    "HeartbeatInterval": (is_whole, "300"),
    "LocalAuthorizeOffline": (is_yes_or_no, "true"),
    "LocalPreAuthorize": (is_yes_or_no, "false"),
    "MeterValueSampleInterval": (is_whole, "60"),
    "MeterValuesAlignedData": (are_measurands, ENERGY),
    "MeterValuesSampledData": (are_measurands, f"{ENERGY},Power.Active.Import"),
    "NumberOfConnectors": (None, str(len(CONNECTORS))),
    "ResetRetries": (is_whole, "0"),
    "StopTransactionOnEVSideDisconnect": (is_yes_or_no, "true"),
    "StopTransactionOnInvalidId": (is_yes_or_no, "true"),
    "StopTxnAlignedData": (are_measurands, ""),
    "StopTxnSampledData": (are_measurands, ""),
    "SupportedFeatureProfiles": (None, "Core,RemoteTrigger"),
    "TransactionMessageAttempts": (is_whole, "3"),
    "TransactionMessageRetryInterval": (is_whole, "10"),
    "UnlockConnectorOnEVSideDisconnect": (is_yes_or_no, "true"),
}


@dataclass
class Flash:
    """What outlives a restart. Nothing in it is shared with what does not."""

    settings: dict = field(default_factory=lambda: {key: value for key, (_, value) in KEYS.items()})
    operative: dict = field(default_factory=lambda: {str(n): True for n in (0, *CONNECTORS)})
    # What a connector that is in use will be when its session is over.
    scheduled: dict = field(default_factory=dict)
    cache: dict = field(default_factory=dict)
    # The session of each connector.
    sessions: dict = field(default_factory=dict)
    # Messages of transactions that the CSMS has not acknowledged, oldest first.
    queue: list = field(default_factory=list)
    # The id that the CSMS gave to a session, by the number that the charge point has for it.
    transactions: dict = field(default_factory=dict)
    # Whose cable is held, by connector.
    held_for: dict = field(default_factory=dict)
    serial: int = 0

    def reread(self):
        """As it is found after a power cut."""
        return type(self)(**json.loads(json.dumps(self.__dict__)))


class Station:
    """The hardware, and the people in front of it."""

    def __init__(self, url, firmware_type):
        self.url = url
        self.firmware_type = firmware_type
        self.sockets = {n: Socket(n, energy_wh=1_000.0 * n) for n in CONNECTORS}
        self.flash = Flash()
        self.unreachable_until = 0.0
        self.firmware = None
        self.restarting = None

    def start(self):
        self.firmware = self.firmware_type(self, self.flash)
        self.firmware.start()

    def restart(self, seconds=0.0):
        """The power goes, or the processor starts again; what was not in the flash is gone."""
        if self.restarting:
            self.restarting.cancel()
        self.firmware.die()
        self.restarting = asyncio.get_running_loop().call_later(seconds + BOOT_SECONDS, self.come_back)

    def come_back(self):
        self.restarting = None
        self.flash = self.flash.reread()
        self.start()

    # The operator's interface.

    def socket(self, connector_id):
        if connector_id not in self.sockets:
            raise hand.Refused(404, f"there is no connector {connector_id}")
        return self.sockets[connector_id]

    def plug_in(self, charge_point_id, connector_id):
        socket = self.socket(connector_id)
        socket.cable = socket.car = True
        self.firmware.plugged_in(socket)

    def unplug(self, charge_point_id, connector_id, side="ev"):
        socket = self.socket(connector_id)
        if not socket.cable:
            raise hand.Refused(409, "nothing is plugged in")
        if side == "station" and socket.locked:
            raise hand.Refused(409, "the cable is locked")
        socket.car = False
        # Nobody leaves a cable behind that can be taken.
        if side == "station" or not socket.locked:
            socket.cable = False
        self.firmware.unplugged(socket)

    def present_id_tag(self, charge_point_id, id_tag, connector_id=None):
        in_use = (n for n in CONNECTORS if self.sockets[n].cable)
        self.firmware.presented(id_tag, connector_id or next(in_use, CONNECTORS[0]))

    def power_cycle(self, charge_point_id, seconds=0, backup=False, silent=False):
        if backup:
            raise hand.Refused(501, "there is no backup power")
        for socket in self.sockets.values():
            socket.locked = False
        self.restart(seconds)

    def disconnect(self, charge_point_id, seconds, silent=False):
        self.unreachable_until = asyncio.get_running_loop().time() + seconds
        self.firmware.hang_up()

    def raise_fault(self, charge_point_id, error_code, connector_id=None):
        for socket in [self.socket(connector_id)] if connector_id else self.sockets.values():
            socket.fault = error_code
            self.firmware.failed(socket)

    def clear_fault(self, charge_point_id, connector_id=None):
        for socket in [self.socket(connector_id)] if connector_id else self.sockets.values():
            socket.fault = None
        self.firmware.report()

    def jam_lock(self, charge_point_id, connector_id):
        self.socket(connector_id).jammed = True

    def free_lock(self, charge_point_id, connector_id):
        socket = self.socket(connector_id)
        socket.jammed = False
        if socket.fault == "ConnectorLockFailure":
            socket.fault = None
        self.firmware.report()

    def reboot(self, charge_point_id):
        self.restart()

    def emergency_stop(self, charge_point_id):
        raise hand.Refused(501, "there is no emergency button")

    def raise_warning(self, charge_point_id, error_code, connector_id=None):
        raise hand.Refused(501, "it knows no warnings")

    def tamper(self, charge_point_id):
        raise hand.Refused(501, "the housing has no switch")

    ACTIONS = (
        "plug_in", "unplug", "present_id_tag", "power_cycle", "disconnect", "raise_fault", "clear_fault", "jam_lock",
        "free_lock", "reboot", "emergency_stop", "raise_warning", "tamper",
    )

    def action(self, name):
        return getattr(self, name) if name in self.ACTIONS else None


class Firmware:
    """The program of the charge point, from one start to the next."""

    def __init__(self, station, flash):
        self.station = station
        self.sockets = station.sockets
        self.flash = flash
        self.loop = asyncio.get_running_loop()
        self.tasks = set()
        self.line = None
        self.registration = None
        self.boot_at = 0.0
        self.retry_at = 0.0
        self.heartbeat_at = math.inf
        self.notes = deque()
        self.told = {}
        self.grants = {}
        self.finishing = set()
        self.sample_at = {}
        self.clock_at = math.inf
        self.clock_ahead = 0.0
        self.resetting = False
        self.woken = asyncio.Event()

    def start(self):
        self.resume()
        self.spawn(self.connect())
        self.spawn(self.talk())
        self.spawn(self.tick())

    def resume(self):
        """What was running when the power went has ended there."""
        for number in list(self.flash.sessions):
            self.stop(int(number), "PowerLoss")

    def spawn(self, work):
        task = asyncio.create_task(work)
        self.tasks.add(task)
        task.add_done_callback(self.finished)

    def finished(self, task):
        self.tasks.discard(task)
        if not task.cancelled() and task.exception():
            log.error("a task of the firmware failed", exc_info=task.exception())

    def die(self):
        self.hang_up()
        for task in list(self.tasks):
            task.cancel()

    def hang_up(self):
        if self.line:
            self.line.connection.transport.abort()

    # Settings and the clock.

    def setting(self, key):
        value = self.flash.settings[key]
        return value.lower() == "true" if KEYS[key][0] is is_yes_or_no else value

    def seconds(self, key):
        return int(self.flash.settings[key])

    def measurands(self, key):
        return [one.strip() for one in self.flash.settings[key].split(",") if one.strip()]

    def now(self):
        return datetime.now(timezone.utc) + timedelta(seconds=self.clock_ahead)

    def stamp(self, time=None):
        return (time or self.now()).isoformat(timespec="milliseconds").replace("+00:00", "Z")

    def set_clock(self, text):
        ahead = (datetime.fromisoformat(text.replace("Z", "+00:00")) - self.now()).total_seconds()
        if abs(ahead) > CLOCK_SLACK_SECONDS:
            self.clock_ahead += ahead
            self.arm_clock()

    # What is told of connectors.

    @property
    def is_online(self):
        return self.line is not None and self.registration == "Accepted"

    def session(self, number):
        return self.flash.sessions.get(str(number))

    def status(self, number):
        if number == 0:
            return "Available" if self.flash.operative["0"] else "Unavailable"
        socket, session = self.sockets[number], self.session(number)
        if socket.fault:
            return "Faulted"
        if session:
            if session["refused"]:
                return "SuspendedEVSE"
            return "Charging" if socket.car else "SuspendedEV"
        if not self.flash.operative[str(number)]:
            return "Unavailable"
        if number in self.finishing:
            return "Finishing"
        return "Preparing" if socket.cable or number in self.grants else "Available"

    def status_notification(self, number):
        fault = self.sockets[number].fault if number else None
        return call.StatusNotification(
            connector_id=number, error_code=fault or "NoError", status=self.status(number), timestamp=self.stamp()
        )

    def report(self, everything=False):
        """Tells what is not told yet; without a connection, once there is one [1.6 §4.9]."""
        if not self.is_online:
            return
        for number in (0, *CONNECTORS):
            current = (self.status(number), self.sockets[number].fault if number else None)
            if everything or self.told.get(number) != current:
                self.told[number] = current
                self.note(self.status_notification(number))

    # Tags.

    def cached(self, tag):
        """What the cache knows about a tag that may charge [1.6 §3.5.1]."""
        entry = self.flash.cache.get(tag.lower()) if self.setting("AuthorizationCacheEnabled") else None
        if not entry or entry["status"] != "Accepted":
            return None
        expires = entry.get("expiry_date")
        if expires and datetime.fromisoformat(expires.replace("Z", "+00:00")) <= self.now():
            return None
        return entry

    def learn(self, tag, info):
        if self.setting("AuthorizationCacheEnabled"):
            self.flash.cache[tag.lower()] = dict(info)

    async def authorize(self, tag):
        """What is known of a tag that may charge, or None."""
        if self.is_online:
            entry = self.cached(tag) if self.setting("LocalPreAuthorize") else None
            if entry:
                return entry
            try:
                answer = await self.note(call.Authorize(id_tag=tag))
            except Unanswered:
                return None
            except Lost:
                pass
            else:
                self.learn(tag, answer.id_tag_info)
                return answer.id_tag_info if answer.id_tag_info["status"] == "Accepted" else None
        return self.authorize_offline(tag)

    def authorize_offline(self, tag):
        return self.cached(tag) if self.setting("LocalAuthorizeOffline") else None

    def presented(self, tag, number):
        self.spawn(self.take_tag(tag, number))

    async def take_tag(self, tag, number):
        socket, session = self.sockets[number], self.session(number)
        if session:
            if session["tag"].lower() == tag.lower():
                self.stop(number, "Local", tag)
            elif session["parent"]:
                info = await self.authorize(tag)
                if info and info.get("parent_id_tag") == session["parent"] and self.session(number) is session:
                    self.stop(number, "Local", tag)
        elif not socket.car and self.flash.held_for.get(str(number)) == tag.lower():
            self.release(socket)
        elif self.can_start(number):
            info = await self.authorize(tag)
            if info:
                self.grant(number, tag, info.get("parent_id_tag"))

    # Sessions.

    def can_start(self, number):
        return (
            self.flash.operative[str(number)] and not self.sockets[number].fault and not self.session(number)
            and number not in self.grants and not self.resetting
        )

    def grant(self, number, tag, parent=None):
        if not self.can_start(number):
            return
        patience = self.seconds("ConnectionTimeOut")
        ends_at = self.loop.time() + patience if patience else math.inf
        self.grants[number] = Grant(tag, parent, not self.is_online, ends_at)
        self.finishing.discard(number)
        self.report()
        self.begin(self.sockets[number])

    def begin(self, socket):
        """Starts a session where a car is and somebody may charge."""
        if not socket.car or socket.number not in self.grants:
            return
        grant = self.grants.pop(socket.number)
        if socket.jammed:
            socket.fault = "ConnectorLockFailure"
            self.report()
            return
        socket.locked = True
        self.flash.serial += 1
        key = str(self.flash.serial)
        self.flash.sessions[str(socket.number)] = {
            "key": key, "tag": grant.tag, "parent": grant.parent, "offline": grant.offline, "refused": False,
            "readings": [],
        }
        self.enqueue(
            "StartTransaction", key, connector_id=socket.number, id_tag=grant.tag, meter_start=int(socket.energy_wh),
            timestamp=self.stamp(),
        )
        self.read(socket, "StopTxnSampledData", "Transaction.Begin")
        self.arm_samples(socket.number)
        self.report()

    def started(self, key, tag, answer):
        self.flash.transactions[key] = answer.transaction_id
        info = answer.id_tag_info
        self.learn(tag, info)
        number = next((int(n) for n, one in self.flash.sessions.items() if one["key"] == key), None)
        if number is None:
            return
        session = self.session(number)
        if info["status"] == "Accepted":
            session["parent"] = info.get("parent_id_tag") or session["parent"]
        elif self.setting("StopTransactionOnInvalidId"):
            self.stop(number, "DeAuthorized", hold=session["offline"] and self.holds_cable_of_refused())
        else:
            session["refused"] = True
            self.report()

    def holds_cable_of_refused(self):
        """It may keep the cable of an offline session that is refused until its owner comes [1.6 §3.5.4]."""
        return False

    def stop(self, number, reason, tag=None, hold=False):
        socket, session = self.sockets[number], self.session(number)
        if not session:
            return
        self.read(socket, "StopTxnSampledData", "Transaction.End")
        del self.flash.sessions[str(number)]
        self.sample_at.pop(number, None)
        message = {
            "meter_stop": int(socket.energy_wh), "timestamp": self.stamp(), "reason": reason,
            "transaction_data": session["readings"] or None, "id_tag": tag,
        }
        self.enqueue("StopTransaction", session["key"], **message)
        if hold:
            # Until its owner comes, or the CSMS unlocks it.
            self.flash.held_for[str(number)] = session["tag"].lower()
        else:
            socket.locked = False
        if socket.cable:
            self.finishing.add(number)
        if str(number) in self.flash.scheduled:
            self.flash.operative[str(number)] = self.flash.scheduled.pop(str(number))
            self.flash.operative["0"] = self.flash.scheduled.pop("0", self.flash.operative["0"])
        self.report()

    def release(self, socket):
        socket.locked = False
        self.flash.held_for.pop(str(socket.number), None)
        self.report()

    # What happens to the hardware.

    def plugged_in(self, socket):
        self.finishing.discard(socket.number)
        self.report()
        self.begin(socket)

    def unplugged(self, socket):
        number = socket.number
        if self.session(number) and self.setting("StopTransactionOnEVSideDisconnect"):
            self.stop(number, "EVDisconnected", hold=not self.setting("UnlockConnectorOnEVSideDisconnect"))
        if not socket.cable:
            self.finishing.discard(number)
            self.flash.held_for.pop(str(number), None)
        self.report()

    def failed(self, socket):
        self.grants.pop(socket.number, None)
        self.stop(socket.number, "Other")
        self.report()

    # Readings.

    def sampled(self, socket, measurands, context):
        values = {
            ENERGY: int(socket.energy_wh), "Power.Active.Import": POWER_W if self.is_charging(socket) else 0,
            "Voltage": 230, "Current.Import": 32 if self.is_charging(socket) else 0,
        }
        return [
            {"value": str(values[one]), "context": context, "measurand": one, "unit": UNITS[one]}
            for one in measurands
        ]

    def is_charging(self, socket):
        return bool(self.session(socket.number)) and self.status(socket.number) == "Charging"

    def read(self, socket, key, context, time=None):
        """Keeps a reading for the end of the session."""
        session, measurands = self.session(socket.number), self.measurands(key)
        if session and measurands:
            values = self.sampled(socket, measurands, context)
            session["readings"].append({"timestamp": self.stamp(time), "sampled_value": values})

    def meter(self, socket, key, context, time=None):
        measurands, session = self.measurands(key), self.session(socket.number)
        if measurands:
            value = {"timestamp": self.stamp(time), "sampled_value": self.sampled(socket, measurands, context)}
            key = session["key"] if session else None
            self.enqueue("MeterValues", key, connector_id=socket.number, meter_value=[value])

    def arm_samples(self, number):
        interval = self.seconds("MeterValueSampleInterval")
        self.sample_at[number] = self.loop.time() + interval if interval else math.inf

    def arm_clock(self):
        """Aligned to midnight [1.6 §9.1 ClockAlignedDataInterval]."""
        interval, now = self.seconds("ClockAlignedDataInterval"), self.now()
        midnight = now.replace(hour=0, minute=0, second=0, microsecond=0).timestamp()
        past = now.timestamp() - midnight
        self.clock_at = midnight + (math.floor(past / interval) + 1) * interval if interval else math.inf

    async def tick(self):
        self.arm_clock()
        before = self.loop.time()
        while True:
            await asyncio.sleep(TICK_SECONDS)
            now = self.loop.time()
            for socket in self.sockets.values():
                if self.is_charging(socket):
                    socket.energy_wh += POWER_W * (now - before) / 3600
                self.sample(socket, now)
                grant = self.grants.get(socket.number)
                if grant and now >= grant.ends_at:
                    del self.grants[socket.number]
                    self.report()
            self.sample_by_the_clock()
            if now >= self.heartbeat_at and self.is_online:
                self.heartbeat_at += self.seconds("HeartbeatInterval") or math.inf
                self.spawn(self.beat())
            before = now

    def sample(self, socket, now):
        if now >= self.sample_at.get(socket.number, math.inf):
            self.sample_at[socket.number] += self.seconds("MeterValueSampleInterval")
            self.meter(socket, "MeterValuesSampledData", "Sample.Periodic")
            self.read(socket, "StopTxnSampledData", "Sample.Periodic")

    def sample_by_the_clock(self):
        if self.now().timestamp() < self.clock_at:
            return
        time = datetime.fromtimestamp(self.clock_at, timezone.utc)
        self.arm_clock()
        for socket in self.sockets.values():
            self.meter(socket, "MeterValuesAlignedData", "Sample.Clock", time)
            self.read(socket, "StopTxnAlignedData", "Sample.Clock", time)

    async def beat(self):
        try:
            answer = await self.note(call.Heartbeat())
        except (Lost, Unanswered):
            return
        self.set_clock(answer.current_time)

    # Messages.

    def note(self, payload, asked_for=False):
        """Sends a message when its turn comes, and gives its answer."""
        self.flash.serial += 1
        note = Note(self.flash.serial, payload, self.loop.create_future(), asked_for)
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
        self.line = CsmsLine(self, connection)
        self.connected()
        try:
            await self.line.start()
        except ConnectionClosed:
            pass
        finally:
            self.line = None
            while self.notes:
                self.notes.popleft().answer.set_exception(Lost())

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

    def arm_heartbeat(self):
        interval = self.seconds("HeartbeatInterval")
        self.heartbeat_at = self.loop.time() + interval if interval else math.inf

    # Commands of the CSMS: what is answered.

    def get_configuration(self, keys):
        known = {key.lower(): key for key in KEYS}
        wanted = keys or list(KEYS)
        found = [known[key.lower()] for key in wanted if key.lower() in known]
        return call_result.GetConfiguration(
            configuration_key=[
                {"key": key, "readonly": KEYS[key][0] is None, "value": self.flash.settings[key]} for key in found
            ],
            unknown_key=[key for key in wanted if key.lower() not in known],
        )

    def change_configuration(self, key, value):
        key = next((one for one in KEYS if one.lower() == key.lower()), None)
        if key is None:
            return "NotSupported"
        fits = KEYS[key][0]
        if fits is None or not fits(value):
            return "Rejected"
        self.flash.settings[key] = value
        self.line.then(lambda: self.setting_changed(key))
        return "Accepted"

    def setting_changed(self, key):
        if key == "HeartbeatInterval":
            self.arm_heartbeat()
        elif key == "ClockAlignedDataInterval":
            self.arm_clock()
        elif key == "MeterValueSampleInterval":
            for number in self.sample_at:
                self.arm_samples(number)

    def clear_cache(self):
        self.flash.cache.clear()
        return "Accepted"

    def change_availability(self, number, kind):
        if number not in (0, *CONNECTORS):
            return "Rejected"
        operative = kind == "Operative"
        numbers = CONNECTORS if number == 0 else (number,)
        busy = [n for n in numbers if self.session(n) and not operative]
        for n in numbers:
            self.flash.scheduled.pop(str(n), None)
            if n in busy:
                self.flash.scheduled[str(n)] = operative
            else:
                self.flash.operative[str(n)] = operative
                if not operative:
                    self.grants.pop(n, None)
        if number == 0:
            self.flash.scheduled.pop("0", None)
            if busy:
                self.flash.scheduled["0"] = operative
            else:
                self.flash.operative["0"] = operative
        self.line.then(self.report)
        return "Scheduled" if busy else "Accepted"

    def remote_start(self, tag, number):
        if number is None:
            number = next((n for n in CONNECTORS if self.can_start(n)), 0)
        if self.registration != "Accepted" or number not in CONNECTORS or not self.can_start(number):
            return "Rejected"
        if self.setting("AuthorizeRemoteTxRequests"):
            self.line.then(lambda: self.spawn(self.start_if_authorized(number, tag)))
        else:
            self.line.then(lambda: self.grant(number, tag))
        return "Accepted"

    async def start_if_authorized(self, number, tag):
        info = await self.authorize(tag)
        if info:
            self.grant(number, tag, info.get("parent_id_tag"))

    def remote_stop(self, transaction):
        running = (int(n) for n, one in self.flash.sessions.items()
                   if self.flash.transactions.get(one["key"]) == transaction)
        number = next(running, None)
        if self.registration != "Accepted" or number is None:
            return "Rejected"
        self.line.then(lambda: self.stop(number, "Remote"))
        return "Accepted"

    def unlock(self, number):
        if number not in CONNECTORS:
            return "NotSupported"
        socket = self.sockets[number]
        if socket.jammed:
            return "UnlockFailed"
        self.line.then(lambda: (self.stop(number, "UnlockCommand"), self.release(socket)))
        return "Unlocked"

    def reset(self, kind):
        self.resetting = True
        self.line.then(lambda: self.station_resets(kind))
        return "Accepted"

    def station_resets(self, kind):
        for number in CONNECTORS:
            self.stop(number, f"{kind}Reset")
        if kind == "Hard":
            self.station.restart()
        else:
            # Not among the tasks of this firmware, which end with it.
            self.farewell = asyncio.create_task(self.leave())

    async def leave(self):
        """Says what there is to say, and starts again."""
        ends_at = self.loop.time() + FAREWELL_SECONDS
        while (self.flash.queue or self.notes) and self.is_online and self.loop.time() < ends_at:
            await asyncio.sleep(TICK_SECONDS)
        if self.line:
            await self.line.connection.close()
        self.station.restart()

    def trigger(self, what, number):
        if number is not None and number not in (0, *CONNECTORS):
            return "Rejected"
        if what == "BootNotification":
            self.line.then(lambda: self.spawn(self.boot_when_asked()))
        elif what == "Heartbeat":
            self.line.then(lambda: self.note(call.Heartbeat(), asked_for=True))
        elif what == "StatusNotification":
            for one in (0, *CONNECTORS) if number is None else (number,):
                self.line.then(lambda one=one: self.note(self.status_notification(one), asked_for=True))
        elif what == "MeterValues":
            if not self.measurands("MeterValuesSampledData") or number == 0:
                return "Rejected"
            for one in CONNECTORS if number is None else (number,):
                self.line.then(lambda one=one: self.note(self.readings(self.sockets[one]), asked_for=True))
        else:
            return "NotImplemented"
        return "Accepted"

    async def boot_when_asked(self):
        try:
            answer = await self.note(self.boot_notification(), asked_for=True)
        except (Lost, Unanswered):
            return
        self.booted(answer)
        self.woken.set()

    def readings(self, socket):
        session = self.session(socket.number)
        values = self.sampled(socket, self.measurands("MeterValuesSampledData"), "Trigger")
        return call.MeterValues(
            connector_id=socket.number, meter_value=[{"timestamp": self.stamp(), "sampled_value": values}],
            transaction_id=self.flash.transactions.get(session["key"]) if session else None,
        )


class CsmsLine(Line):
    """The connection to the CSMS."""

    def __init__(self, firmware, connection):
        super().__init__("", connection, ANSWERED_WITHIN_SECONDS)
        self.firmware = firmware
        self.connection = connection

    async def route_message(self, raw_msg):
        # Nobody listens to a CSMS that has refused the charge point [1.6 §4.2].
        if self.firmware.registration == "Rejected":
            try:
                if json.loads(raw_msg)[0] == 2:
                    return
            except (ValueError, LookupError, TypeError):
                return
        await super().route_message(raw_msg)

    @on(Action.get_configuration)
    def on_get_configuration(self, key=None):
        return self.firmware.get_configuration(key)

    @on(Action.change_configuration)
    def on_change_configuration(self, key, value):
        return call_result.ChangeConfiguration(status=self.firmware.change_configuration(key, value))

    @on(Action.clear_cache)
    def on_clear_cache(self):
        return call_result.ClearCache(status=self.firmware.clear_cache())

    @on(Action.change_availability)
    def on_change_availability(self, connector_id, type):
        return call_result.ChangeAvailability(status=self.firmware.change_availability(connector_id, type))

    @on(Action.remote_start_transaction)
    def on_remote_start(self, id_tag, connector_id=None, charging_profile=None):
        return call_result.RemoteStartTransaction(status=self.firmware.remote_start(id_tag, connector_id))

    @on(Action.remote_stop_transaction)
    def on_remote_stop(self, transaction_id):
        return call_result.RemoteStopTransaction(status=self.firmware.remote_stop(transaction_id))

    @on(Action.unlock_connector)
    def on_unlock(self, connector_id):
        return call_result.UnlockConnector(status=self.firmware.unlock(connector_id))

    @on(Action.reset)
    def on_reset(self, type):
        return call_result.Reset(status=self.firmware.reset(type))

    @on(Action.trigger_message)
    def on_trigger(self, requested_message, connector_id=None):
        return call_result.TriggerMessage(status=self.firmware.trigger(requested_message, connector_id))

    @on(Action.data_transfer)
    def on_data(self, vendor_id, message_id=None, data=None):
        return call_result.DataTransfer(status="UnknownVendorId")


async def main(station):
    operator = hand.serve(0, station.action)
    station.start()
    print(f"ready operator=http://127.0.0.1:{operator}", flush=True)
    await asyncio.get_running_loop().run_in_executor(None, sys.stdin.read)
    station.firmware.die()
