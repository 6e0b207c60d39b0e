"""What makers of charge points get wrong at the edges: parsers, buffers, clocks, and what is told of the whole."""

import json
import re

from ocpp.v16 import call

from commands import CsmsLine
from firmware import Firmware
from flash import KEYS
from liberties.charge_point import GoesOnAfterPowerLoss
from metering import POWER_W
from variants import CHARGE_POINT


@CHARGE_POINT.defect("@line", "A command is read however its JSON is written")
class CompactJsonOnly(Firmware):
    """Its parser finds the message type right behind the bracket."""

    def new_line(self, connection):
        class Line(CsmsLine):
            async def route_message(self, raw_msg):
                if raw_msg[:2] in ("[2", "[3", "[4"):
                    await super().route_message(raw_msg)

        return Line(self, connection)


@CHARGE_POINT.defect("@line", "A command as long as it may be is read")
class SmallBuffer(Firmware):
    """A command of more than 512 bytes is lost."""

    def new_line(self, connection):
        class Line(CsmsLine):
            async def route_message(self, raw_msg):
                if len(raw_msg) <= 512:
                    await super().route_message(raw_msg)

        return Line(self, connection)


@CHARGE_POINT.defect("@boot", "A time is read in whole seconds")
class WantsFractions(Firmware):
    """An acceptance whose time has no fraction of a second is an error to it."""

    def booted(self, answer):
        if "." not in answer.current_time:
            self.boot_at = self.loop.time() + 60
            return
        super().booted(answer)


@CHARGE_POINT.defect("@boot", "A time is read with seven decimals")
class ThreeDecimals(Firmware):
    """A time has three decimals or none."""

    def booted(self, answer):
        fraction = re.search(r"\.(\d+)", answer.current_time)
        if fraction and len(fraction[1]) > 3:
            self.boot_at = self.loop.time() + 60
            return
        super().booted(answer)


@CHARGE_POINT.defect("@reset", "A charge point that is out of service as a whole charges nobody")
class WholeInWords(Firmware):
    """Out of service as a whole it tells that, and charges at each connector that was not named."""

    def can_start(self, number):
        if self.flash.operative["0"]:
            return super().can_start(number)
        return not self.session(number) and number not in self.grants and not self.resetting


@CHARGE_POINT.defect("@offline and not @resend", "A session whose car left during an outage is told as ended afterwards")
class DeafWhileOffline(Firmware):
    """It does not see that a car leaves while it has no connection."""

    def unplugged(self, socket):
        if self.is_online or not self.session(socket.number):
            super().unplugged(socket)


@CHARGE_POINT.defect("@boot", "A pending charge point stops no session for the CSMS")
class StopsWhilePending(GoesOnAfterPowerLoss):
    """It takes a remote stop while it is Pending."""

    def remote_stop(self, transaction):
        before, self.registration = self.registration, "Accepted"
        try:
            return super().remote_stop(transaction)
        finally:
            self.registration = before


@CHARGE_POINT.defect("@boot", "A lost connection alone is no boot")
class IdleAtBoot(Firmware):
    """After a boot it says that no firmware is under way, though nobody has asked."""

    def accepted(self):
        self.note(call.FirmwareStatusNotification(status="Idle"))
        super().accepted()


@CHARGE_POINT.defect("@boot", "A lost connection alone is no boot")
class VendorWithUmlaut(Firmware):
    """Its vendor is not written in ASCII."""

    def boot_notification(self):
        told = super().boot_notification()
        told.charge_point_vendor = "Ladesäulen"
        return told


@CHARGE_POINT.defect("@metering", "Samples come at the interval that was set")
class PowerInVolts(Firmware):
    """Its power is told in volts."""

    def sampled(self, socket, measurands, context):
        samples = super().sampled(socket, measurands, context)
        for sample in samples:
            if sample["measurand"] == "Power.Active.Import":
                sample["unit"] = "V"
        return samples


@CHARGE_POINT.defect("@stop", "A car that comes back gets no energy before its next session")
class ChargesBetweenSessions(Firmware):
    """A car that comes back after its session has ended gets energy without another one."""

    is_back = False

    def plugged_in(self, socket):
        self.is_back = socket.number in self.finishing
        super().plugged_in(socket)

    def is_charging(self, socket):
        if self.is_back and socket.car and not self.session(socket.number):
            return POWER_W > 0
        return super().is_charging(socket)


@CHARGE_POINT.defect("@configuration", "Every key of the Core profile is there")
class OwnRotation(Firmware):
    """It names its phases in its own words."""

    keys = {**KEYS, "ConnectorPhaseRotation": (KEYS["ConnectorPhaseRotation"][0], "L1L2L3")}


@CHARGE_POINT.defect("@line", "A command with a text for a payload is refused")
class TextForPayload(Firmware):
    """A payload that is a text is an empty one."""

    def new_line(self, connection):
        class Line(CsmsLine):
            async def route_message(self, raw_msg):
                message = json.loads(raw_msg)
                if message[0] == 2 and isinstance(message[3], str):
                    await self._send(json.dumps([3, message[1], {"status": "Accepted"}]))
                    return
                await super().route_message(raw_msg)

        return Line(self, connection)


@CHARGE_POINT.defect("@offline and not @resend", "The readings of a session that began during an outage name it")
class OfflineReadingsNameNobody(Firmware):
    """Readings of a session that began without a connection name no transaction."""

    async def say(self, payload):
        if isinstance(payload, call.MeterValues) and payload.transaction_id is not None:
            session = self.session(payload.connector_id)
            if session and session["offline"]:
                payload.transaction_id = None
        return await super().say(payload)
