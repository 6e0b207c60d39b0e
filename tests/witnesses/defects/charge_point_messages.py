"""What a charge point does wrong with the line, and with messages that have to wait."""

import math
import uuid

from ocpp.v16 import call

from firmware import Firmware
from line import Lost, Unanswered
from variants import CHARGE_POINT


@CHARGE_POINT.defect("@resend", "The end of a session that the CSMS cannot process is sent again", in_ci=True)
class DropsRefusedStops(Firmware):
    """A StopTransaction that the CSMS fails to process is never sent again."""

    def may_try_again(self, message):
        return message["action"] != "StopTransaction" and super().may_try_again(message)


@CHARGE_POINT.defect("@TC_036_CS", "Meter values of an outage arrive in the order they were taken")
class NoReadingsOffline(Firmware):
    """Readings that are due while there is no connection are lost."""

    def enqueue(self, action, session, **payload):
        if action != "MeterValues" or self.is_online:
            super().enqueue(action, session, **payload)


@CHARGE_POINT.defect("@offline and not @resend", "Meter values of an outage arrive in the order they were taken")
class NewestFirst(Firmware):
    """After an outage the newest message of a transaction goes first, but for the start."""

    def connected(self):
        starts = [one for one in self.flash.queue if one["action"] == "StartTransaction"]
        others = [one for one in self.flash.queue if one["action"] != "StartTransaction"]
        self.flash.queue = starts + others[::-1]
        super().connected()


@CHARGE_POINT.defect("@power or @resend or @offline", "What waits for the connection outlives a power cut")
class LosesTheQueue(Firmware):
    """What waits for the CSMS is lost when the power goes, but not in a reset."""

    def die(self):
        if not self.resetting:
            self.flash.queue.clear()
        super().die()


@CHARGE_POINT.defect("@offline and not @resend", "Meter values of an outage arrive in the order they were taken")
class SmallQueue(Firmware):
    """Five messages of transactions are kept: the oldest, and the four newest."""

    def enqueue(self, action, session, **payload):
        super().enqueue(action, session, **payload)
        del self.flash.queue[1:-4]


@CHARGE_POINT.defect("@offline", "The end of a session whose answer was lost with the line is told again")
class RetriesLost(Firmware):
    """A call that was not answered because the connection was lost is not sent again."""

    async def say_of_transaction(self, message):
        await super().say_of_transaction(message)
        if not self.line and message in self.flash.queue:
            self.flash.queue.remove(message)


@CHARGE_POINT.defect("@stop", "The driver stops with the tag that started")
class StopsTwice(Firmware):
    """Each StopTransaction is sent twice."""

    def enqueue(self, action, session, **payload):
        super().enqueue(action, session, **payload)
        if action == "StopTransaction":
            super().enqueue(action, session, **payload)


@CHARGE_POINT.defect("@stop or @metering", "The CSMS stops the session")
class SmallTransactionIds(Firmware):
    """It keeps sixteen bits of a transaction id."""

    def started(self, key, tag, answer):
        answer.transaction_id &= 0xFFFF
        super().started(key, tag, answer)


@CHARGE_POINT.defect("@line or @configuration or @start", "Every key of the Core profile is there")
class OneMessageId(Firmware):
    """All its calls have the same id."""

    def new_line(self, connection):
        line = super().new_line(connection)
        line._unique_id_generator = lambda: "1"
        return line


@CHARGE_POINT.defect("@resend", "The end of a session that the CSMS cannot process is sent again")
class ResendsUnderTheSameId(Firmware):
    """A message of a transaction that is sent again on the same line keeps its id [1.6J §4.1.4]."""

    async def say_of_transaction(self, message):
        line = self.line
        if line is None:
            return
        line._unique_id_generator = lambda: f"transaction-{message['serial']}"
        await super().say_of_transaction(message)
        line._unique_id_generator = uuid.uuid4


@CHARGE_POINT.defect("@offline and not @resend", "A session that began during an outage is told afterwards")
class SilentAfterAnOutage(Firmware):
    """What changed while there was no connection is not told when it is back."""

    def connected(self):
        for number in (0, *self.connectors):
            self.told[number] = (self.status(number), self.fault(number))
        super().connected()


@CHARGE_POINT.defect("@boot", "A charge point that is refused waits before it asks again")
class StatusBeforeTheBoot(Firmware):
    """It tells a status before its boot [1.6 §4.2]."""

    async def boot(self):
        early = call.StatusNotification(connector_id=1, error_code="NoError", status="Available")
        await self.say(early)
        await super().boot()


@CHARGE_POINT.defect("@boot", "A boot that the CSMS cannot process is tried again", warned=True)
class BootsOnce(Firmware):
    """A boot that the CSMS cannot process is never sent again."""

    async def boot(self):
        await super().boot()
        if self.registration is None and self.boot_at > self.loop.time():
            self.boot_at = math.inf


@CHARGE_POINT.defect("@boot", "Heartbeats go on after one that the CSMS cannot process")
class BeatsOnce(Firmware):
    """A heartbeat that is not answered is the last one."""

    async def beat(self):
        try:
            await self.note(call.Heartbeat())
        except (Lost, Unanswered):
            self.heartbeat_at = math.inf


@CHARGE_POINT.defect("@boot", "A charge point that is refused without an interval chooses one")
class FloodsWithBoots(Firmware):
    """An interval of 0 in a refusal is no wait [1.6 §4.2: it waits as long as it sees fit, and does not flood]."""

    def booted(self, answer):
        super().booted(answer)
        if answer.status != "Accepted" and not answer.interval:
            self.boot_at = self.loop.time()
