"""A foreign central system: `central_system.py`.

Serves OCPP 1.6J on a free port, which it tells, and sends commands to every tenth charge point. Ends when its
standard input is closed.
"""

import asyncio
import collections
import itertools
import sys

from ocpp.routing import after, on
from ocpp.v16 import ChargePoint, call, call_result
from ocpp.v16.enums import Action
from websockets.asyncio.server import serve
from websockets.exceptions import ConnectionClosed

import wire

COMMANDED_EVERY = 10

actions = collections.Counter()
answers = collections.Counter()
transactions = {}
stopped = collections.Counter()
transaction_ids = itertools.count(1)
connected = set()
commanded = set()


class ForeignCentralSystem(ChargePoint):
    """What the central system holds for one charge point."""

    def __init__(self, identity, connection):
        super().__init__(identity, wire.Watched(connection), response_timeout=10)

    @on(Action.boot_notification)
    def on_boot(self, **_):
        actions["BootNotification"] += 1
        return call_result.BootNotification(current_time=wire.now(), interval=60, status="Accepted")

    @after(Action.boot_notification)
    async def after_boot(self, **_):
        if int(self.id.rsplit("-", 1)[1]) % COMMANDED_EVERY == 0 and self.id not in commanded:
            # Once: some of the orders make it boot again.
            commanded.add(self.id)
            # Let the first reports and the first session come before the orders.
            await asyncio.sleep(1)
            await self.command()

    async def command(self):
        try:
            for order in ORDERS:
                answer = await self.call(order, suppress=False)
                status = getattr(answer, "status", "answered")
                answers[f"{type(order).__name__}: {status}"] += 1
        except ConnectionClosed:
            pass
        except Exception as error:  # whatever it is, it is a violation
            wire.violations.append(f"{self.id}: {error!r}")

    @on(Action.heartbeat)
    def on_heartbeat(self, **_):
        actions["Heartbeat"] += 1
        return call_result.Heartbeat(current_time=wire.now())

    @on(Action.status_notification)
    def on_status(self, **_):
        actions["StatusNotification"] += 1
        return call_result.StatusNotification()

    @on(Action.authorize)
    def on_authorize(self, **_):
        actions["Authorize"] += 1
        return call_result.Authorize(id_tag_info={"status": "Accepted"})

    @on(Action.start_transaction)
    def on_start(self, **_):
        actions["StartTransaction"] += 1
        transaction_id = next(transaction_ids)
        transactions[transaction_id] = self.id
        return call_result.StartTransaction(transaction_id=transaction_id, id_tag_info={"status": "Accepted"})

    @on(Action.stop_transaction)
    def on_stop(self, transaction_id, **_):
        actions["StopTransaction"] += 1
        stopped[transaction_id] += 1
        if transactions.get(transaction_id) != self.id:
            wire.violations.append(f"{self.id} stops transaction {transaction_id}, which is not its own")
        return call_result.StopTransaction(id_tag_info={"status": "Accepted"})

    @on(Action.meter_values)
    def on_meter_values(self, **_):
        actions["MeterValues"] += 1
        return call_result.MeterValues()

    @on(Action.data_transfer)
    def on_data_transfer(self, **_):
        actions["DataTransfer"] += 1
        return call_result.DataTransfer(status="UnknownVendorId")

    @on(Action.diagnostics_status_notification)
    def on_diagnostics(self, **_):
        actions["DiagnosticsStatusNotification"] += 1
        return call_result.DiagnosticsStatusNotification()

    @on(Action.firmware_status_notification)
    def on_firmware(self, **_):
        actions["FirmwareStatusNotification"] += 1
        return call_result.FirmwareStatusNotification()


ORDERS = [
    call.GetConfiguration(),
    call.GetConfiguration(key=["HeartbeatInterval", "NoSuchKey"]),
    call.ChangeConfiguration(key="MeterValueSampleInterval", value="30"),
    call.ChangeConfiguration(key="NumberOfConnectors", value="9"),
    call.ChangeConfiguration(key="NoSuchKey", value="1"),
    call.TriggerMessage(requested_message="Heartbeat"),
    call.TriggerMessage(requested_message="BootNotification"),
    call.TriggerMessage(requested_message="StatusNotification", connector_id=1),
    call.TriggerMessage(requested_message="MeterValues", connector_id=1),
    call.TriggerMessage(requested_message="FirmwareStatusNotification"),
    call.ClearCache(),
    call.DataTransfer(vendor_id="com.example.elsewhere", message_id="hello", data="{}"),
    call.ChangeAvailability(connector_id=1, type="Inoperative"),
    call.ChangeAvailability(connector_id=1, type="Operative"),
    call.RemoteStartTransaction(id_tag="RFID-USER-4A2F", connector_id=1),
    call.RemoteStopTransaction(transaction_id=999_999_999),
    call.UnlockConnector(connector_id=1),
    call.Reset(type="Soft"),
]


async def on_connect(connection):
    identity = connection.request.path.rsplit("/", 1)[1]
    if connection.subprotocol != "ocpp1.6":
        wire.violations.append(f"{identity} offers no ocpp1.6")
        return
    connected.add(identity)
    try:
        await ForeignCentralSystem(identity, connection).start()
    except ConnectionClosed:
        pass


async def main():
    async with serve(on_connect, "127.0.0.1", 0, subprotocols=["ocpp1.6"]) as server:
        wire.tell(port=server.sockets[0].getsockname()[1])
        await asyncio.to_thread(sys.stdin.read)
    for transaction_id, identity in transactions.items():
        if stopped[transaction_id] != 1:
            wire.violations.append(f"{identity}: transaction {transaction_id} stopped {stopped[transaction_id]} times")
    wire.finish(charge_points=len(connected), transactions=len(transactions), commanded=len(commanded), actions=actions, answers=answers)


wire.watch_log()
asyncio.run(main())
