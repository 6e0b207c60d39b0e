"""The program of the witness charge point: identification, sessions, and what is told of its connectors."""

import asyncio
import logging
import math
from collections import deque
from dataclasses import dataclass
from datetime import datetime, timedelta, timezone

from ocpp.v16 import call

from commands import TICK_SECONDS, Commands
from flash import KEYS, is_yes_or_no
from line import Lost, Unanswered
from messages import Messages
from metering import POWER_W, Metering

# A clock that is nearer than this to the clock of the CSMS is left alone.
CLOCK_SLACK_SECONDS = 1

log = logging.getLogger("charge_point")


@dataclass
class Grant:
    """Somebody may charge as soon as there is a cable."""

    tag: str
    parent: str | None
    offline: bool
    ends_at: float


class Firmware(Messages, Metering, Commands):
    """The program of the charge point, from one start to the next."""

    # Of the hardware.
    connectors = (1, 2)
    has_backup_power = False
    has_fixed_cables = False
    # What can be set.
    keys = KEYS

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
        self.is_saying = False
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
        return value.lower() == "true" if self.keys[key][0] is is_yes_or_no else value

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

    def fault(self, number):
        return self.sockets[number].fault if number else None

    def status_notification(self, number):
        return call.StatusNotification(
            connector_id=number, error_code=self.fault(number) or "NoError", status=self.status(number),
            timestamp=self.stamp(),
        )

    def report(self, everything=False):
        """Tells what is not told yet; without a connection, once there is one [1.6 §4.9]."""
        if not self.is_online:
            return
        for number in (0, *self.connectors):
            current = (self.status(number), self.fault(number))
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

    # Time goes by.

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
                self.heartbeat_at += self.heartbeat_seconds() or math.inf
                self.spawn(self.beat())
            before = now

    async def beat(self):
        try:
            answer = await self.note(call.Heartbeat())
        except (Lost, Unanswered):
            return
        self.set_clock(answer.current_time)
