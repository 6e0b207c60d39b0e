"""What a central system does wrong with tags, boots and transactions."""

from datetime import datetime, timedelta, timezone

from ocpp.exceptions import InternalError
from ocpp.v16 import call_result

from central_system import CentralSystem, ChargePointLine
from variants import CSMS


def age(stamp):
    """How long ago that was."""
    return datetime.now(timezone.utc) - datetime.fromisoformat(stamp.replace("Z", "+00:00"))


# Of tags.


@CSMS.defect("@session and not @driver", "A tag means the same in upper and lower case", in_ci=True)
class TagsHaveCase(CentralSystem):
    """It knows a tag only as it was registered."""

    def tag_info(self, identity, tag):
        return {"status": self.tags.get(tag, "Invalid")}


@CSMS.defect("@core", "A session of the expired tag is booked and refused, told at once or later")
class ExpiredTagsStart(CentralSystem):
    """An expired tag is Accepted in a start: only Authorize looks at the date."""

    def started(self, identity, connector, tag, meter_wh, stamp):
        answer = super().started(identity, connector, tag, meter_wh, stamp)
        if answer.id_tag_info["status"] == "Expired":
            answer.id_tag_info = {"status": "Accepted"}
        return answer


@CSMS.defect("@core", "A session of the blocked tag is booked and refused, told at once or later")
class OldStartsAreAccepted(CentralSystem):
    """A start that is told late is accepted whoever it was."""

    def started(self, identity, connector, tag, meter_wh, stamp):
        answer = super().started(identity, connector, tag, meter_wh, stamp)
        if age(stamp) > timedelta(minutes=5):
            answer.id_tag_info = {"status": "Accepted"}
        return answer


@CSMS.defect("@core", "A start after a remote start that was refused is judged by its own tag")
class NextStartIsTheOrderedOne(CentralSystem):
    """After a remote start, even one that was refused, the next start gets the tag of the order, whoever it was."""

    def __init__(self):
        super().__init__()
        self.ordered = {}

    def order(self, charge_point_id, action, payload):
        if action == "RemoteStartTransaction":
            self.ordered[charge_point_id] = payload["idTag"]
        super().order(charge_point_id, action, payload)

    def started(self, identity, connector, tag, meter_wh, stamp):
        return super().started(identity, connector, self.ordered.pop(identity, tag), meter_wh, stamp)


# Of starts.


@CSMS.defect("@TC_037_1_CSMS", "A session that began during an outage is booked afterwards", in_ci=True)
class RefusesWhatIsOld(CentralSystem):
    """It takes a start of more than five minutes ago for a mistake."""

    def started(self, identity, connector, tag, meter_wh, stamp):
        if age(stamp) > timedelta(minutes=5):
            raise InternalError("this start is too old")
        return super().started(identity, connector, tag, meter_wh, stamp)


@CSMS.defect("@core", "Odd sessions are answered", warned=True)
class RefusesWhatIsOfTheFuture(CentralSystem):
    """A start with a stamp of the future is an error."""

    def started(self, identity, connector, tag, meter_wh, stamp):
        if age(stamp) < timedelta(seconds=-30):
            raise InternalError("from the future")
        return super().started(identity, connector, tag, meter_wh, stamp)


@CSMS.defect("@core", "A session of the blocked tag is booked and refused, told at once or later", warned=True)
class RefusedStartsHaveNoId(CentralSystem):
    """A start that it refuses gets the id 0, whichever it is, so the stops cannot be told apart."""

    def transaction_id(self, identity, connector, tag):
        is_accepted = self.tag_info(identity, tag)["status"] == "Accepted"
        return super().transaction_id(identity, connector, tag) if is_accepted else 0


@CSMS.defect("@core", "A session that begins where one was never stopped has another transaction id")
class OneSessionPerTag(CentralSystem):
    """A start of a tag that is charging at that connector is taken for the start that it knows."""

    def started(self, identity, connector, tag, meter_wh, stamp):
        for transaction, running in self.running.items():
            if running == (identity, connector, tag.upper()):
                info = self.tag_info(identity, tag)
                return call_result.StartTransaction(transaction_id=transaction, id_tag_info=info)
        return super().started(identity, connector, tag, meter_wh, stamp)


@CSMS.defect("@core", "StopTransaction is taken with each reason")
class StartsAreTheirTimes(CentralSystem):
    """Two starts of one second are one."""

    def started(self, identity, connector, tag, meter_wh, stamp):
        return super().started(identity, 0, tag, 0, stamp[:19])


@CSMS.defect("@core", "A second session after the first has another transaction id")
class UsesIdsAgain(CentralSystem):
    """The id of a session that has ended is given to the next one."""

    def __init__(self):
        super().__init__()
        self.free = []

    def transaction_id(self, identity, connector, tag):
        return self.free.pop() if self.free else super().transaction_id(identity, connector, tag)

    def stopped(self, identity, transaction, tag):
        if transaction in self.running:
            self.free.append(transaction)
        return super().stopped(identity, transaction, tag)


# Of stops.


@CSMS.defect("@session and not @driver", "The end of a transaction that nobody knows is acknowledged", in_ci=True)
class RefusesUnknownStops(CentralSystem):
    """It answers the stop of a transaction that it does not know with an error, so it will come for ever."""

    def stopped(self, identity, transaction, tag):
        if transaction not in self.running:
            raise InternalError("no such transaction")
        return super().stopped(identity, transaction, tag)


@CSMS.defect("@core", "A stop with another tag than the one that started is acknowledged")
class RefusesStopsOfRefusedTags(CentralSystem):
    """A stop with a tag that it does not accept is an error."""

    def stopped(self, identity, transaction, tag):
        if tag and self.tag_info(identity, tag)["status"] != "Accepted":
            raise InternalError("not allowed")
        return super().stopped(identity, transaction, tag)


class ForgetsSessions(CentralSystem):
    """It refuses the stop of a session that it has ended by itself."""

    def __init__(self):
        super().__init__()
        self.gone = set()

    def forget(self, identity, connector=None):
        for transaction, running in self.running.items():
            if running[0] == identity and connector in (None, running[1]):
                self.gone.add(transaction)

    def stopped(self, identity, transaction, tag):
        if transaction in self.gone:
            raise InternalError("this session is over")
        return super().stopped(identity, transaction, tag)


@CSMS.defect("@core", "A session that a power cut ended is closed after the boot")
class BootEndsSessions(ForgetsSessions):
    """After a boot it knows none of the sessions of before, and refuses their stops."""

    def registration(self, identity):
        self.forget(identity)
        return super().registration(identity)


@CSMS.defect("@core", "The end of a session is taken when its connector is free already")
class AvailableEndsSessions(ForgetsSessions):
    """A session ends when its connector is Available: the stop that comes later is an error."""

    def line(self, identity, connection):
        system = self

        class Line(ChargePointLine):
            async def _handle_call(self, msg):
                await super()._handle_call(msg)
                if msg.action == "StatusNotification" and msg.payload["status"] == "Available":
                    system.forget(self.id, msg.payload["connectorId"])

        return Line(self, identity, connection)


# Of boots.


@CSMS.defect("@csms", "A boot is asked for and acknowledged")
class SecondBootIsRejected(CentralSystem):
    """A boot on a connection that has had one is Rejected."""

    def __init__(self):
        super().__init__()
        self.booted_lines = set()

    def registration(self, identity):
        answer, line = super().registration(identity), self.lines.get(identity)
        if line in self.booted_lines:
            answer.status = "Rejected"
        self.booted_lines.add(line)
        return answer
