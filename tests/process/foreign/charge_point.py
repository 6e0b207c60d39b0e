"""A foreign charge point: `charge_point.py URL ID ID_TAG`.

Boots, charges once on its own account, says `{"ready": true}`, and from then on obeys the CSMS until its standard
input is closed.
"""

import asyncio
import sys

from ocpp.routing import after, on
from ocpp.v16 import ChargePoint, call, call_result
from ocpp.v16.enums import Action
from websockets.asyncio.client import connect

import wire

HEARTBEAT = "HeartbeatInterval"


class ForeignChargePoint(ChargePoint):
    def __init__(self, identity, connection, tag):
        super().__init__(identity, wire.Watched(connection), response_timeout=10)
        self.tag = tag
        self.meter_wh = 1_000
        self.transaction_id = None
        self.obeyed = set()

    async def say(self, payload):
        """A call whose refusal is an exception."""
        return await self.call(payload, suppress=False)

    async def boot(self):
        answer = await self.say(
            call.BootNotification(
                charge_point_model="Foreign 1",
                charge_point_vendor="Elsewhere",
                charge_point_serial_number="F-0001",
                firmware_version="2.1.0",
                meter_type="DC-7",
            )
        )
        expect(answer.status == "Accepted", f"boot: {answer}")
        for connector in (0, 1, 2):
            await self.status(connector, "Available")
        await self.say(call.Heartbeat())
        await self.say(call.DataTransfer(vendor_id="com.example.elsewhere", message_id="hello", data="{}"))

    async def status(self, connector, status):
        await self.say(
            call.StatusNotification(
                connector_id=connector, error_code="NoError", status=status, timestamp=wire.now()
            )
        )

    async def session(self):
        answer = await self.say(call.Authorize(id_tag=self.tag))
        expect(answer.id_tag_info["status"] == "Accepted", f"authorize: {answer}")
        await self.start_transaction()
        await self.stop_transaction("Local")

    async def start_transaction(self):
        await self.status(1, "Preparing")
        answer = await self.say(
            call.StartTransaction(
                connector_id=1, id_tag=self.tag, meter_start=self.meter_wh, timestamp=wire.now()
            )
        )
        expect(answer.id_tag_info["status"] == "Accepted", f"start: {answer}")
        self.transaction_id = answer.transaction_id
        await self.status(1, "Charging")
        for _ in range(3):
            self.meter_wh += 100
            await self.say(
                call.MeterValues(connector_id=1, transaction_id=self.transaction_id, meter_value=[self.sample()])
            )
        wire.tell(started=self.transaction_id)

    async def stop_transaction(self, reason):
        await self.say(
            call.StopTransaction(
                transaction_id=self.transaction_id,
                id_tag=self.tag,
                meter_stop=self.meter_wh,
                timestamp=wire.now(),
                reason=reason,
                transaction_data=[self.sample()],
            )
        )
        wire.tell(stopped=self.transaction_id)
        self.transaction_id = None
        await self.status(1, "Finishing")
        await self.status(1, "Available")

    def sample(self):
        return {
            "timestamp": wire.now(),
            "sampledValue": [
                {"value": str(self.meter_wh), "measurand": "Energy.Active.Import.Register", "unit": "Wh"},
                {"value": "7360.5", "context": "Sample.Periodic", "measurand": "Power.Active.Import", "unit": "W"},
                {"value": "16", "measurand": "Current.Import", "phase": "L1", "location": "Outlet", "unit": "A"},
            ],
        }

    @on(Action.remote_start_transaction)
    def on_remote_start(self, **_):
        self.obeyed.add("RemoteStartTransaction")
        return call_result.RemoteStartTransaction(status="Accepted")

    @after(Action.remote_start_transaction)
    async def after_remote_start(self, **_):
        await self.start_transaction()

    @on(Action.remote_stop_transaction)
    def on_remote_stop(self, transaction_id, **_):
        self.obeyed.add("RemoteStopTransaction")
        known = transaction_id == self.transaction_id
        return call_result.RemoteStopTransaction(status="Accepted" if known else "Rejected")

    @after(Action.remote_stop_transaction)
    async def after_remote_stop(self, transaction_id, **_):
        if transaction_id == self.transaction_id:
            await self.stop_transaction("Remote")

    @on(Action.reset)
    def on_reset(self, **_):
        self.obeyed.add("Reset")
        return call_result.Reset(status="Accepted")

    @on(Action.unlock_connector)
    def on_unlock(self, **_):
        self.obeyed.add("UnlockConnector")
        return call_result.UnlockConnector(status="Unlocked")

    @on(Action.get_configuration)
    def on_get_configuration(self, key=None, **_):
        self.obeyed.add("GetConfiguration")
        known = [{"key": HEARTBEAT, "readonly": False, "value": "300"}]
        unknown = [name for name in key or [] if name != HEARTBEAT]
        return call_result.GetConfiguration(configuration_key=known, unknown_key=unknown)

    @on(Action.change_configuration)
    def on_change_configuration(self, **_):
        self.obeyed.add("ChangeConfiguration")
        return call_result.ChangeConfiguration(status="Accepted")

    @on(Action.trigger_message)
    def on_trigger(self, **_):
        self.obeyed.add("TriggerMessage")
        return call_result.TriggerMessage(status="Accepted")

    @after(Action.trigger_message)
    async def after_trigger(self, **_):
        await self.say(call.Heartbeat())

    @on(Action.clear_cache)
    def on_clear_cache(self, **_):
        self.obeyed.add("ClearCache")
        return call_result.ClearCache(status="Accepted")

    @on(Action.change_availability)
    def on_change_availability(self, **_):
        self.obeyed.add("ChangeAvailability")
        return call_result.ChangeAvailability(status="Accepted")

    @on(Action.data_transfer)
    def on_data_transfer(self, **_):
        self.obeyed.add("DataTransfer")
        return call_result.DataTransfer(status="Accepted", data="thanks")


def expect(condition, otherwise):
    if not condition:
        wire.violations.append(otherwise)


async def main(url, identity, tag):
    async with connect(f"{url}/{identity}", subprotocols=["ocpp1.6"]) as connection:
        charge_point = ForeignChargePoint(identity, connection, tag)
        reading = asyncio.create_task(charge_point.start())
        told_to_end = asyncio.create_task(asyncio.to_thread(sys.stdin.read))
        await charge_point.boot()
        await charge_point.session()
        wire.tell(ready=True)
        done, _ = await asyncio.wait({reading, told_to_end}, return_when=asyncio.FIRST_COMPLETED)
        expect(reading not in done, "the CSMS closed the connection")
        await charge_point.say(call.Heartbeat())
        reading.cancel()
    wire.finish(obeyed=sorted(charge_point.obeyed))


wire.watch_log()
asyncio.run(main(*sys.argv[1:]))
