"""The judge against systems that are not ours: `check_witnesses.py DYNAMO`.

Needs the Python packages `ocpp` and `websockets`. A CSMS and a charge point of `tests/witnesses`, which keep to the
standard, have to pass every scenario that applies to them; their defects have to be found by the scenarios that are
meant for them. Everything runs side by side: the machine mostly waits. Ends with the line `foreign witnesses: …`.
"""

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
import charge_point
import csms

# The scenarios of a charge point come one after the other; each part has a witness of its own.
PARTS = (
    "@offline",
    "@start",
    "@boot or @remote-start or @line or @configuration",
    "not (@offline or @start or @boot or @remote-start or @line or @configuration)",
)
# The witnesses are quick: what has not come by then does not come.
HASTE = ["--timeout", "6s", "--settle", "1s", "--reboot-timeout", "20s"]
SECONDS_MAX = 300


class Witness:
    """A witness that runs; the end of its input ends it."""

    def __init__(self, *command):
        self.process = subprocess.Popen(
            [sys.executable, "-B", *command], cwd=WITNESSES, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
        )
        line = self.process.stdout.readline()
        self.ready = dict(re.findall(r"(\w+)=(\S+)", line))
        if not line.startswith("ready "):
            sys.exit(f"{' '.join(command)} did not start")

    def __enter__(self):
        return self.ready

    def __exit__(self, *_):
        self.process.stdin.close()
        self.process.wait(10)


def free_port():
    with socket.socket() as chosen:
        chosen.bind(("127.0.0.1", 0))
        return chosen.getsockname()[1]


class Run:
    """One run of the judge before a witness."""

    def __init__(self, dynamo, name, defect=None, tags=None):
        self.dynamo, self.name, self.defect, self.tags = dynamo, name, defect, tags
        self.title = f"{name} with {defect}" if defect else f"{name}, {tags or 'all'}"
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
        form = ["--defect", self.defect] if self.defect else []
        with tempfile.TemporaryDirectory() as folder:
            if self.name == "csms":
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
                        "--operator", ready["operator"], "--capabilities", WITNESSES / "capabilities.yaml",
                    ])
        self.seconds = time.monotonic() - begun
        return self

    def names(self, status):
        return [one["name"] for one in self.scenarios if one["status"] == status]

    def tell(self):
        """Says what came of it; what is wrong with that, if anything."""
        counts = ", ".join(
            f"{len(self.names(status))} {status.replace('_', ' ')}"
            for status in ("passed", "warned", "failed", "not_run", "not_applicable") if self.names(status)
        )
        print(f"{self.seconds:5.0f} s  {self.title}: {len(self.scenarios)} scenarios, {counts or 'none ran'}")
        for one in self.scenarios:
            if one["status"] in ("not_run", "not_applicable") or (one["status"] == "failed" and not self.defect):
                print(f"           {one['status'].replace('_', ' ')}: {one['name']}: {one['reason']}")
        return self.wrong()

    def wrong(self):
        if self.defect:
            form = (csms if self.name == "csms" else charge_point).defect.forms[self.defect]
            if self.exit_code == 1 and form.caught_by in self.names("failed"):
                return None
            return f"{self.title} was not caught by \"{form.caught_by}\" (exit code {self.exit_code})\n{self.said}"
        if self.exit_code == 0 and self.names("passed"):
            return None
        return f"{self.title}: exit code {self.exit_code}\n{self.said}"


def main(dynamo):
    dynamo = str(pathlib.Path(dynamo).resolve())
    runs = [Run(dynamo, "charge point", tags=part) for part in PARTS] + [Run(dynamo, "csms")]
    for name, module in (("csms", csms), ("charge point", charge_point)):
        runs += [Run(dynamo, name, defect, form.tags) for defect, form in module.defect.forms.items() if form.in_ci]
    with concurrent.futures.ThreadPoolExecutor(len(PARTS) + 2) as pool:
        wrong = [text for text in (run.tell() for run in pool.map(Run.go, runs)) if text]
    judged = [run for run in runs if not run.defect]
    passed = sum(len(run.names("passed")) + len(run.names("warned")) for run in judged)
    skipped = sum(len(run.names("not_applicable")) for run in judged)
    scenarios = sum(len(run.scenarios) for run in judged)
    caught = sum(1 for run in runs if run.defect and not run.wrong())
    print(
        f"foreign witnesses: {passed} of {scenarios} scenarios passed, {skipped} do not apply; "
        f"{caught} of {len(runs) - len(judged)} defects caught"
    )
    if wrong:
        sys.exit("\n".join(wrong))


if __name__ == "__main__":
    main(*sys.argv[1:])
