"""What a charge point may do as well, and others do: its line, its settings and what it says."""

import asyncio
import itertools
import json
from datetime import timedelta, timezone

from ocpp.exceptions import PropertyConstraintViolationError
from ocpp.v16 import call

from commands import CsmsLine
from firmware import Firmware
from flash import is_whole, is_yes_or_no
from variants import CHARGE_POINT


@CHARGE_POINT.liberty(in_ci="@resend")
class BootsOnReconnect(Firmware):
    """Each connection begins with a boot."""

    def connected(self):
        self.registration, self.boot_at = None, 0.0
        super().connected()


@CHARGE_POINT.liberty()
class TellsAllAfterAnOutage(Firmware):
    """After an outage it tells the status of each connector."""

    def connected(self):
        self.report(everything=True)
        super().connected()


@CHARGE_POINT.liberty()
class ReconnectsSlowly(Firmware):
    """It waits three seconds before it connects again."""

    async def serve(self, connection):
        await super().serve(connection)
        await asyncio.sleep(3)


@CHARGE_POINT.liberty()
class Talkative(Firmware):
    """After its boot it says all that it may; statuses come twice and in another order, with all their members."""

    def accepted(self):
        for payload in (
            call.Heartbeat(), call.FirmwareStatusNotification(status="Idle"),
            call.DiagnosticsStatusNotification(status="Idle"), call.DataTransfer(vendor_id="elsewhere", data="hello"),
            call.SecurityEventNotification(type="StartupOfTheDevice", timestamp=self.stamp(), tech_info=None),
        ):
            self.note(payload)
        for number in (2, 1, 0):
            self.note(self.status_notification(number))
        super().accepted()

    def status_notification(self, number):
        told = super().status_notification(number)
        told.info, told.vendor_id, told.vendor_error_code = "as usual", "elsewhere", "0x00"
        return told


@CHARGE_POINT.liberty()
class BeatsWhenQuiet(Firmware):
    """A heartbeat comes when nothing else was said for the interval."""

    async def say(self, payload):
        if self.registration == "Accepted":
            self.arm_heartbeat()
        return await super().say(payload)


@CHARGE_POINT.liberty()
class NoHeartbeats(Firmware):
    """Over a WebSocket heartbeats are not mandatory; one a day is advised [1.6 §4.6]."""

    def arm_heartbeat(self):
        self.heartbeat_at = self.loop.time() + 86_400


@CHARGE_POINT.liberty()
class LocalTime(Firmware):
    """Its stamps are in its time zone, with the offset [1.6 §3.14: UTC is recommended]."""

    zone = timezone(timedelta(hours=5, minutes=30))

    def stamp(self, time=None):
        return (time or self.now()).astimezone(self.zone).isoformat(timespec="milliseconds")


@CHARGE_POINT.liberty()
class WholeSeconds(Firmware):
    """Its stamps have no fraction, and statuses have none at all."""

    def stamp(self, time=None):
        return (time or self.now()).strftime("%Y-%m-%dT%H:%M:%SZ")

    def status_notification(self, number):
        told = super().status_notification(number)
        told.timestamp = None
        return told


@CHARGE_POINT.liberty()
class OtherForms(Firmware):
    """JSON with white space, frames in pieces, ids 1, 2, 3 on each connection."""

    def new_line(self, connection):
        class Pieces(CsmsLine):
            async def _send(self, message):
                text = json.dumps(json.loads(message), indent=1)
                await self.connection.send([text[:4], text[4:7], text[7:]])

        line = Pieces(self, connection)
        line._unique_id_generator = itertools.count(1).__next__
        return line


@CHARGE_POINT.liberty()
class SlowAnswers(Firmware):
    """It takes half a second over each command."""

    def new_line(self, connection):
        class Slow(CsmsLine):
            async def _handle_call(self, msg):
                await asyncio.sleep(0.5)
                await super()._handle_call(msg)

        return Slow(self, connection)


@CHARGE_POINT.liberty()
class DeliversBeforeAnyReset(Firmware):
    """A Hard Reset waits for the delivery too; a restart takes three seconds."""

    def station_resets(self, kind):
        for number in self.connectors:
            self.stop(number, f"{kind}Reset")
        self.farewell = asyncio.create_task(self.leave())

    async def leave(self, seconds=0):
        await super().leave(seconds + 3)


@CHARGE_POINT.liberty()
class ErrorsForConnectors(Firmware):
    """A connector that is not there is an error of the command."""

    def remote_start(self, tag, number):
        if number is not None and number not in self.connectors:
            raise PropertyConstraintViolationError("no such connector")
        return super().remote_start(tag, number)

    def trigger(self, what, number):
        if number is not None and number > 2:
            raise PropertyConstraintViolationError("no such connector")
        return super().trigger(what, number)


@CHARGE_POINT.liberty()
class ShortStatusesAreNotTold(Firmware):
    """A status that lasts less than half a second is not told [1.6 §9.1 MinimumStatusDuration]."""

    pending = None

    def report(self, everything=False):
        if everything:
            super().report(everything)
        elif self.pending is None:
            self.pending = self.loop.call_later(0.5, self.report_now)

    def report_now(self):
        self.pending = None
        super().report()


@CHARGE_POINT.liberty()
class TransactionsLast(Firmware):
    """Statuses and questions go before the messages of transactions."""

    async def say_next(self):
        if self.line and self.registration == "Accepted" and self.notes:
            await self.say_note(self.notes.popleft())
            return True
        return await super().say_next()


@CHARGE_POINT.liberty()
class KnowsMoreKeys(Firmware):
    """AllowOfflineTxForUnknownId and MaxEnergyOnInvalidId are there, and can be set."""

    keys = {
        **Firmware.keys,
        "AllowOfflineTxForUnknownId": (is_yes_or_no, "true"),
        "MaxEnergyOnInvalidId": (is_whole, "500"),
    }

    def authorize_offline(self, tag):
        known = super().authorize_offline(tag)
        if known or tag.lower() in self.flash.cache:
            return known
        return {"status": "Accepted"} if self.setting("AllowOfflineTxForUnknownId") else None


@CHARGE_POINT.liberty()
class OwnKeys(Firmware):
    """Keys of its own, one without a value; one of the standard only read; no empty lists."""

    keys = {
        **Firmware.keys,
        "AuthorizeRemoteTxRequests": (None, "true"),
        "VendorColour": (None, ""),
        "VendorSecret": (lambda value: True, None),
    }

    def setting(self, key):
        return True if key == "AuthorizeRemoteTxRequests" else super().setting(key)

    def get_configuration(self, keys):
        answer = super().get_configuration(keys)
        answer.configuration_key = answer.configuration_key or None
        answer.unknown_key = answer.unknown_key or None
        return answer


@CHARGE_POINT.liberty()
class WantsARestart(Firmware):
    """AuthorizationCacheEnabled and ConnectionTimeOut count after a restart: RebootRequired."""

    def change_configuration(self, key, value):
        if key in ("AuthorizationCacheEnabled", "ConnectionTimeOut") and value != self.flash.settings[key]:
            self.flash.waiting[key] = value
            return "RebootRequired"
        return super().change_configuration(key, value)

    def start(self):
        self.flash.settings.update(self.flash.waiting)
        self.flash.waiting.clear()
        super().start()
