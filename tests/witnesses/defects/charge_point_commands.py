"""What a charge point does wrong with commands and settings."""

from commands import CsmsLine
from firmware import Firmware
from line import Line
from variants import CHARGE_POINT


@CHARGE_POINT.defect("@TC_034_CS", "Availability survives a power cut", in_ci=True)
class ForgetsAvailability(Firmware):
    """After a restart everything is operative again."""

    def start(self):
        self.flash.operative = {str(number): True for number in (0, *self.connectors)}
        super().start()


@CHARGE_POINT.defect("@reset or @connectors", "One connector goes out of service and another goes on")
class AvailabilityOfTheFirst(Firmware):
    """ChangeAvailability of connector 2 is for connector 1."""

    def change_availability(self, number, kind):
        return super().change_availability(1 if number == 2 else number, kind)


@CHARGE_POINT.defect(
    "@reset or @power",
    "A connector that is to go out of service does so when a power cut ends its session",
)
class ForgetsWhatIsScheduled(Firmware):
    """A power cut makes it forget that a connector was to go out of service when its session is over."""

    def start(self):
        self.flash.scheduled = {}
        super().start()


@CHARGE_POINT.defect("@reset", "A connector in use goes out of service when the session is over")
class NeverGetsToTheScheduled(Firmware):
    """What was Scheduled does not happen."""

    def stop(self, number, reason, tag=None, hold=False):
        self.flash.scheduled = {}
        super().stop(number, reason, tag, hold)


@CHARGE_POINT.defect("@unlock or @connectors or @stop", "Unlocking one connector ends its session alone")
class UnlocksTheFirst(Firmware):
    """UnlockConnector of connector 2 unlocks connector 1."""

    def unlock(self, number):
        return super().unlock(1 if number == 2 else number)


@CHARGE_POINT.defect("@unlock", "Unlocking ends the session")
class UnlocksAndGoesOn(Firmware):
    """It unlocks and charges on."""

    def unlock(self, number):
        if number in self.connectors and self.session(number):
            return "Unlocked"
        return super().unlock(number)


@CHARGE_POINT.defect("@stop or @unlock", "Unlocking ends the session")
class CableStaysLocked(Firmware):
    """After an UnlockCommand the cable is still locked."""

    def unlock(self, number):
        answer = super().unlock(number)
        if answer == "Unlocked":
            self.line.then(lambda: setattr(self.sockets[number], "locked", True))
        return answer


@CHARGE_POINT.defect("@remote-start or @connectors", None)
class RemoteStartNeedsConnector(Firmware):
    """A remote start without a connector is Rejected, though connectors are free."""

    def remote_start(self, tag, number):
        return super().remote_start(tag, number) if number else "Rejected"


@CHARGE_POINT.defect("@remote-start or @start", "A remote start follows one whose tag was refused")
class RefusedRemoteStartsBlock(Firmware):
    """After a remote start whose tag is refused the connector takes no other one until the next boot."""

    blocked = False

    async def start_if_authorized(self, number, tag):
        info = await self.authorize(tag)
        if info:
            self.grant(number, tag, info.get("parent_id_tag"))
        else:
            self.blocked = True

    def remote_start(self, tag, number):
        return "Rejected" if self.blocked else super().remote_start(tag, number)


@CHARGE_POINT.defect("@connectors or @stop", "Two sessions run at the same time")
class StopsTheOther(Firmware):
    """A remote stop ends the session of the first connector that has one."""

    def remote_stop(self, transaction):
        if super().remote_stop(transaction) == "Rejected":
            return "Rejected"
        self.line._effects.clear()
        number = min(int(number) for number in self.flash.sessions)
        self.line.then(lambda: self.stop(number, "Remote"))
        return "Accepted"


@CHARGE_POINT.defect("@trigger", "The status of another connector is told when it is asked for")
class TriggersTheFirst(Firmware):
    """A message that is asked for of connector 2 is told of connector 1."""

    def trigger(self, what, number):
        return super().trigger(what, 1 if number == 2 else number)


@CHARGE_POINT.defect("@boot or @line", "A charge point that is refused answers no command")
class AnswersWhileRejected(Firmware):
    """It obeys commands while its boot is Rejected [1.6 §4.2: SHALL NOT respond]."""

    def new_line(self, connection):
        class Open(CsmsLine):
            async def route_message(self, raw_msg):
                await Line.route_message(self, raw_msg)

        return Open(self, connection)


@CHARGE_POINT.defect("@configuration", "A value that was written outlives a power cut", warned=True)
class ForgetsSettings(Firmware):
    """After a restart each setting is what it was when new."""

    def start(self):
        self.flash.settings = {key: value for key, (_, value) in self.keys.items()}
        super().start()


@CHARGE_POINT.defect("@boot", "Heartbeats keep the interval that was set")
class HeartbeatsKeepTheirPace(Firmware):
    """HeartbeatInterval can be set, and the heartbeats go on as the boot had it."""

    pace = None

    def booted(self, answer):
        self.pace = answer.interval or self.pace
        super().booted(answer)

    def heartbeat_seconds(self):
        return self.pace or super().heartbeat_seconds()


@CHARGE_POINT.defect("@configuration", "A known and an unknown key are told apart")
class MixedQuestions(Firmware):
    """Asked for a key that it knows and one that it does not, it names the unknown one only."""

    def get_configuration(self, keys):
        answer = super().get_configuration(keys)
        if answer.unknown_key:
            answer.configuration_key = []
        return answer


@CHARGE_POINT.defect("@configuration", "A value of the wrong kind is refused [key=ConnectionTimeOut, value=-5]")
class NegativeTimeOut(Firmware):
    """ConnectionTimeOut takes -5 and often."""

    def change_configuration(self, key, value):
        if key == "ConnectionTimeOut":
            self.flash.settings[key] = value
            return "Accepted"
        return super().change_configuration(key, value)


@CHARGE_POINT.defect("@configuration", "The key GetConfigurationMaxKeys can only be read")
class WritesWhatIsReadOnly(Firmware):
    """GetConfigurationMaxKeys and SupportedFeatureProfiles, which are only read, can be written."""

    def change_configuration(self, key, value):
        if key in ("GetConfigurationMaxKeys", "SupportedFeatureProfiles"):
            return "Accepted"
        return super().change_configuration(key, value)


@CHARGE_POINT.defect("@configuration", "The names of keys have no case when they are set")
class KeysHaveCaseInWriting(Firmware):
    """A key in another case cannot be written."""

    def change_configuration(self, key, value):
        return super().change_configuration(key, value) if key in self.keys else "NotSupported"
