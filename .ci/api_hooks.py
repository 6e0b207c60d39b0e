"""What schemathesis cannot know: ids of things that are there, and words that are used once."""

import itertools
import json
import os
import pathlib
import re

import schemathesis

FOLDER = pathlib.Path(os.environ["API_CHECK"])
KNOWN = json.loads((FOLDER / "pools.json").read_text())
POOLS = {way: {name: itertools.cycle(ids) for name, ids in of.items()} for way, of in KNOWN["pools"].items()}
TOKENS = iter(sorted(set(re.findall(r"token=([A-Z0-9]{40})", KNOWN["mails"]))))
POINTS = itertools.cycle(["CP-SITE42-001", "CP-SITE42-002", "CPO-FLEET-099", "cp_001"])
CALLS = open(FOLDER / "calls.jsonl", "a", buffering=1)
NUMBER = itertools.count()
TURN = {}


@schemathesis.hook
def before_call(context, case, kwargs):
    label = case.operation.label
    turn = TURN[label] = TURN.get(label, -1) + 1
    # Some stay as they were made: what nobody knows is tried too.
    if turn % 4 == 3:
        return
    for name in case.path_parameters or {}:
        pool = POOLS.get(label, {}).get(name) or POOLS["*"].get(name)
        if pool:
            case.path_parameters[name] = next(pool)
    body = case.body
    if not isinstance(body, dict):
        return
    if "/ocpp16/" in label and isinstance(body.get("charge_point_id"), str):
        body["charge_point_id"] = next(POINTS)
    if label == "POST /api/v1/ocpp16/remote_stop_transaction" and turn < 3:
        body.update(charge_point_id="CP-SITE42-001", transaction_id=10042)
    if label == "POST /api/v1/sessions/guest/authorize" and turn < 3:
        body.update(charge_point_id="cp_001", connector_id=1, payment_method_id="pm_card")
    if label == "POST /api/v1/installer/signup" and turn % 2 == 0:
        body["email"] = f"installer-{next(NUMBER)}@example.com"
        body.pop("organization_id", None)
    if label in ("POST /api/v1/chargepoints", "POST /api/v1/installer/charge-points", "POST /api/v1/installer/projects"):
        for name in ("charge_point_id", "id", "site_id"):
            body.pop(name, None)
        if "project_id" in body:
            body["project_id"] = "proj_8c2f4e1a"
    if label == "POST /api/v1/invitations/accept" and turn % 2 == 0:
        body["token"] = next(TOKENS, body.get("token"))


# Why data that its schema allows may be refused all the same: what a schema does not say.
RULES = re.compile("|".join((
    "there is (none|no site|no project) of this id", "the charge point has no such connector",  # refers to nothing
    "it is required beside the other", "the key is there twice",  # depends on other members
    "the connectors are to be numbered from 1", "all of them are to be listed",  # the same, and on what is there
    "it cannot be changed",  # depends on what is there
    "it is in the past",  # depends on the clock
    # Characters of texts, and how long the elements of a list are.
    "it has control characters", "a charge point identity cannot contain", "a key has 1 to 50 characters",
    r"^id_tags\[\d+\]: length is lower than 1",
    # Numbers: 5.0 is an integer for a schema, and decimals are written as numbers.
    r"invalid type: floating point `-?\d+\.0`",
    "it can have 10 digits after the point", "it has more digits than can be kept",
    r"^location\.(latitude|longitude): it is required",  # for a new one; the schema is that of a change too
    r"is wanted \[1\.6 §9\]",  # keys of the standard have types
    "a transaction is started with a TxProfile", "a ChargePointMaxProfile is for connector 0",  # OCPP 1.6
    "is not an RFC 3339 date-time", "is no command that OCPP 1.6",
    # Words for a status are taken in either case, and OCPI's are taken too.
    "available, occupied or offline is wanted", "one of Available, .* is wanted",
)))


@schemathesis.check
def valid_data_is_taken(context, response, case):
    """A request that its schema allows is not called invalid, but for one of the rules."""
    meta = case.meta
    if response.status_code != 400 or meta is None or meta.generation.mode is not schemathesis.GenerationMode.POSITIVE:
        return
    for detail in response.json()["details"]:
        wrong = f"{detail['field']}: {detail['reason']}"
        if not RULES.search(wrong):
            raise AssertionError(f"valid data is refused: {wrong}")


@schemathesis.hook
def after_call(context, case, response):
    CALLS.write(json.dumps({"operation": case.operation.label, "status": response.status_code}) + "\n")
