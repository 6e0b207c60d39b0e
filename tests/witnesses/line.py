"""The package `ocpp` where it does not keep to OCPP-J 1.6, put right.

It names the errors of OCPP 2.0.1 for OCPP 1.6: `FormatViolation`, and NotImplemented and NotSupported the other way
round [1.6J §4.2.3].
"""

from ocpp.exceptions import (
    FormationViolationError,
    FormatViolationError,
    NotImplementedError,
    NotSupportedError,
)
from ocpp.v16 import ChargePoint
from ocpp.v16.enums import Action


class Lost(Exception):
    """The connection went away."""


class Unanswered(Exception):
    """The other side answered with an error, or not at all."""


class Line(ChargePoint):
    """One connection. What a command brings about begins when its answer has been sent."""

    def __init__(self, identity, connection, response_timeout):
        super().__init__(identity, connection, response_timeout=response_timeout)
        self._effects = []

    def then(self, effect):
        """Has this done after the answer to the call that is being handled."""
        self._effects.append(effect)

    async def _handle_call(self, msg):
        self._effects.clear()
        if msg.action not in self.route_map:
            known = any(msg.action == action.value for action in Action)
            raise NotSupportedError("not served here") if known else NotImplementedError("no such action")
        try:
            await super()._handle_call(msg)
        except FormatViolationError as error:
            raise FormationViolationError(str(error.details.get("cause", ""))[:255]) from error
        effects, self._effects = self._effects, []
        for effect in effects:
            effect()
