"""What a central system does wrong with connections, frames and commands."""

import asyncio
import json
import random
from datetime import datetime, timedelta, timezone

from ocpp.exceptions import InternalError, SecurityError
from websockets.exceptions import ConnectionClosed, NegotiationError
from websockets.protocol import State

from central_system import CentralSystem, ChargePointLine
from variants import CSMS


def with_line(line_type):
    """A central system whose connections are of that type."""

    class System(CentralSystem):
        def line(self, identity, connection):
            return line_type(self, identity, connection)

    return System


# Of connections.


@CSMS.defect("@boot", "Without a common subprotocol the line is closed at once", warned=True)
class RefusesTheHandshake(CentralSystem):
    """It refuses an unknown subprotocol with an HTTP error instead of closing the line [1.6J §3.2]."""

    def choose_subprotocol(self, connection, offered):
        chosen = super().choose_subprotocol(connection, offered)
        if chosen is None:
            raise NegotiationError("no common subprotocol")
        return chosen


@CSMS.defect("@core", "A charge point comes back in the middle of a session without a boot")
class WantsABootPerConnection(CentralSystem):
    """It refuses everything on a connection on which no boot was."""

    def line(self, identity, connection):
        class Line(ChargePointLine):
            has_booted = False

            async def _handle_call(self, msg):
                self.has_booted |= msg.action == "BootNotification"
                if not self.has_booted:
                    raise SecurityError("boot first")
                await super()._handle_call(msg)

        return Line(self, identity, connection)


@CSMS.defect("@core", "A late answer on the old line does not end the new one", warned=True)
class OldLineGetsCommands(CentralSystem):
    """A command goes to the first connection it had of the charge point while that is open."""

    def __init__(self):
        super().__init__()
        self.first = {}

    def replaced(self, old):
        self.first.setdefault(old.id, old)

    def order(self, charge_point_id, action, payload):
        first, newest = self.first.get(charge_point_id), self.lines.get(charge_point_id)
        if first and newest and first.connection.state is State.OPEN:
            self.lines[charge_point_id] = first
        super().order(charge_point_id, action, payload)
        if newest:
            self.lines[charge_point_id] = newest


@CSMS.defect("@core", "MeterValues is taken with each member as long as it may be")
class SmallMessages(CentralSystem):
    """It hangs up on messages of more than two kilobytes."""

    message_bytes_max = 2_048


# Of commands.


class RepeatingLine(ChargePointLine):
    async def send(self, command):
        try:
            answer = await self.call(command, suppress=True)
            if answer is None or getattr(answer, "status", "") == "Rejected":
                await asyncio.sleep(1)
                await self.call(command, suppress=True)
        except (ConnectionClosed, asyncio.TimeoutError):
            pass


@CSMS.defect("@core", "A remote stop that is refused ends nothing")
class RepeatsWhatIsRefused(with_line(RepeatingLine)):
    """It sends a command again that was refused."""


class TouchyLine(ChargePointLine):
    async def send(self, command):
        try:
            if await self.call(command, suppress=True) is None:
                await self.connection.close()
        except (ConnectionClosed, asyncio.TimeoutError):
            pass


@CSMS.defect("@core", "Whatever error answers a command, the next one follows")
class HangsUpOnErrors(with_line(TouchyLine)):
    """It closes the line when a command is answered with an error."""


class BusyLine(ChargePointLine):
    def command(self, command):
        if not self.commands:
            super().command(command)


@CSMS.defect("@core", "The next command waits for the answer to the one before")
class DropsCommandsWhileBusy(with_line(BusyLine)):
    """A command that comes while another is open is lost."""


class SingleMindedLine(ChargePointLine):
    def __init__(self, *arguments):
        super().__init__(*arguments)
        self.late = set()

    async def _handle_call(self, msg):
        if not self._call_lock.locked():
            await super()._handle_call(msg)
            return
        task = asyncio.create_task(self.handle_later(msg))
        self.late.add(task)
        task.add_done_callback(self.late.discard)

    async def handle_later(self, msg):
        async with self._call_lock:
            try:
                await super()._handle_call(msg)
            except ConnectionClosed:
                pass


@CSMS.defect("@core", "A command that waits for its answer holds up nothing")
class CommandsHoldUpAnswers(with_line(SingleMindedLine)):
    """While a command waits for its answer, calls of the charge point are not answered."""


@CSMS.defect("@core", "A remote start after the cable", warned=True)
class RemoteStartsLackTheConnector(CentralSystem):
    """It leaves out the connector of RemoteStartTransaction that was ordered."""

    def order(self, charge_point_id, action, payload):
        if action == "RemoteStartTransaction":
            payload = {"idTag": payload["idTag"]}
        super().order(charge_point_id, action, payload)


@CSMS.defect("@csms", "Each message is asked for and acknowledged", warned=True)
class TriggersLackTheConnector(CentralSystem):
    """It leaves out the connector of TriggerMessage that was ordered."""

    def order(self, charge_point_id, action, payload):
        if action == "TriggerMessage":
            payload = {"requestedMessage": payload["requestedMessage"]}
        super().order(charge_point_id, action, payload)


@CSMS.defect("@core", "The next command waits for the answer to the one before")
class GivesUpEarly(CentralSystem):
    """Its commands are given up after a second, and then the next one is sent while the first is open."""

    def line(self, identity, connection):
        line = super().line(identity, connection)
        line._response_timeout = 1
        return line


@CSMS.defect("@core", "A remote stop")
class LongIds(CentralSystem):
    """Ids of its calls have more than 36 characters [1.6J §4.1.4]."""

    def line(self, identity, connection):
        line = super().line(identity, connection)
        line._unique_id_generator = lambda: f"{identity}-{random.randrange(10**40):040d}"
        return line


@CSMS.defect("@core", "The next command waits for the answer to the one before")
class SameIds(CentralSystem):
    """All its calls have one id."""

    def line(self, identity, connection):
        line = super().line(identity, connection)
        line._unique_id_generator = lambda: "1"
        return line


# Of what is in a frame.


class BendingSystem(CentralSystem):
    """Each message is given to `bend` before it is sent, and what that gives is sent."""

    def line(self, identity, connection):
        system = self

        class Line(ChargePointLine):
            async def _send(self, message):
                for bent in system.bend(json.loads(message)):
                    await super()._send(json.dumps(bent))

        return Line(self, identity, connection)


@CSMS.defect("@core", "An answer has the id of its call, whatever it is made of")
class IdsAreNumbers(BendingSystem):
    """An id that reads like a number comes back as one."""

    def bend(self, message):
        if message[0] != 2 and message[1].isdigit():
            message[1] = int(message[1])
        return [message]


@CSMS.defect("@core", "A tag means the same in upper and lower case")
class NullMembers(BendingSystem):
    """What it does not know of a tag is null."""

    def bend(self, message):
        if message[0] == 3 and "idTagInfo" in message[2]:
            message[2]["idTagInfo"].setdefault("expiryDate", None)
        return [message]


@CSMS.defect("@core", "A cold boot is acknowledged from the first message to the heartbeat")
class AnswersTwice(BendingSystem):
    """Each StatusNotification is answered twice."""

    def bend(self, message):
        return [message, message] if message[0] == 3 and message[2] == {} else [message]


@CSMS.defect("@core", "An action that nobody knows is not implemented")
class ErrorsAreShort(BendingSystem):
    """A CALLERROR has no details [1.6J §4.2.3]."""

    def bend(self, message):
        return [message[:4] if message[0] == 4 else message]


@CSMS.defect("@core", "A word that the standard does not know is refused")
class LaterErrorCodes(BendingSystem):
    """It names an error as OCPP 2.0.1 does."""

    def bend(self, message):
        if message[0] == 4 and message[2] == "FormationViolation":
            message[2] = "FormatViolation"
        return [message]


@CSMS.defect("@core", "A cold boot is acknowledged from the first message to the heartbeat")
class IntervalIsText(BendingSystem):
    """The interval of a boot is a text."""

    def bend(self, message):
        if message[0] == 3 and "interval" in message[2]:
            message[2]["interval"] = str(message[2]["interval"])
        return [message]


@CSMS.defect("@core", "A cold boot is acknowledged from the first message to the heartbeat")
class OffsetWithoutColon(CentralSystem):
    """Its times end in +0000, which is not RFC 3339."""

    def time(self):
        return super().time().replace("Z", "+0000")


@CSMS.defect("@core", "A cold boot is acknowledged from the first message to the heartbeat")
class NoOffset(CentralSystem):
    """Its times have no offset."""

    def time(self):
        return super().time().replace("Z", "")


@CSMS.defect("@core", "A cold boot is acknowledged from the first message to the heartbeat")
class LocalTimeAsUtc(CentralSystem):
    """It writes the time of its time zone as if it were UTC."""

    def time(self):
        return (datetime.now(timezone.utc) + timedelta(hours=2)).isoformat(timespec="seconds").replace("+00:00", "Z")


class StrictLine(ChargePointLine):
    async def _handle_call(self, msg):
        if msg.action == "MeterValues" and "transactionId" not in msg.payload:
            raise InternalError("of which transaction?")
        await super()._handle_call(msg)


@CSMS.defect("@core", "MeterValues is taken with each optional member")
class RefusesIdleReadings(with_line(StrictLine)):
    """Meter values without a transaction are an error of the charge point."""
