"""The judge against systems that are not ours: `check_witnesses.py DYNAMO [--all | NAME…]`.

Needs the Python packages `ocpp` and `websockets`. A CSMS and a charge point of `tests/witnesses`, which keep to the
standard, have to pass every scenario that applies to them; their defects have to be found by the scenarios that are
meant for them, and their liberties by none. `.ci/run` tries some defects and liberties, `--all` tries all of them, with
NAMEs it is these alone. What the judge gets wrong today is marked where it is defined: it is told, not demanded.
Everything runs side by side: the machine mostly waits. Ends with the line `foreign witnesses: …`.
"""

import argparse
import concurrent.futures
import json
import pathlib
import re
import socket
import subprocess
import sys
import tempfile
import time

sys.dont_write_bytecode = True
WITNESSES = pathlib.Path(__file__).resolve().parent.parent / "tests" / "witnesses"
sys.path.insert(0, str(WITNESSES))
import charge_point  # noqa: E402, F401
import csms  # noqa: E402, F401
from variants import CHARGE_POINT, CSMS  # noqa: E402

FORMS = {"csms": CSMS, "charge point": CHARGE_POINT}
# The scenarios of a charge point come one after the other; each part has a witness of its own.
PARTS = (
    "@offline",
    "@start",
    "@boot or @remote-start or @line or @configuration",
    "not (@offline or @start or @boot or @remote-start or @line or @configuration)",
)
# The witnesses are quick: what has not come by then does not come.
HASTE = ["--timeout", "6s", "--settle", "1s", "--reboot-timeout", "20s"]
AT_ONCE = 8
SECONDS_MAX = 600
# The exit code where nothing failed, and something was not run.
INCOMPLETE = 3
QUIET = ("not_run", "not_applicable")


class Witness:
    """A witness that runs; the end of its input ends it."""

    def __init__(self, *command):
        self.process = subprocess.Popen(
            [sys.executable, "-B", *command], cwd=WITNESSES, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
        )
        line = self.process.stdout.readline()
        self.ready = dict(re.findall(r"(\w+)=(\S+)", line))
        if not line.startswith("ready "):
            raise RuntimeError(f"{' '.join(command)} did not start")

    def __enter__(self):
        return self.ready

    def __exit__(self, *_):
        self.process.stdin.close()
        self.process.wait(10)


def free_port():
    with socket.socket() as chosen:
        chosen.bind(("127.0.0.1", 0))
        return chosen.getsockname()[1]


def capabilities(folder, changes):
    """The capabilities of the charge point, with those changed that a liberty has otherwise."""
    text = (WITNESSES / "capabilities.yaml").read_text()
    for name, value in changes.items():
        text = re.sub(rf"(?m)^(  {name}:) .*$", rf"\1 {json.dumps(value)}", text)
    path = pathlib.Path(folder) / "capabilities.yaml"
    path.write_text(text)
    return path


class Run:
    """One run of the judge before one form of a witness: `kind` is "defect", "liberty" or None for the right one."""

    def __init__(self, dynamo, side, kind=None, name=None, form=None, tags=None):
        self.dynamo, self.side, self.kind, self.name, self.form = dynamo, side, kind, name, form
        self.tags = tags
        self.title = (f"{side}, {kind} {name}" if kind else side) + (f" ({tags})" if tags else "")
        self.scenarios, self.exit_code, self.said, self.seconds = [], None, "", 0

    def judge(self, folder, arguments):
        report = pathlib.Path(folder) / "report.json"
        arguments = [self.dynamo, "conformance", *arguments, *HASTE, "--report", report]
        if self.tags:
            arguments += ["--tags", self.tags]
        done = subprocess.run(arguments, capture_output=True, text=True, timeout=SECONDS_MAX)
        self.exit_code, self.said = done.returncode, done.stdout + done.stderr
        if report.exists():
            self.scenarios = json.loads(report.read_text())["scenarios"]

    def go(self):
        begun = time.monotonic()
        try:
            self.play()
        except (RuntimeError, subprocess.TimeoutExpired) as error:
            self.said += str(error)
        self.seconds = time.monotonic() - begun
        return self

    def play(self):
        form = [f"--{self.kind}", self.name] if self.kind else []
        with tempfile.TemporaryDirectory() as folder:
            if self.side == "csms":
                with Witness("csms.py", *form) as ready:
                    self.judge(folder, [
                        "--sut", "csms", "--url", ready["ocpp"], "--driver", ready["driver"],
                        "--blocked-id-tag", "BLOCKED-TAG", "--expired-id-tag", "EXPIRED-TAG",
                    ])
            else:
                listener = f"127.0.0.1:{free_port()}"
                with Witness("charge_point.py", *form, f"ws://{listener}", "WITNESS-1") as ready:
                    self.judge(folder, [
                        "--sut", "charge-point", "--listen", listener, "--charge-point-id", "WITNESS-1",
                        "--operator", ready["operator"],
                        "--capabilities", capabilities(folder, getattr(self.form, "capabilities", {})),
                    ])

    def names(self, *statuses):
        return [one["name"] for one in self.scenarios if one["status"] in statuses]

    @property
    def is_caught(self):
        """By the scenario that is meant for it."""
        if self.form.warned:
            return self.form.caught_by in self.names("warned", "failed")
        return self.exit_code == 1 and self.form.caught_by in self.names("failed")

    @property
    def is_green(self):
        """A liberty may leave something out, which the judge tells as not run."""
        codes = (0, INCOMPLETE) if self.kind == "liberty" else (0,)
        return self.exit_code in codes and bool(self.names("passed"))

    @property
    def is_as_marked(self):
        """What is wrong on the side of the judge is marked at the form."""
        if self.kind == "defect":
            return self.is_caught if self.form.caught_by else self.is_green
        return self.is_green or (self.kind == "liberty" and self.form.blamed)

    def tell(self):
        """Says what came of it; what is wrong with that, if anything."""
        counts = ", ".join(
            f"{len(self.names(status))} {status.replace('_', ' ')}"
            for status in ("passed", "warned", "failed", *QUIET) if self.names(status)
        )
        print(f"{self.seconds:5.0f} s  {self.title}: {len(self.scenarios)} scenarios, {counts or 'none ran'}")
        for one in self.scenarios:
            is_told = one["status"] == "failed" and self.kind != "defect"
            if is_told or (one["status"] in QUIET and self.kind is None):
                print(f"           {one['status'].replace('_', ' ')}: {one['name']}: {one['reason']}")
        if self.kind == "defect" and self.form.caught_by is None:
            print("           no scenario is meant for it")
        sys.stdout.flush()
        return self.wrong()

    def wrong(self):
        if self.is_as_marked:
            return None
        if self.kind == "defect" and self.form.caught_by:
            wanted = f'"{self.form.caught_by}" has to {"warn" if self.form.warned else "fail"}'
        elif self.kind == "defect":
            wanted = "no scenario is meant for it, and one fails"
        else:
            wanted = "it is right"
        return f"{self.title}: {wanted} (exit code {self.exit_code})\n{self.said}"


def right_ones(dynamo):
    return [Run(dynamo, "charge point", tags=part) for part in PARTS] + [Run(dynamo, "csms")]


def others(dynamo, is_wanted, is_whole):
    """Their runs; `is_whole` has a liberty tried with all scenarios."""
    for side, forms in FORMS.items():
        for name, form in forms.defects.items():
            if is_wanted(name, form):
                yield Run(dynamo, side, "defect", name, form, form.tags)
        for name, form in forms.liberties.items():
            if is_wanted(name, form):
                parts = [form.in_ci] if not is_whole else [None] if side == "csms" else PARTS
                yield from (Run(dynamo, side, "liberty", name, form, part) for part in parts)


def tally(runs):
    right = [run for run in runs if run.kind is None]
    passed = sum(len(run.names("passed", "warned")) for run in right)
    skipped = sum(len(run.names("not_applicable")) for run in right)
    demanded = [run for run in runs if run.kind == "defect" and run.form.caught_by]
    liberties = [run for run in runs if run.kind == "liberty"]
    return (
        f"{passed} of {sum(len(run.scenarios) for run in right)} scenarios passed, {skipped} do not apply; "
        f"{sum(run.is_caught for run in demanded)} of {len(demanded)} defects caught, "
        f"{sum(run.is_green for run in liberties)} of {len(liberties)} runs of liberties green"
    )


def main():
    parser = argparse.ArgumentParser(description="The judge against systems that are not ours.")
    parser.add_argument("dynamo")
    parser.add_argument("names", nargs="*", metavar="NAME")
    parser.add_argument("--all", action="store_true")
    parser.add_argument("--at-once", type=int, default=AT_ONCE)
    arguments = parser.parse_intermixed_args()
    dynamo = str(pathlib.Path(arguments.dynamo).resolve())
    if arguments.names:
        runs = list(others(dynamo, lambda name, _: name in arguments.names, True))
    else:
        runs = right_ones(dynamo) + list(others(dynamo, lambda _, form: arguments.all or form.in_ci, arguments.all))
    with concurrent.futures.ThreadPoolExecutor(arguments.at_once) as pool:
        played = concurrent.futures.as_completed([pool.submit(run.go) for run in runs])
        wrong = [text for text in (one.result().tell() for one in played) if text]
    print(f"foreign witnesses: {tally(runs)}")
    if wrong or not runs:
        sys.exit("\n".join(wrong) or "nothing was run")


if __name__ == "__main__":
    main()
