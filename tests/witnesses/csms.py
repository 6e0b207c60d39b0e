"""A central system of OCPP 1.6 that is not ours: `csms.py [--defect NAME | --liberty NAME]`.

Serves charge points and its operator on free ports, says `ready ocpp=URL driver=URL`, and ends when its standard
input is closed. The operator orders commands: `POST driver` with `{"charge_point_id", "action", "payload"}`.
"""

import asyncio
from datetime import datetime, timedelta, timezone

from ocpp.exceptions import InternalError

import variants
from central_system import CentralSystem, main

defect, liberty = variants.kinds()


@defect("@TC_037_1_CSMS", "A session that began during an outage is booked afterwards", in_ci=True)
class RefusesWhatIsOld(CentralSystem):
    """It takes a start of more than five minutes ago for a mistake."""

    def started(self, identity, connector, tag, meter_wh, stamp):
        began = datetime.fromisoformat(stamp.replace("Z", "+00:00"))
        if datetime.now(timezone.utc) - began > timedelta(minutes=5):
            raise InternalError("this start is too old")
        return super().started(identity, connector, tag, meter_wh, stamp)


@defect("@session and not @driver", "The end of a transaction that nobody knows is acknowledged", in_ci=True)
class RefusesUnknownStops(CentralSystem):
    """It answers the stop of a transaction that it does not know with an error, so it will come for ever."""

    def stopped(self, identity, transaction, tag):
        if transaction not in self.running:
            raise InternalError("no such transaction")
        return super().stopped(identity, transaction, tag)


@defect("@session and not @driver", "A tag means the same in upper and lower case", in_ci=True)
class TagsHaveCase(CentralSystem):
    """It knows a tag only as it was registered."""

    def tag_info(self, identity, tag):
        return {"status": self.tags.get(tag, "Invalid")}


if __name__ == "__main__":
    asyncio.run(main(variants.chosen(CentralSystem, defect, liberty)[0]()))
