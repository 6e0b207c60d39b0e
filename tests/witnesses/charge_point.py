"""A charge point of OCPP 1.6 that is not ours: `charge_point.py [--defect NAME | --liberty NAME] CSMS_URL ID`.

Says `ready operator=URL` and ends when its standard input is closed. The operator acts on it as a person would:
`POST URL/plug_in` with `{"charge_point_id", "connector_id"}` and so on.
"""

import asyncio

# Their forms enter themselves into `variants.CHARGE_POINT`.
import defects.charge_point_commands  # noqa: F401
import defects.charge_point_makers  # noqa: F401
import defects.charge_point_messages  # noqa: F401
import defects.charge_point_meters  # noqa: F401
import defects.charge_point_sessions  # noqa: F401
import liberties.charge_point  # noqa: F401
import liberties.charge_point_messages  # noqa: F401
from firmware import Firmware
from station import Station, main
from variants import CHARGE_POINT

if __name__ == "__main__":
    firmware, (url, identity) = CHARGE_POINT.chosen(Firmware, "url", "identity")
    asyncio.run(main(Station(f"{url.rstrip('/')}/{identity}", firmware)))
