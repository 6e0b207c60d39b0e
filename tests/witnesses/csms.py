"""A central system of OCPP 1.6 that is not ours: `csms.py [--defect NAME | --liberty NAME]`.

Serves charge points and its operator on free ports, says `ready ocpp=URL driver=URL`, and ends when its standard
input is closed. The operator orders commands: `POST driver` with `{"charge_point_id", "action", "payload"}`.
"""

import asyncio

# Their forms enter themselves into `variants.CSMS`.
import defects.csms_frames  # noqa: F401
import defects.csms_makers  # noqa: F401
import defects.csms_sessions  # noqa: F401
import liberties.csms  # noqa: F401
from central_system import CentralSystem, main
from variants import CSMS

if __name__ == "__main__":
    asyncio.run(main(CSMS.chosen(CentralSystem)[0]()))
