"""A charge point of OCPP 1.6 that is not ours: `charge_point.py [--defect NAME | --liberty NAME] CSMS_URL ID`.

Says `ready operator=URL` and ends when its standard input is closed. The operator acts on it as a person would:
`POST URL/plug_in` with `{"charge_point_id", "connector_id"}` and so on.
"""

import asyncio

import variants
from station import CONNECTORS, Firmware, Station, main

defect, liberty = variants.kinds()


@defect("@TC_034_CS", "Availability survives a power cut", in_ci=True)
class ForgetsAvailability(Firmware):
    """After a restart everything is operative again."""

    def start(self):
        self.flash.operative = {str(number): True for number in (0, *CONNECTORS)}
        super().start()


@defect("@retry", "The end of a session that the CSMS cannot process is sent again", in_ci=True)
class DropsRefusedStops(Firmware):
    """A StopTransaction that the CSMS fails to process is never sent again."""

    def may_try_again(self, message):
        return message["action"] != "StopTransaction" and super().may_try_again(message)


@defect("@TC_004_2_CS", "Identification without a cable lapses", in_ci=True)
class WaitsForTheCable(Firmware):
    """It waits two minutes for the cable, whatever ConnectionTimeOut says."""

    def grant(self, number, tag, parent=None):
        super().grant(number, tag, parent)
        if number in self.grants:
            self.grants[number].ends_at = self.loop.time() + 120


if __name__ == "__main__":
    firmware, (url, identity) = variants.chosen(Firmware, defect, liberty, "url", "identity")
    asyncio.run(main(Station(f"{url.rstrip('/')}/{identity}", firmware)))
