"""A central system of OCPP 1.6 that keeps to the standard, made with the package `ocpp`; `csms.py` starts it."""

import asyncio
import itertools
import logging
import sys
from datetime import datetime, timezone

from ocpp.charge_point import camel_to_snake_case
from ocpp.exceptions import OCPPError, UnknownCallErrorCodeError
from ocpp.routing import on
from ocpp.v16 import call, call_result
from ocpp.v16.enums import Action
from websockets.asyncio.server import serve
from websockets.exceptions import ConnectionClosed

import hand
from line import Line

SUBPROTOCOL = "ocpp1.6"
HEARTBEAT_SECONDS = 300
ANSWERED_WITHIN_SECONDS = 30
NO_COMMON_SUBPROTOCOL = 1002
REPLACED = 1000

log = logging.getLogger("csms")


class CentralSystem:
    """What the central system knows, and what it decides."""

    data_status = "UnknownVendorId"
    heartbeat_seconds = HEARTBEAT_SECONDS
    ping_seconds = None
    message_bytes_max = 2**20

    def __init__(self):
        self.tags = {"RFID-USER-4A2F": "Accepted", "BLOCKED-TAG": "Blocked", "EXPIRED-TAG": "Expired"}
        self.lines = {}
        self.ids = itertools.count(1)
        # Each start that was told, with the transaction it began: a charge point may tell it again.
        self.starts = {}
        self.running = {}

    def time(self):
        return datetime.now(timezone.utc).isoformat(timespec="milliseconds").replace("+00:00", "Z")

    def registration(self, identity):
        return call_result.BootNotification(
            current_time=self.time(), interval=self.heartbeat_seconds, status="Accepted"
        )

    def tag_info(self, identity, tag):
        """Tags have no case [1.6 §7.28]."""
        return {"status": self.tags.get(tag.upper(), "Invalid")}

    def started(self, identity, connector, tag, meter_wh, stamp):
        key = (identity, connector, tag.upper(), meter_wh, stamp)
        if key not in self.starts:
            self.starts[key] = self.transaction_id(identity, connector, tag)
        transaction = self.starts[key]
        self.running[transaction] = (identity, connector, tag.upper())
        return call_result.StartTransaction(transaction_id=transaction, id_tag_info=self.tag_info(identity, tag))

    def transaction_id(self, identity, connector, tag):
        return next(self.ids)

    def stopped(self, identity, transaction, tag):
        self.running.pop(transaction, None)
        return call_result.StopTransaction(id_tag_info=self.tag_info(identity, tag) if tag else None)

    def booted(self, line):
        """After the answer to a boot."""

    def told(self, line, action):
        """After the answer to any other call."""

    # Connections.

    def choose_subprotocol(self, connection, offered):
        return SUBPROTOCOL if SUBPROTOCOL in offered else None

    def line(self, identity, connection):
        return ChargePointLine(self, identity, connection)

    def replaced(self, old):
        """The newest connection of a charge point counts."""
        asyncio.create_task(old.connection.close(REPLACED))

    async def take(self, connection):
        if connection.subprotocol is None:
            await connection.close(NO_COMMON_SUBPROTOCOL)
            return
        identity = connection.request.path.split("?")[0].rsplit("/", 1)[1]
        line = self.line(identity, connection)
        old, self.lines[identity] = self.lines.get(identity), line
        if old:
            self.replaced(old)
        try:
            await line.start()
        except ConnectionClosed:
            pass
        finally:
            if self.lines.get(identity) is line:
                del self.lines[identity]

    # The operator.

    def order(self, charge_point_id, action, payload):
        line = self.lines.get(charge_point_id)
        if line is None:
            raise hand.Refused(404, f"{charge_point_id} is not connected")
        command = getattr(call, action, None)
        if command is None:
            raise hand.Refused(400, f"there is no command {action}")
        line.command(command(**camel_to_snake_case(payload)))


class ChargePointLine(Line):
    """The connection of one charge point."""

    def __init__(self, system, identity, connection):
        super().__init__(identity, connection, ANSWERED_WITHIN_SECONDS)
        self.system = system
        self.connection = connection
        self.commands = set()

    def command(self, command):
        task = asyncio.create_task(self.send(command))
        self.commands.add(task)
        task.add_done_callback(self.commands.discard)

    async def send(self, command):
        try:
            answer = await self.call(command, suppress=False)
            log.info("%s: %s", self.id, answer)
        except (OCPPError, UnknownCallErrorCodeError, asyncio.TimeoutError, ConnectionClosed) as error:
            log.info("%s: %r", self.id, error)

    @on(Action.boot_notification)
    def on_boot(self, **_):
        self.then(lambda: self.system.booted(self))
        return self.system.registration(self.id)

    @on(Action.heartbeat)
    def on_heartbeat(self, **_):
        self.then(lambda: self.system.told(self, "Heartbeat"))
        return call_result.Heartbeat(current_time=self.system.time())

    @on(Action.authorize)
    def on_authorize(self, id_tag, **_):
        self.then(lambda: self.system.told(self, "Authorize"))
        return call_result.Authorize(id_tag_info=self.system.tag_info(self.id, id_tag))

    @on(Action.start_transaction)
    def on_start(self, connector_id, id_tag, meter_start, timestamp, **_):
        self.then(lambda: self.system.told(self, "StartTransaction"))
        return self.system.started(self.id, connector_id, id_tag, meter_start, timestamp)

    @on(Action.stop_transaction)
    def on_stop(self, transaction_id, id_tag=None, **_):
        self.then(lambda: self.system.told(self, "StopTransaction"))
        return self.system.stopped(self.id, transaction_id, id_tag)

    @on(Action.meter_values)
    def on_meter_values(self, **_):
        return call_result.MeterValues()

    @on(Action.status_notification)
    def on_status(self, **_):
        self.then(lambda: self.system.told(self, "StatusNotification"))
        return call_result.StatusNotification()

    @on(Action.firmware_status_notification)
    def on_firmware(self, **_):
        return call_result.FirmwareStatusNotification()

    @on(Action.diagnostics_status_notification)
    def on_diagnostics(self, **_):
        return call_result.DiagnosticsStatusNotification()

    @on(Action.data_transfer)
    def on_data(self, **_):
        return call_result.DataTransfer(status=self.system.data_status)


async def main(system):
    server = await serve(
        system.take, "127.0.0.1", 0, subprotocols=[SUBPROTOCOL], select_subprotocol=system.choose_subprotocol,
        ping_interval=system.ping_seconds, max_size=system.message_bytes_max,
    )
    driver = hand.serve(0, {"send": system.order}.get)
    port = server.sockets[0].getsockname()[1]
    print(f"ready ocpp=ws://127.0.0.1:{port}/ocpp driver=http://127.0.0.1:{driver}/send", flush=True)
    await asyncio.get_running_loop().run_in_executor(None, sys.stdin.read)
