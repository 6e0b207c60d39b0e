"""The meters of the witness charge point: what is read, when, and for whom."""

import math
from datetime import datetime, timezone

from flash import ENERGY, UNITS

POWER_W = 7_400


class Metering:
    """The part of the firmware that reads the meters."""

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
