"""What a charge point may do as well, and others do: its hardware, its sessions and its meters."""

import asyncio

from commands import CsmsLine
from firmware import Firmware
from flash import ENERGY
from variants import CHARGE_POINT


@CHARGE_POINT.liberty(fixed_cable=True)
class FixedCables(Firmware):
    """Its cables are fixed."""

    has_fixed_cables = True


@CHARGE_POINT.liberty(backup_power=True)
class BackupPower(Firmware):
    """It has backup power."""

    has_backup_power = True


@CHARGE_POINT.liberty(auth_cache=False, offline_transactions=False)
class NoCache(Firmware):
    """It has no authorization cache, and no such key."""

    keys = {key: what for key, what in Firmware.keys.items() if key != "AuthorizationCacheEnabled"}

    def cached(self, tag):
        return None

    def learn(self, tag, info):
        """What it would have to keep."""

    def clear_cache(self):
        return "Rejected"


@CHARGE_POINT.liberty(connectors=1)
class OneConnector(Firmware):
    """It has one connector."""

    connectors = (1,)
    keys = {**Firmware.keys, "NumberOfConnectors": (None, "1")}


@CHARGE_POINT.liberty()
class HoldsCable(Firmware):
    """It keeps the cable of an offline session that is refused until its owner comes [1.6 §3.5.4]."""

    def holds_cable_of_refused(self):
        return True


@CHARGE_POINT.liberty()
class GoesOnAfterPowerLoss(Firmware):
    """A session goes on when the power is back."""

    def resume(self):
        for number in self.flash.sessions:
            self.sockets[int(number)].locked = True
            self.arm_samples(int(number))


@CHARGE_POINT.liberty()
class ChargesWhenAnswered(Firmware):
    """Energy flows once the start is answered; until then the connector is Preparing."""

    def status(self, number):
        session = self.session(number) if number else None
        known = session and (session["key"] in self.flash.transactions or session["offline"])
        return "Preparing" if session and not known and not self.sockets[number].fault else super().status(number)

    def started(self, key, tag, answer):
        super().started(key, tag, answer)
        self.report()


@CHARGE_POINT.liberty(in_ci="@stop or @remote-start")
class CarIsSlow(Firmware):
    """The car takes energy a second after the session has begun: SuspendedEV until then."""

    def begin(self, socket):
        before = self.session(socket.number)
        super().begin(socket)
        if self.session(socket.number) and not before:
            self.loop.call_later(1, self.report)

    def status(self, number):
        status = super().status(number)
        if status == "Charging":
            session = self.session(number)
            if self.loop.time() < session.setdefault("takes_at", self.loop.time() + 0.9):
                return "SuspendedEV"
        return status


@CHARGE_POINT.liberty()
class SlowLock(Firmware):
    """The lock takes a second: a session begins after that, and so does the answer to an unlocking."""

    def __init__(self, *arguments):
        super().__init__(*arguments)
        self.locking = set()

    def begin(self, socket):
        if socket.car and socket.number in self.grants and socket.number not in self.locking:
            self.locking.add(socket.number)
            self.loop.call_later(1, self.locked_now, socket)

    def locked_now(self, socket):
        self.locking.discard(socket.number)
        super().begin(socket)

    def new_line(self, connection):
        class Slow(CsmsLine):
            async def _handle_call(self, msg):
                if msg.action == "UnlockConnector":
                    await asyncio.sleep(1)
                await super()._handle_call(msg)

        return Slow(self, connection)


@CHARGE_POINT.liberty()
class SharesThePower(Firmware):
    """A session pauses for half a second each three: SuspendedEVSE and Charging alternate."""

    def status(self, number):
        status = super().status(number)
        if status == "Charging" and (self.loop.time() + number) % 3 < 0.5:
            return "SuspendedEVSE"
        return status

    def sample_by_the_clock(self):
        super().sample_by_the_clock()
        self.report()


@CHARGE_POINT.liberty()
class UpperCaseTags(Firmware):
    """It writes tags in upper case, which they do not have [1.6 §7.28]."""

    def presented(self, tag, number):
        super().presented(tag.upper(), number)


@CHARGE_POINT.liberty()
class LocalIsNoReason(Firmware):
    """Local is what a missing reason means [1.6 §6.49]."""

    def enqueue(self, action, session, **payload):
        if payload.get("reason") == "Local":
            payload["reason"] = None
        super().enqueue(action, session, **payload)


@CHARGE_POINT.liberty()
class SessionsOutliveFaults(Firmware):
    """A fault pauses the session; when it is over the session goes on [1.6 §4.9: as before the fault]."""

    def failed(self, socket):
        self.report()


@CHARGE_POINT.liberty()
class FaultsAreOfTheWhole(Firmware):
    """A fault of a connector is told of the whole charge point too."""

    def fault(self, number):
        if number:
            return super().fault(number)
        return next((socket.fault for socket in self.sockets.values() if socket.fault), None)

    def status(self, number):
        return "Faulted" if number == 0 and self.fault(0) else super().status(number)


@CHARGE_POINT.liberty()
class BeginAndEndReadings(Firmware):
    """MeterValues tell the beginning and the end of a session as well [1.6 §7.31 Transaction.Begin]."""

    def started_now(self, socket, context):
        session = self.session(socket.number)
        values = self.sampled(socket, self.measurands("MeterValuesSampledData"), context)
        if values:
            reading = {"timestamp": self.stamp(), "sampled_value": values}
            self.enqueue("MeterValues", session["key"], connector_id=socket.number, meter_value=[reading])

    def begin(self, socket):
        before = self.session(socket.number)
        super().begin(socket)
        if not before and self.session(socket.number):
            self.started_now(socket, "Transaction.Begin")

    def stop(self, number, reason, tag=None, hold=False):
        if self.session(number):
            self.started_now(self.sockets[number], "Transaction.End")
        super().stop(number, reason, tag, hold)


@CHARGE_POINT.liberty()
class OtherReadings(Firmware):
    """Energy is in kWh, rounded, with its phases and of both ends."""

    def sampled(self, socket, measurands, context):
        values = []
        for value in super().sampled(socket, measurands, context):
            if value["measurand"] != ENERGY:
                values.append(value)
                continue
            kwh = socket.energy_wh / 1000
            outlet = {**value, "unit": "kWh", "format": "Raw", "location": "Outlet", "value": f"{kwh:.3f}"}
            values.append(outlet)
            values += [{**outlet, "phase": phase, "value": f"{kwh / 3:.3f}"} for phase in ("L1", "L2", "L3")]
            values.append({**outlet, "location": "Inlet", "value": f"{kwh * 1.04:.3f}"})
        return values


@CHARGE_POINT.liberty(in_ci="@metering")
class PlainReadings(Firmware):
    """Readings leave out what is the default: measurand, unit, context; values have a fraction."""

    def sampled(self, socket, measurands, context):
        values = super().sampled(socket, measurands, context)
        for value in values:
            if value["measurand"] == ENERGY:
                value.pop("measurand")
                value.pop("unit")
                value["value"] = f"{socket.energy_wh:.2f}"
            if context == "Sample.Periodic":
                value.pop("context")
        return values


@CHARGE_POINT.liberty()
class TwoReadingsAtOnce(Firmware):
    """Two samples go in one message."""

    def __init__(self, *arguments):
        super().__init__(*arguments)
        self.kept = {}

    def enqueue(self, action, session, **payload):
        if action == "StopTransaction":
            self.deliver(session)
        if action == "MeterValues" and payload["meter_value"][0]["sampled_value"][0]["context"] == "Sample.Periodic":
            kept = self.kept.setdefault(session, {"connector_id": payload["connector_id"], "meter_value": []})
            kept["meter_value"] += payload["meter_value"]
            if len(kept["meter_value"]) == 2:
                self.deliver(session)
            return
        super().enqueue(action, session, **payload)

    def deliver(self, session):
        kept = self.kept.pop(session, None)
        if kept:
            super().enqueue("MeterValues", session, **kept)


@CHARGE_POINT.liberty()
class MainMeter(Firmware):
    """Clock-aligned readings come of the main meter too, which is connector 0 and counts otherwise."""

    def sample_by_the_clock(self):
        is_due = self.now().timestamp() >= self.clock_at
        super().sample_by_the_clock()
        if is_due and self.measurands("MeterValuesAlignedData"):
            total = int(sum(socket.energy_wh for socket in self.sockets.values())) + 500_000
            value = {"value": str(total), "context": "Sample.Clock", "measurand": ENERGY, "unit": "Wh"}
            reading = {"timestamp": self.stamp(), "sampled_value": [value]}
            self.enqueue("MeterValues", None, connector_id=0, meter_value=[reading])


@CHARGE_POINT.liberty()
class FaultsEndWithARestart(Firmware):
    """A restart ends a fault: only Unavailable has to outlive one [1.6 §4.9, §5.14], and a residual current is gone."""

    def start(self):
        for socket in self.sockets.values():
            socket.fault = None
        super().start()


@CHARGE_POINT.liberty()
class OutOfServiceWithoutTheCable(Firmware):
    """A connector that is to go out of service does so when the cable is out [1.6 §4.9: from Finishing, once the user has done what is left to do]."""

    def status(self, number):
        told = super().status(number)
        waits = number and number in self.finishing and self.sockets[number].cable
        return "Finishing" if told == "Unavailable" and waits else told
