"""The API's own description against the running server: every answer conforms, and every operation succeeds.

    check_api.py DYNAMO SCHEMATHESIS

Starts `DYNAMO csms --demo`, makes what operations with an id need, and has SCHEMATHESIS try all of them with valid
credentials of each scheme. Ends with the line `operations: n, with 2xx: n, server errors: n, failures: n`, and with
an error where one of them is not as it must be.
"""

import collections
import json
import os
import pathlib
import signal
import subprocess
import sys
import tempfile
import time
import urllib.request
import xml.etree.ElementTree

from prometheus_client import parser as prometheus_parser
from prometheus_client.openmetrics import parser as openmetrics_parser
from websockets.sync.client import connect

CHECKS = (
    "not_a_server_error,status_code_conformance,content_type_conformance,response_headers_conformance,"
    "response_schema_conformance,unsupported_method,allow_header_conformance,ignored_auth,"
    "negative_data_rejection,valid_data_is_taken"
)
# Made-up requests per operation and phase. The clock ends nothing: a run that takes longer than this has failed.
EXAMPLES = 6
SECONDS_MAX = 300
# How many of what an operation uses up.
SPARE = 12


class Server:
    def __init__(self, dynamo, folder):
        self.dynamo = dynamo
        self.database = f"sqlite://{folder}/demo.db"
        self.log = open(folder / "log", "w")
        flags = ["--demo", "--http", "127.0.0.1:0", "--ocpp", "127.0.0.1:0", "--database", self.database]
        self.process = subprocess.Popen([dynamo, "csms", *flags], stdout=subprocess.PIPE, stderr=self.log, text=True)
        for line in self.process.stdout:
            if line.startswith("ready "):
                self.url = line.split("http=")[1].split()[0]
                self.ocpp = line.split("ocpp=")[1].split()[0]
                break
        else:
            sys.exit(f"the server did not start: {(folder / 'log').read_text()}")
        credentials = {"email": "installer@acme.com", "password": "s3cur3P@ssword!"}
        self.installer = self.post("installer/login", credentials, None)["token"]

    def post(self, path, body, token="YOUR_API_KEY"):
        headers = {"Content-Type": "application/json"}
        if token:
            headers["Authorization"] = f"Bearer {token}"
        data = b"" if body is None else json.dumps(body).encode()
        request = urllib.request.Request(f"{self.url}/api/v1/{path}", data, headers, method="POST")
        with urllib.request.urlopen(request) as answer:
            return json.load(answer)

    def mails(self):
        command = [self.dynamo, "csms", "admin", "outbox", "list", "--database", self.database]
        return subprocess.run(command, check=True, capture_output=True, text=True).stdout

    def stop(self):
        self.process.send_signal(signal.SIGTERM)
        return self.process.wait(20)


def left_open(server, point):
    """Transactions of a charge point that begins them and goes away: on each connector one."""
    now = time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime())
    numbers = []
    with connect(f"{server.ocpp}/ocpp16/{point}", subprotocols=["ocpp1.6"]) as socket:

        def call(action, payload):
            socket.send(json.dumps([2, f"{action}-{len(numbers)}", action, payload]))
            while True:
                frame = json.loads(socket.recv(timeout=20))
                if frame[0] == 3:
                    return frame[2]

        call("BootNotification", {"chargePointVendor": "V", "chargePointModel": "M"})
        for connector in range(1, SPARE + 1):
            start = {"connectorId": connector, "idTag": "RFID-USER-4A2F", "meterStart": 0, "timestamp": now}
            numbers.append(str(call("StartTransaction", start)["transactionId"]))
    return numbers


def pools(server):
    """Ids of things that are there for an operation alone: by operation, or by parameter for the rest."""
    installer, known = server.installer, {}
    place = {"name": "Spare", "address": "1 Spare St", "latitude": 51.0, "longitude": 0.0}
    sites = [server.post("sites", place)["id"] for _ in range(SPARE)]
    known["DELETE /api/v1/sites/{site_id}"] = {"site_id": sites[1:]}
    hooks = [server.post("webhooks", {"url": "https://example.com/", "events": ["transaction.started"]})["id"]
             for _ in range(SPARE)]
    known["DELETE /api/v1/webhooks/{id}"] = {"id": hooks}
    project = {"name": "Spare", "address": "1 Spare St"}
    projects = [server.post("installer/projects", project, installer)["id"] for _ in range(SPARE)]
    at = "/api/v1/installer/projects/{project_id}"
    known[f"POST {at}/complete-handover"] = {"project_id": projects[:4]}
    known[f"POST {at}/invite-site-owner"] = {"project_id": projects[4:8]}
    for number, one in enumerate(projects[8:]):
        invitation = {"email": f"owner-{number}@example.com", "message": "Yours"}
        server.post(f"installer/projects/{one}/invite-site-owner", invitation, installer)
    point = {"model": "M", "vendor": "V", "ocpp_version": "1.6", "location": place}
    points = [server.post("installer/charge-points", {**point, "serial_number": f"S-{number}"}, installer)["id"]
              for number in range(SPARE)]
    at = "/api/v1/installer/charge-points/{charge_point_id}"
    known[f"DELETE {at}"] = {"charge_point_id": points[1:]}
    spare = f"installer/charge-points/{points[0]}/certificates/generate"
    certificates = [server.post(spare, {"validity_days": 1}, installer)["certificate_id"] for _ in range(SPARE)]
    known[f"DELETE {at}/certificates/{{certificate_id}}"] = {
        "charge_point_id": [points[0]], "certificate_id": certificates,
    }
    known["POST /api/v1/ocpp16/transactions/{transaction_id}/close"] = {
        "transaction_id": left_open(server, points[0]),
    }
    started = "installer/commissioning/cp_01HX5P2QRSTUVWXYZ0/start"
    server.post(started, {}, installer)
    for way in ["GET /api/v1/installer/commissioning/{charge_point_id}/log",
                "GET /api/v1/installer/commissioning/{charge_point_id}/status"]:
        known[way] = {"charge_point_id": ["cp_01HX5P2QRSTUVWXYZ0"]}
    for way in ["GET /api/v1/chargepoints/{charge_point_id}/tariff"]:
        known[way] = {"charge_point_id": ["CPO-FLEET-099", "cp_001"]}
    guest = "guest_tok_01HXJ2K1L0M9N8O7"
    server.post(f"sessions/guest/{guest}/stop", None)
    for way in ["GET /api/v1/sessions/guest/{session_token}/status", "POST /api/v1/sessions/guest/{session_token}/stop",
                "GET /api/v1/sessions/guest/{session_token}/receipt"]:
        known[way] = {"session_token": [guest]}
    known["*"] = {
        "charge_point_id": ["CP-SITE42-001", "CP-SITE42-002"],
        "project_id": ["proj_8c2f4e1a"],
        "site_id": [sites[0]],
    }
    return known


def figures(server):
    """The figures of both formats, as the parsers of Prometheus read them; they must be the same families."""
    read = {}
    for accept, parse in (
        ("text/plain", prometheus_parser.text_string_to_metric_families),
        ("application/openmetrics-text; version=1.0.0", openmetrics_parser.text_string_to_metric_families),
    ):
        request = urllib.request.Request(f"{server.url}/metrics", headers={"Accept": accept})
        with urllib.request.urlopen(request) as answer:
            if not answer.headers["Content-Type"].startswith(accept.split(";")[0]):
                sys.exit(f"{accept} was asked for, and {answer.headers['Content-Type']} came")
            families = list(parse(answer.read().decode()))
        read[accept] = {sample.name for family in families for sample in family.samples}
        without = [family.name for family in families if not family.documentation or family.type == "unknown"]
        if without:
            sys.exit(f"figures that do not say what they are: {without}")
    plain, open_metrics = read.values()
    if plain != open_metrics or not plain:
        sys.exit(f"not the same figures in both formats: {plain ^ open_metrics}")
    print(f"figures: {len(plain)}")


def main(dynamo, schemathesis):
    with tempfile.TemporaryDirectory() as folder:
        check(dynamo, schemathesis, pathlib.Path(folder))


def check(dynamo, schemathesis, folder):
    server = Server(dynamo, folder)
    try:
        (folder / "pools.json").write_text(json.dumps({"pools": pools(server), "mails": server.mails()}))
        (folder / "schemathesis.toml").write_text(
            "[auth.openapi.apiKey]\napi_key = 'YOUR_API_KEY'\n"
            f"[auth.openapi.installer]\nbearer = '{server.installer}'\n"
        )
        environment = dict(
            os.environ, API_CHECK=str(folder), SCHEMATHESIS_HOOKS="api_hooks",
            PYTHONPATH=str(pathlib.Path(__file__).parent), PYTHONDONTWRITEBYTECODE="1",
        )
        command = [
            schemathesis, "--config-file", str(folder / "schemathesis.toml"), "run", f"{server.url}/openapi.json",
            "--checks", CHECKS, "--phases", "examples,coverage,fuzzing", "--max-examples", str(EXAMPLES),
            "--seed", "42", "--continue-on-failure", "--generation-database", "none",
            "--suppress-health-check", "all", "--warnings", "off", "--report", "junit",
            "--report-junit-path", str(folder / "junit.xml"), "--no-color",
        ]
        print(" ".join(command), flush=True)
        begun = time.monotonic()
        try:
            ran = subprocess.run(
                command, env=environment, cwd=folder, stdout=subprocess.PIPE, text=True, timeout=SECONDS_MAX,
            )
        except subprocess.TimeoutExpired:
            sys.exit(f"schemathesis did not end within {SECONDS_MAX} s: not every operation was tried")
        took = time.monotonic() - begun
        description = json.load(urllib.request.urlopen(f"{server.url}/openapi.json"))
        figures(server)
    finally:
        ended = server.stop()
    methods = ("get", "post", "put", "patch", "delete")
    operations = {
        f"{method.upper()} {path}" for path, all in description["paths"].items() for method in all if method in methods
    }
    answers = collections.Counter()
    for line in (folder / "calls.jsonl").read_text().splitlines():
        call = json.loads(line)
        answers[call["operation"], call["status"]] += 1
    succeeded = {operation for operation, status in answers if 200 <= status < 300} & operations
    errors = sum(count for (_, status), count in answers.items() if status >= 500)
    suites = xml.etree.ElementTree.parse(folder / "junit.xml").iter("testsuite")
    failures = sum(int(suite.get("failures", 0)) + int(suite.get("errors", 0)) for suite in suites)
    if ran.returncode or failures:
        print(ran.stdout)
    for operation in sorted(operations - succeeded):
        seen = {status: count for (one, status), count in sorted(answers.items()) if one == operation}
        print(f"never 2xx: {operation} {seen}")
    print(f"calls: {sum(answers.values())} in {took:.0f} s")
    print(
        f"operations: {len(operations)}, with 2xx: {len(succeeded)}, server errors: {errors}, failures: {failures}"
    )
    if ran.returncode or ended or errors or failures or operations != succeeded:
        sys.exit(1)


if __name__ == "__main__":
    main(*sys.argv[1:])
