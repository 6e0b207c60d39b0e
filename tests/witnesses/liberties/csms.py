"""What a central system may do as well, and others do."""

import asyncio
import itertools
import json
import random
from datetime import datetime, timedelta, timezone

from ocpp.v16 import call, call_result

from central_system import CentralSystem, ChargePointLine
from variants import CSMS


@CSMS.liberty()
class PendingFirst(CentralSystem):
    """A charge point that it has not seen before is kept pending for a second [1.6 §4.2]."""

    def __init__(self):
        super().__init__()
        self.seen = set()

    def registration(self, identity):
        if identity in self.seen:
            return super().registration(identity)
        self.seen.add(identity)
        return call_result.BootNotification(current_time=self.time(), interval=1, status="Pending")


@CSMS.liberty()
class OneSessionAtATime(CentralSystem):
    """A tag that charges elsewhere gets ConcurrentTx [1.6 §7.2]."""

    def busy(self, tag, identity):
        return any(one[2] == tag.upper() and one[0] != identity for one in self.running.values())

    def tag_info(self, identity, tag):
        info = super().tag_info(identity, tag)
        return {"status": "ConcurrentTx"} if info["status"] == "Accepted" and self.busy(tag, identity) else info


@CSMS.liberty()
class OneSessionAtATimeAnywhere(CentralSystem):
    """A tag that charges at any other connector gets ConcurrentTx."""

    def started(self, identity, connector, tag, meter_wh, stamp):
        others = [one for one in self.running.values() if one[2] == tag.upper() and one[:2] != (identity, connector)]
        answer = super().started(identity, connector, tag, meter_wh, stamp)
        if others and answer.id_tag_info["status"] == "Accepted":
            answer.id_tag_info = {"status": "ConcurrentTx"}
        return answer


@CSMS.liberty()
class FamiliesAndExpiry(CentralSystem):
    """Each tag has a group and an end far away, refused ones as well."""

    def tag_info(self, identity, tag):
        info = super().tag_info(identity, tag)
        return {**info, "parent_id_tag": "FAMILY", "expiry_date": "2038-01-19T03:14:07+01:00"}


@CSMS.liberty()
class UnknownTagsAreBlocked(CentralSystem):
    """Who is not known is told Blocked."""

    def tag_info(self, identity, tag):
        return {"status": self.tags.get(tag.upper(), "Blocked")}


@CSMS.liberty()
class NoTagInfoAtTheEnd(CentralSystem):
    """StopTransaction is answered with nothing."""

    def stopped(self, identity, transaction, tag):
        self.running.pop(transaction, None)
        return call_result.StopTransaction()


@CSMS.liberty()
class TagInfoAtEachEnd(CentralSystem):
    """Each StopTransaction is answered with the status of the tag that started, also where none was told."""

    def stopped(self, identity, transaction, tag):
        started = self.running.pop(transaction, (None, None, "RFID-USER-4A2F"))
        return call_result.StopTransaction(id_tag_info=self.tag_info(identity, started[2]))


@CSMS.liberty()
class OddTransactionIds(CentralSystem):
    """Transaction ids are random over all that an integer may be, negative ones and 0 included."""

    def __init__(self):
        super().__init__()
        self.ids = itertools.chain([0, -1, 2**31 - 1, -(2**31)], iter(lambda: random.randrange(-(2**31), 2**31), None))


@CSMS.liberty()
class CountsPerChargePoint(CentralSystem):
    """Transactions of each charge point are counted from 1."""

    def __init__(self):
        super().__init__()
        self.counts = {}

    def transaction_id(self, identity, connector, tag):
        self.counts[identity] = self.counts.get(identity, 0) + 1
        return self.counts[identity]


@CSMS.liberty()
class ForgetsWhatItAnswered(CentralSystem):
    """The same start told again is another transaction: the standard asks nothing else of it."""

    def started(self, identity, connector, tag, meter_wh, stamp):
        self.starts.clear()
        return super().started(identity, connector, tag, meter_wh, stamp)


@CSMS.liberty()
class EndsRefusedSessions(CentralSystem):
    """It orders the stop of a session that it refused."""

    def started(self, identity, connector, tag, meter_wh, stamp):
        answer = super().started(identity, connector, tag, meter_wh, stamp)
        if answer.id_tag_info["status"] != "Accepted":
            line = self.lines[identity]
            line.then(lambda: line.command(call.RemoteStopTransaction(transaction_id=answer.transaction_id)))
        return answer


class AsksAfterTheBoot(CentralSystem):
    """After a boot it sends the commands of `asks`, one after the other."""

    def booted(self, line):
        for command in self.asks():
            line.command(command)


@CSMS.liberty(in_ci="@csms")
class LooksAfterChargePoints(AsksAfterTheBoot):
    """It reads and sets what it likes, sends a local list, and asks for statuses."""

    def asks(self):
        yield call.GetConfiguration()
        yield call.ChangeConfiguration(key="MeterValueSampleInterval", value="300")
        yield call.GetLocalListVersion()
        yield call.SendLocalList(list_version=1, update_type="Full")
        yield call.TriggerMessage(requested_message="StatusNotification")
        yield call.ChangeAvailability(connector_id=0, type="Operative")
        yield call.ClearCache()


@CSMS.liberty()
class AsksForDiagnostics(AsksAfterTheBoot):
    """It wants diagnostics, and sends new firmware [1.6 §5.9, §5.19]."""

    def asks(self):
        yield call.GetDiagnostics(location="ftp://127.0.0.1/diagnostics")
        yield call.UpdateFirmware(location="ftp://127.0.0.1/firmware", retrieve_date=self.time())


@CSMS.liberty()
class AsksByTheWhitePaper(AsksAfterTheBoot):
    """It asks what the white paper "Improved security for OCPP 1.6-J" has."""

    def asks(self):
        yield call.GetInstalledCertificateIds(certificate_type="CentralSystemRootCertificate")
        yield call.ExtendedTriggerMessage(requested_message="StatusNotification")
        yield call.GetLog(log_type="SecurityLog", request_id=1, log={"remoteLocation": "ftp://127.0.0.1/log"})


@CSMS.liberty()
class AsksForABoot(CentralSystem):
    """On a connection without a boot it asks for one."""

    def __init__(self):
        super().__init__()
        self.seen = set()

    def line(self, identity, connection):
        line = super().line(identity, connection)
        if identity in self.seen:
            line.command(call.TriggerMessage(requested_message="BootNotification"))
        self.seen.add(identity)
        return line


@CSMS.liberty()
class KeepsTheFirstConnection(CentralSystem):
    """A second connection is served beside the first one, which stays open until it closes."""

    def replaced(self, old):
        pass


@CSMS.liberty()
class SlowAnswers(CentralSystem):
    """It takes 0.6 seconds over each answer."""

    def line(self, identity, connection):
        class Line(ChargePointLine):
            async def _handle_call(self, msg):
                await asyncio.sleep(0.6)
                await super()._handle_call(msg)

        return Line(self, identity, connection)


@CSMS.liberty()
class SlowDriver(CentralSystem):
    """Commands leave two seconds after they were ordered, in order."""

    def line(self, identity, connection):
        class Line(ChargePointLine):
            async def send(self, command):
                await asyncio.sleep(2)
                await super().send(command)

        return Line(self, identity, connection)


@CSMS.liberty(in_ci="@csms")
class OtherForms(CentralSystem):
    """Times have microseconds and an offset; JSON has white space and sorted members; frames come in pieces."""

    def time(self):
        return datetime.now(timezone(timedelta(hours=-5))).isoformat(timespec="microseconds")

    def line(self, identity, connection):
        class Line(ChargePointLine):
            async def _send(self, message):
                text = json.dumps(json.loads(message), indent=2, sort_keys=True)
                await self.connection.send([text[:5], text[5:9], text[9:]])

        return Line(self, identity, connection)


@CSMS.liberty()
class WholeSeconds(CentralSystem):
    """Times without a fraction."""

    def time(self):
        return datetime.now(timezone.utc).strftime("%Y-%m-%dT%H:%M:%SZ")


@CSMS.liberty()
class ShortIds(CentralSystem):
    """The ids of its calls are 1, 2, 3 on each connection."""

    def line(self, identity, connection):
        line = super().line(identity, connection)
        line._unique_id_generator = itertools.count(1).__next__
        return line


@CSMS.liberty()
class DataIsRejected(CentralSystem):
    """Data of vendors are rejected; pings come each second; heartbeats are wanted once a day."""

    data_status = "Rejected"
    ping_seconds = 1
    heartbeat_seconds = 86_400


@CSMS.liberty()
class WholeConfigurationByAnEmptyList(CentralSystem):
    """It asks for all keys with an empty list [1.6 §6.17]; tags of its commands are in lower case."""

    def order(self, charge_point_id, action, payload):
        if action == "GetConfiguration" and not payload.get("key"):
            payload = {"key": []}
        if action == "RemoteStartTransaction":
            payload = {**payload, "idTag": payload["idTag"].lower()}
        super().order(charge_point_id, action, payload)


@CSMS.liberty()
class ProfileWithTheStart(CentralSystem):
    """A remote start brings a charging profile along [1.6 §5.11]."""

    def order(self, charge_point_id, action, payload):
        if action == "RemoteStartTransaction":
            payload = {**payload, "chargingProfile": {
                "chargingProfileId": 1, "stackLevel": 0, "chargingProfilePurpose": "TxProfile",
                "chargingProfileKind": "Relative", "chargingSchedule": {
                    "chargingRateUnit": "A", "chargingSchedulePeriod": [{"startPeriod": 0, "limit": 16.0}]}}}
        super().order(charge_point_id, action, payload)
