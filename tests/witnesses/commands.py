"""What the witness charge point answers to the commands of the CSMS, and what it then does."""

import asyncio
import json

from ocpp.routing import on
from ocpp.v16 import call, call_result
from ocpp.v16.enums import Action

from line import Line, Lost, Unanswered

# Of the answer to a call.
ANSWERED_WITHIN_SECONDS = 20
# What a Soft Reset waits for the delivery of what has happened.
FAREWELL_SECONDS = 5
TICK_SECONDS = 0.02


class Commands:
    """The part of the firmware that obeys the CSMS."""

    def get_configuration(self, keys):
        known = {key.lower(): key for key in self.keys}
        wanted = keys or list(self.keys)
        found = [known[key.lower()] for key in wanted if key.lower() in known]
        return call_result.GetConfiguration(
            configuration_key=[
                {"key": key, "readonly": self.keys[key][0] is None, "value": self.flash.settings[key]} for key in found
            ],
            unknown_key=[key for key in wanted if key.lower() not in known],
        )

    def change_configuration(self, key, value):
        key = next((one for one in self.keys if one.lower() == key.lower()), None)
        if key is None:
            return "NotSupported"
        fits = self.keys[key][0]
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
        if number not in (0, *self.connectors):
            return "Rejected"
        operative = kind == "Operative"
        numbers = self.connectors if number == 0 else (number,)
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
            number = next((n for n in self.connectors if self.can_start(n)), 0)
        if self.registration != "Accepted" or number not in self.connectors or not self.can_start(number):
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
        if number not in self.connectors or self.has_fixed_cables:
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
        for number in self.connectors:
            self.stop(number, f"{kind}Reset")
        if kind == "Hard":
            self.station.restart()
        else:
            # Not among the tasks of this firmware, which end with it.
            self.farewell = asyncio.create_task(self.leave())

    def power_fails(self, seconds):
        """The backup lasts for a farewell."""
        self.resetting = True
        for number in self.connectors:
            self.stop(number, "PowerLoss")
        self.farewell = asyncio.create_task(self.leave(seconds))

    @property
    def owes_messages(self):
        return self.is_online and bool(self.flash.queue or self.notes or self.is_saying)

    async def leave(self, seconds=0):
        """Says what there is to say, and starts again."""
        ends_at = self.loop.time() + FAREWELL_SECONDS
        while self.owes_messages and self.loop.time() < ends_at:
            await asyncio.sleep(TICK_SECONDS)
        if self.line:
            await self.line.connection.close()
        self.station.restart(seconds)

    def trigger(self, what, number):
        if number is not None and number not in (0, *self.connectors):
            return "Rejected"
        if what == "BootNotification":
            self.line.then(lambda: self.spawn(self.boot_when_asked()))
        elif what == "Heartbeat":
            self.line.then(lambda: self.note(call.Heartbeat()))
        elif what == "StatusNotification":
            for one in (0, *self.connectors) if number is None else (number,):
                self.line.then(lambda one=one: self.note(self.status_notification(one)))
        elif what == "MeterValues":
            if not self.measurands("MeterValuesSampledData") or number == 0:
                return "Rejected"
            for one in self.connectors if number is None else (number,):
                self.line.then(lambda one=one: self.note(self.readings(self.sockets[one])))
        else:
            return "NotImplemented"
        return "Accepted"

    async def boot_when_asked(self):
        try:
            answer = await self.note(self.boot_notification())
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
