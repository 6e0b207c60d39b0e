"""What makers of central systems get wrong at the edges: parsers, optional members, numbers and repetitions."""

from ocpp.exceptions import FormationViolationError, InternalError

from central_system import CentralSystem, ChargePointLine
from variants import CSMS


class CompactLine(ChargePointLine):
    async def route_message(self, raw_msg):
        if raw_msg[:2] in ("[2", "[3", "[4"):
            await super().route_message(raw_msg)


def with_line(line_type):
    """A central system whose connections are of that type."""

    class System(CentralSystem):
        def line(self, identity, connection):
            return line_type(self, identity, connection)

    return System


def refusing(action, is_refused):
    """A central system that answers some calls of this action with an error."""

    class Line(ChargePointLine):
        async def _handle_call(self, msg):
            if msg.action == action and is_refused(msg.payload):
                raise FormationViolationError("not like that")
            await super()._handle_call(msg)

    return with_line(Line)


def samples(payload, member="meterValue"):
    return [sample for value in payload.get(member, []) for sample in value["sampledValue"]]


@CSMS.defect("@core", "A call is read however its JSON is written")
class CompactJsonOnly(with_line(CompactLine)):
    """Its parser finds the message type right behind the bracket."""


@CSMS.defect("@core", "StatusNotification is taken with each optional member")
class StatusesNeedTheirTime(refusing("StatusNotification", lambda payload: "timestamp" not in payload)):
    """A status without a timestamp is an error."""


@CSMS.defect("@core", "StopTransaction is taken with each reason")
class StopsNeedATag(refusing("StopTransaction", lambda payload: "idTag" not in payload)):
    """A stop without a tag is an error."""


@CSMS.defect("@core", "Odd sessions are answered")
class StopsNeedAReason(refusing("StopTransaction", lambda payload: "reason" not in payload)):
    """A stop without a reason is an error."""


@CSMS.defect("@core", "MeterValues is taken with each measurand")
class WholeReadings(
    refusing("MeterValues", lambda payload: any("." in sample["value"] for sample in samples(payload)))
):
    """A reading with a decimal point is an error."""


@CSMS.defect("@core", "MeterValues is taken with each measurand")
class PositiveReadings(
    refusing("MeterValues", lambda payload: any(sample["value"].startswith("-") for sample in samples(payload)))
):
    """A reading below nought is an error."""


@CSMS.defect("@core", "StatusNotification is taken with each optional member")
class FilledTexts(refusing("StatusNotification", lambda payload: "" in payload.values())):
    """A status with an empty text is an error."""


@CSMS.defect("@core", "StatusNotification is taken with each optional member")
class TwoConnectors(refusing("StatusNotification", lambda payload: payload["connectorId"] > 2)):
    """It knows connectors 0, 1 and 2."""


class RememberingSystem(CentralSystem):
    """It remembers what was stopped."""

    def __init__(self):
        super().__init__()
        self.ended = set()


@CSMS.defect("@core", "The end of a session that is told twice is acknowledged twice")
class SecondStopIsAnError(RememberingSystem):
    """A stop that is told again is an error."""

    def stopped(self, identity, transaction, tag):
        if transaction in self.ended:
            raise InternalError("stopped before")
        self.ended.add(transaction)
        return super().stopped(identity, transaction, tag)


@CSMS.defect("@core", "Odd sessions are answered")
class EnergyIsPositive(CentralSystem):
    """A stop with a lower register than its start is an error."""

    def __init__(self):
        super().__init__()
        self.meters = {}

    def started(self, identity, connector, tag, meter_wh, stamp):
        answer = super().started(identity, connector, tag, meter_wh, stamp)
        self.meters[answer.transaction_id] = meter_wh
        return answer

    def line(self, identity, connection):
        system = self

        class Line(ChargePointLine):
            async def _handle_call(self, msg):
                if msg.action == "StopTransaction":
                    payload = msg.payload
                    if payload["meterStop"] < system.meters.get(payload["transactionId"], 0):
                        raise FormationViolationError("less than nothing")
                await super()._handle_call(msg)

        return Line(self, identity, connection)


@CSMS.defect("@core", "A session that begins where one was never stopped has another transaction id")
class StartsNeedPreparing(CentralSystem):
    """A start at a connector that was not told as Preparing is an error."""

    def __init__(self):
        super().__init__()
        self.status_of = {}

    def line(self, identity, connection):
        system = self

        class Line(ChargePointLine):
            async def _handle_call(self, msg):
                payload = msg.payload
                if msg.action == "StatusNotification":
                    system.status_of[self.id, payload["connectorId"]] = payload["status"]
                if msg.action == "StartTransaction":
                    if system.status_of.get((self.id, payload["connectorId"])) not in ("Preparing", "Available"):
                        raise InternalError("this connector is not ready")
                await super()._handle_call(msg)

        return Line(self, identity, connection)


@CSMS.defect("@core", "Readings that are told twice are acknowledged twice")
class SecondReadingIsAnError(RememberingSystem):
    """Readings that are told again are an error."""

    def line(self, identity, connection):
        system = self

        class Line(ChargePointLine):
            async def _handle_call(self, msg):
                if msg.action == "MeterValues":
                    told = (self.id, str(msg.payload))
                    if told in system.ended:
                        raise InternalError("told before")
                    system.ended.add(told)
                await super()._handle_call(msg)

        return Line(self, identity, connection)
