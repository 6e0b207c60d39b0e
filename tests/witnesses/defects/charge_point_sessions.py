"""What a charge point does wrong with tags, sessions and faults."""

from ocpp.v16 import call

from firmware import Firmware
from line import Lost, Unanswered
from variants import CHARGE_POINT


@CHARGE_POINT.defect("@TC_004_2_CS", "Identification without a cable lapses", in_ci=True)
class WaitsForTheCable(Firmware):
    """It waits two minutes for the cable, whatever ConnectionTimeOut says."""

    def grant(self, number, tag, parent=None):
        super().grant(number, tag, parent)
        if number in self.grants:
            self.grants[number].ends_at = self.loop.time() + 120


@CHARGE_POINT.defect("@TC_004_2_CS or @TC_011_2_CS or @TC_061_1_CS", "Identification without a cable lapses")
class StartsAfterTheLapse(Firmware):
    """Who plugs in after ConnectionTimeOut charges all the same."""

    def __init__(self, *arguments):
        super().__init__(*arguments)
        self.granted = {}

    def grant(self, number, tag, parent=None):
        super().grant(number, tag, parent)
        self.granted.update(self.grants)

    def plugged_in(self, socket):
        granted = self.granted.pop(socket.number, None)
        if granted and not self.session(socket.number):
            self.grants[socket.number] = granted
        super().plugged_in(socket)


@CHARGE_POINT.defect("@stop", "Only the tag that started stops the session")
class AnybodyStops(Firmware):
    """A tag without a group is of the group of a tag without one."""

    async def take_tag(self, tag, number):
        session = self.session(number)
        if session and session["tag"].lower() != tag.lower():
            info = await self.authorize(tag)
            if info and info.get("parent_id_tag") == session["parent"]:
                self.stop(number, "Local", tag)
            return
        await super().take_tag(tag, number)


@CHARGE_POINT.defect("@stop", "A tag that reads like the group stops nothing")
class GroupsAreTags(Firmware):
    """A tag that reads like the group of the session stops it."""

    async def take_tag(self, tag, number):
        session = self.session(number)
        if session and session["parent"] == tag:
            self.stop(number, "Local", tag)
            return
        await super().take_tag(tag, number)


@CHARGE_POINT.defect("@stop", "A session that pauses goes on when the car is back", warned=True)
class StaysSuspended(Firmware):
    """When the car comes back to a session that waits for it, it does not charge."""

    def plugged_in(self, socket):
        if self.session(socket.number):
            socket.car = False
        super().plugged_in(socket)


@CHARGE_POINT.defect("@start and not @recommended", "A question that the CSMS cannot process lets nobody charge")
class FailsOpen(Firmware):
    """A question about a tag that the CSMS cannot process counts as Accepted."""

    async def authorize(self, tag):
        try:
            if self.is_online and not (self.setting("LocalPreAuthorize") and self.cached(tag)):
                answer = await self.note(call.Authorize(id_tag=tag))
                self.learn(tag, answer.id_tag_info)
                return answer.id_tag_info if answer.id_tag_info["status"] == "Accepted" else None
        except Unanswered:
            return {"status": "Accepted"}
        except Lost:
            pass
        return await super().authorize(tag)


@CHARGE_POINT.defect(
    "@start and not @recommended",
    "The session of a tag that is refused when it starts is stopped [status=ConcurrentTx]",
)
class ConcurrentIsFine(Firmware):
    """A start that is answered with ConcurrentTx goes on."""

    def started(self, key, tag, answer):
        if answer.id_tag_info["status"] == "ConcurrentTx":
            answer.id_tag_info["status"] = "Accepted"
        super().started(key, tag, answer)


@CHARGE_POINT.defect("@start or @stop or @remote-start", "A tag may hold any character")
class ShortTags(Firmware):
    """It keeps sixteen characters of a tag."""

    def presented(self, tag, number):
        super().presented(tag[:16], number)

    def remote_start(self, tag, number):
        return super().remote_start(tag[:16], number)


@CHARGE_POINT.defect(
    "@offline and not @resend",
    "A tag whose time in the cache is over starts nothing offline", warned=True,
)
class ExpiredIsGoodOffline(Firmware):
    """Offline it does not look at the expiry date."""

    def authorize_offline(self, tag):
        entry = self.flash.cache.get(tag.lower())
        good = entry and entry["status"] == "Accepted" and self.setting("LocalAuthorizeOffline")
        return entry if good else None


@CHARGE_POINT.defect("@offline and not @resend", "A tag that was refused at a stop starts nothing offline", warned=True)
class CacheIgnoresStops(Firmware):
    """What the answer to StopTransaction says about a tag is not learnt."""

    async def say(self, payload):
        answer = await super().say(payload)
        if isinstance(payload, call.StopTransaction):
            answer.id_tag_info = None
        return answer


@CHARGE_POINT.defect("@start or @connectors", "A fault of one connector is told of that one")
class FaultOfTheFirst(Firmware):
    """A fault of connector 2 is told of connector 1."""

    def failed(self, socket):
        if socket.number == 2:
            self.sockets[1].fault, socket.fault = socket.fault, None
        super().failed(self.sockets[1])


@CHARGE_POINT.defect("@start or @unlock", "The end of a fault is reported")
class FaultsStay(Firmware):
    """It never tells that a fault is over."""

    def report(self, everything=False):
        told = dict(self.told)
        for number in self.connectors:
            if told.get(number, ("",))[0] == "Faulted" and not everything:
                return
        super().report(everything)


@CHARGE_POINT.defect("@start", "The end of a fault is reported")
class OldErrorCodes(Firmware):
    """The error code stays when the fault is over."""

    last = "NoError"

    def status_notification(self, number):
        told = super().status_notification(number)
        if told.status == "Faulted":
            self.last = told.error_code
        elif number == 1:
            told.error_code = self.last
        return told
