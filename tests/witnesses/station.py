"""A charge point of OCPP 1.6 that keeps to the standard, made with the package `ocpp`; `charge_point.py` starts it.

It has the profiles Core and RemoteTrigger, two connectors with sockets for detachable cables, and no backup power.
Here are its hardware and the people in front of it; its program is in `firmware.py`.
"""

import asyncio
import sys
from dataclasses import dataclass

import hand
from flash import Flash

BOOT_SECONDS = 0.3


@dataclass
class Socket:
    """The hardware of a connector, which no restart changes."""

    number: int
    car: bool = False
    cable: bool = False
    locked: bool = False
    jammed: bool = False
    fault: str | None = None
    energy_wh: float = 0.0


class Station:
    """The hardware, and the people in front of it."""

    def __init__(self, url, firmware_type):
        self.url = url
        self.firmware_type = firmware_type
        self.sockets = {n: Socket(n, energy_wh=1_000.0 * n) for n in firmware_type.connectors}
        self.flash = Flash.new(firmware_type.keys, firmware_type.connectors)
        self.unreachable_until = 0.0
        self.firmware = None
        self.restarting = None

    def start(self):
        self.firmware = self.firmware_type(self, self.flash)
        self.firmware.start()

    def restart(self, seconds=0.0):
        """The power goes, or the processor starts again; what was not in the flash is gone."""
        if self.restarting:
            self.restarting.cancel()
        self.firmware.die()
        self.restarting = asyncio.get_running_loop().call_later(seconds + BOOT_SECONDS, self.come_back)

    def come_back(self):
        self.restarting = None
        self.flash = self.flash.reread()
        self.start()

    # The operator's interface.

    def socket(self, connector_id):
        if connector_id not in self.sockets:
            raise hand.Refused(404, f"there is no connector {connector_id}")
        return self.sockets[connector_id]

    def plug_in(self, charge_point_id, connector_id):
        socket = self.socket(connector_id)
        socket.cable = socket.car = True
        self.firmware.plugged_in(socket)

    def unplug(self, charge_point_id, connector_id, side="ev"):
        socket = self.socket(connector_id)
        if not socket.cable:
            raise hand.Refused(409, "nothing is plugged in")
        if side == "station" and self.firmware.has_fixed_cables:
            raise hand.Refused(501, "the cable is fixed")
        if side == "station" and socket.locked:
            raise hand.Refused(409, "the cable is locked")
        socket.car = False
        # Nobody leaves a cable behind that can be taken.
        if side == "station" or not socket.locked or self.firmware.has_fixed_cables:
            socket.cable = False
        self.firmware.unplugged(socket)

    def present_id_tag(self, charge_point_id, id_tag, connector_id=None):
        in_use = (n for n, socket in self.sockets.items() if socket.cable)
        self.firmware.presented(id_tag, connector_id or next(in_use, 1))

    def power_cycle(self, charge_point_id, seconds=0, backup=False, silent=False):
        if backup:
            if not self.firmware.has_backup_power:
                raise hand.Refused(501, "there is no backup power")
            self.firmware.power_fails(seconds)
            return
        for socket in self.sockets.values():
            socket.locked = False
        self.restart(seconds)

    def disconnect(self, charge_point_id, seconds, silent=False):
        self.unreachable_until = asyncio.get_running_loop().time() + seconds
        self.firmware.hang_up()

    def raise_fault(self, charge_point_id, error_code, connector_id=None):
        for socket in [self.socket(connector_id)] if connector_id else self.sockets.values():
            socket.fault = error_code
            self.firmware.failed(socket)

    def clear_fault(self, charge_point_id, connector_id=None):
        for socket in [self.socket(connector_id)] if connector_id else self.sockets.values():
            socket.fault = None
        self.firmware.report()

    def jam_lock(self, charge_point_id, connector_id):
        if self.firmware.has_fixed_cables:
            raise hand.Refused(501, "a fixed cable has no lock")
        self.socket(connector_id).jammed = True

    def free_lock(self, charge_point_id, connector_id):
        socket = self.socket(connector_id)
        socket.jammed = False
        if socket.fault == "ConnectorLockFailure":
            socket.fault = None
        self.firmware.report()

    def reboot(self, charge_point_id):
        self.restart()

    def emergency_stop(self, charge_point_id):
        raise hand.Refused(501, "there is no emergency button")

    def raise_warning(self, charge_point_id, error_code, connector_id=None):
        raise hand.Refused(501, "it knows no warnings")

    def tamper(self, charge_point_id):
        raise hand.Refused(501, "the housing has no switch")

    ACTIONS = (
        "plug_in", "unplug", "present_id_tag", "power_cycle", "disconnect", "raise_fault", "clear_fault", "jam_lock",
        "free_lock", "reboot", "emergency_stop", "raise_warning", "tamper",
    )

    def action(self, name):
        return getattr(self, name) if name in self.ACTIONS else None


async def main(station):
    operator = hand.serve(0, station.action)
    station.start()
    print(f"ready operator=http://127.0.0.1:{operator}", flush=True)
    await asyncio.get_running_loop().run_in_executor(None, sys.stdin.read)
    station.firmware.die()
