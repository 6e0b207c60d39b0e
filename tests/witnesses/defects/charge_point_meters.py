"""What a charge point does wrong with its meters."""

import math

from ocpp.v16 import call

from firmware import Firmware
from flash import ENERGY, UNITS
from variants import CHARGE_POINT


@CHARGE_POINT.defect("@metering", "Clock-aligned values stand on the aligned instants")
class AlignsToItsStart(Firmware):
    """Its clock-aligned readings are aligned to when the interval was set."""

    def arm_clock(self):
        interval = self.seconds("ClockAlignedDataInterval")
        self.clock_at = self.now().timestamp() + interval if interval else math.inf


@CHARGE_POINT.defect("@metering", "The energy of a session adds up")
class StopTellsTheLastSample(Firmware):
    """meterStop is an old reading."""

    def stop(self, number, reason, tag=None, hold=False):
        socket = self.sockets[number]
        now, socket.energy_wh = socket.energy_wh, max(socket.energy_wh - 4, 1000 * number)
        super().stop(number, reason, tag, hold)
        socket.energy_wh = now


@CHARGE_POINT.defect("@metering", "The energy of a session adds up")
class MeterStartInKilowattHours(Firmware):
    """meterStart and meterStop are in kWh."""

    def enqueue(self, action, session, **payload):
        for key in ("meter_start", "meter_stop"):
            if key in payload:
                payload[key] //= 1000
        super().enqueue(action, session, **payload)


@CHARGE_POINT.defect("@metering", "The energy of a session adds up")
class WrongUnit(Firmware):
    """Energy in Wh is said to be kWh."""

    def sampled(self, socket, measurands, context):
        values = super().sampled(socket, measurands, context)
        for value in values:
            if value["measurand"] == ENERGY:
                value["unit"] = "kWh"
        return values


@CHARGE_POINT.defect("@metering", "The end of a session tells no samples that nobody asked for")
class ReadingsOfOthers(Firmware):
    """transactionData begins with the readings of the sessions before."""

    # Over its restarts too.
    kept = []

    def stop(self, number, reason, tag=None, hold=False):
        session = self.session(number)
        if session:
            session["readings"] = [*self.kept, *session["readings"]]
            self.kept[:] = session["readings"]
        super().stop(number, reason, tag, hold)


@CHARGE_POINT.defect("@metering", "Samples hold no more than was asked for")
class FixedMeasurands(Firmware):
    """MeterValuesSampledData can be set, and changes nothing."""

    def measurands(self, key):
        return [ENERGY, "Power.Active.Import"] if key == "MeterValuesSampledData" else super().measurands(key)


@CHARGE_POINT.defect("@metering", "Samples come at the interval that was set")
class ReadingsOfNobody(Firmware):
    """Its readings name no transaction."""

    def enqueue(self, action, session, **payload):
        super().enqueue(action, None if action == "MeterValues" else session, **payload)


@CHARGE_POINT.defect("@metering", "The end of a session tells the samples that were asked for")
class AllMeasurandsAtTheEnd(Firmware):
    """transactionData holds all it can measure."""

    def read(self, socket, key, context, time=None):
        session = self.session(socket.number)
        if session and self.measurands(key):
            values = self.sampled(socket, list(UNITS), context)
            session["readings"].append({"timestamp": self.stamp(time), "sampled_value": values})


@CHARGE_POINT.defect("@metering", "The next session begins where the last one ended")
class OneSampleTooMany(Firmware):
    """A last sample comes after the end of the session, in its name."""

    ended = None

    def stop(self, number, reason, tag=None, hold=False):
        session = self.session(number)
        super().stop(number, reason, tag, hold)
        if session and self.measurands("MeterValuesSampledData"):
            values = self.sampled(self.sockets[number], [ENERGY], "Sample.Periodic")
            reading = {"timestamp": self.stamp(), "sampled_value": values}
            self.enqueue("MeterValues", session["key"], connector_id=number, meter_value=[reading])

    async def say(self, payload):
        if isinstance(payload, call.StopTransaction):
            self.ended = payload.transaction_id
        if isinstance(payload, call.MeterValues) and payload.transaction_id is None and payload.connector_id == 1:
            payload.transaction_id = self.ended
        return await super().say(payload)


@CHARGE_POINT.defect("@metering", "The end of a session tells the values of the clock that were asked for")
class ClockReadingsOfTheLastSession(Firmware):
    """Clock-aligned readings name the last transaction of the connector, over or not."""

    def __init__(self, *arguments):
        super().__init__(*arguments)
        self.last = {}

    def stop(self, number, reason, tag=None, hold=False):
        session = self.session(number)
        if session:
            self.last[number] = self.flash.transactions.get(session["key"])
        super().stop(number, reason, tag, hold)

    async def say(self, payload):
        if isinstance(payload, call.MeterValues) and payload.transaction_id is None:
            payload.transaction_id = self.last.get(payload.connector_id)
        return await super().say(payload)


@CHARGE_POINT.defect("@metering or @power or @reset", "The register outlives a power cut", warned=True)
class MeterForgets(Firmware):
    """Its register begins at 0 after each restart."""

    def start(self):
        for socket in self.sockets.values():
            socket.energy_wh = 0
        super().start()


@CHARGE_POINT.defect("@metering", "The end of a session tells the samples that were asked for")
class StampsOfTheEnd(Firmware):
    """All readings of transactionData have the stamp of the stop."""

    def stop(self, number, reason, tag=None, hold=False):
        session = self.session(number)
        for reading in session["readings"] if session else []:
            reading["timestamp"] = self.stamp()
        super().stop(number, reason, tag, hold)
