"""The API's own description against foreign tools: it is valid, and a client that is made of it works.

    check_client.py DYNAMO

Needs the Python packages openapi-spec-validator and openapi-python-client. Starts `DYNAMO csms --demo`, has its
description checked and a client generated, and with that client alone logs in, starts a guest's session at a charge
point that is there, watches it, and stops it. Ends with the line `operations in the client: n of n`.
"""

import importlib
import json
import pathlib
import subprocess
import sys
import tempfile
import time
import urllib.request

sys.dont_write_bytecode = True
from check_api import Server

# A car is plugged in there, at connector 1.
POINT = "cp_001"
PATIENCE_SECONDS = 60


def generate(folder, description):
    (folder / "openapi.json").write_text(json.dumps(description))
    # The answers that are no JSON: a receipt, and a certificate.
    settings = {
        "project_name_override": "client", "package_name_override": "dynamo_client",
        "content_type_overrides": {
            "application/pdf": "application/octet-stream", "application/x-pem-file": "application/octet-stream",
        },
        "post_hooks": [],
    }
    (folder / "settings.json").write_text(json.dumps(settings))
    subprocess.run(
        [sys.executable, "-m", "openapi_spec_validator", "--validation-errors", "all", folder / "openapi.json"], check=True
    )
    made = subprocess.run(
        [sys.executable, "-m", "openapi_python_client", "generate", "--path", folder / "openapi.json", "--output-path",
         folder / "dynamo_client", "--meta", "none", "--config", folder / "settings.json", "--fail-on-warning"],
        capture_output=True, text=True,
    )
    if made.returncode:
        sys.exit(made.stdout + made.stderr)


def until(what, seen):
    """Asks again until there is an answer; the fleet behind the demo needs a moment."""
    ends = time.monotonic() + PATIENCE_SECONDS
    while time.monotonic() < ends:
        found = seen()
        if found:
            return found
        time.sleep(0.2)
    sys.exit(f"{what}: not within {PATIENCE_SECONDS} s")


def use(folder, url):
    sys.path.insert(0, str(folder))
    package = importlib.import_module("dynamo_client")
    models = importlib.import_module("dynamo_client.models")

    def call(tag, name, **arguments):
        answer = importlib.import_module(f"dynamo_client.api.{tag}.{name}").sync_detailed(**arguments)
        if answer.status_code >= 300:
            print(f"{name}: {answer.status_code} {answer.content.decode()}")
            return None
        return answer.parsed

    body = models.LogIn(email="installer@acme.com", password="s3cur3P@ssword!")
    token = call("installers", "post_installer_login", client=package.Client(base_url=url), body=body).token
    installer = package.AuthenticatedClient(base_url=url, token=token)
    known = call("charge_points_of_installers", "get_installer_charge_points", client=installer)
    print(f"the installer has {known.total} charge points")
    operator = package.AuthenticatedClient(base_url=url, token="YOUR_API_KEY", prefix="", auth_header_name="X-API-Key")
    guests = "guest_sessions"
    body = models.GuestAuthorization(charge_point_id=POINT, connector_id=1, payment_method_id="pm_card")
    started = until(
        "a session", lambda: call(guests, "post_sessions_guest_authorize", client=operator, body=body),
    )
    token = started.session_token

    def status():
        found = call(guests, "get_sessions_guest_status", client=operator, session_token=token)
        print(f"the session is {found.status}, {found.energy_kwh} kWh so far")
        return found

    until("energy", lambda: status().status == "charging")
    stopped = until("a stop", lambda: call(guests, "post_sessions_guest_stop", client=operator, session_token=token))
    print(f"the session was {stopped.status} with {stopped.energy_kwh} kWh")
    until("the end", lambda: status().status == "stopped")


def main(dynamo):
    with tempfile.TemporaryDirectory() as name:
        folder = pathlib.Path(name)
        server = Server(dynamo, folder)
        try:
            with urllib.request.urlopen(f"{server.url}/openapi.json") as answer:
                description = json.load(answer)
            generate(folder, description)
            use(folder, server.url)
        finally:
            ended = server.stop()
        methods = ("get", "post", "put", "patch", "delete")
        wanted = sum(method in methods for item in description["paths"].values() for method in item)
        made = len([one for one in (folder / "dynamo_client" / "api").glob("*/*.py") if one.name != "__init__.py"])
        print(f"operations in the client: {made} of {wanted}")
        if made != wanted or ended:
            sys.exit(1)


if __name__ == "__main__":
    main(*sys.argv[1:])
