"""What both foreign peers share: a watch on the wire, and the summary at the end.

The package `ocpp` checks every frame in both directions by the published schemas, but turns what it finds into
log records and CALLERRORs and goes on. Here each of those is a violation, and one violation is a failure.
"""

import json
import logging
import sys
from datetime import datetime, timezone

violations = []
frames = {"in": 0, "out": 0}


class Watched:
    """A WebSocket connection that counts its frames and notes every CALLERROR."""

    def __init__(self, connection):
        self.connection = connection

    async def recv(self):
        text = await self.connection.recv()
        self.note("in", text)
        return text

    async def send(self, text):
        self.note("out", text)
        await self.connection.send(text)

    async def close(self):
        await self.connection.close()

    @staticmethod
    def note(direction, text):
        frames[direction] += 1
        if not isinstance(text, str):
            violations.append(f"{direction}: a binary message")
        elif text.lstrip("[ \t\r\n").startswith("4"):
            violations.append(f"{direction}: {text}")


class Complaints(logging.Handler):
    """Everything `ocpp` logs as an error is a violation."""

    def emit(self, record):
        cause = f": {record.exc_info[1]!r}" if record.exc_info else ""
        violations.append(record.getMessage() + cause)


def watch_log():
    log = logging.getLogger("ocpp")
    log.addHandler(Complaints(level=logging.ERROR))
    log.propagate = False


def now():
    return datetime.now(timezone.utc).strftime("%Y-%m-%dT%H:%M:%S.000Z")


def tell(**facts):
    """One line for the test that started this script."""
    print(json.dumps(facts), flush=True)


def finish(**facts):
    """The last line, and the exit code."""
    tell(frames_in=frames["in"], frames_out=frames["out"], violations=violations[:20], **facts)
    sys.exit(1 if violations else 0)
