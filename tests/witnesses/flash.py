"""What the witness charge point keeps over a restart: its settings, and what it owes the CSMS."""

import json
import re
from dataclasses import dataclass, field

ENERGY = "Energy.Active.Import.Register"
UNITS = {ENERGY: "Wh", "Power.Active.Import": "W", "Voltage": "V", "Current.Import": "A"}


def is_whole(value):
    return re.fullmatch(r"[0-9]{1,9}", value) is not None


def is_yes_or_no(value):
    return value.lower() in ("true", "false")


def are_measurands(value):
    return value == "" or all(one.strip() in UNITS for one in value.split(","))


def is_rotation(value):
    return all(re.fullmatch(r"\s*(\d+\.)?(NotApplicable|Unknown|[RST]{3})\s*", one) for one in value.split(","))


# What can be set: how a value is checked, None where it is only read, and what it is when new [1.6 §9.1, §9.4].
KEYS = {
    "AuthorizationCacheEnabled": (is_yes_or_no, "true"),
    "AuthorizeRemoteTxRequests": (is_yes_or_no, "true"),
    "ClockAlignedDataInterval": (is_whole, "0"),
    "ConnectionTimeOut": (is_whole, "60"),
    "ConnectorPhaseRotation": (is_rotation, "0.RST,1.RST,2.RST"),
    "GetConfigurationMaxKeys": (None, "40"),
    "HeartbeatInterval": (is_whole, "300"),
    "LocalAuthorizeOffline": (is_yes_or_no, "true"),
    "LocalPreAuthorize": (is_yes_or_no, "false"),
    "MeterValueSampleInterval": (is_whole, "60"),
    "MeterValuesAlignedData": (are_measurands, ENERGY),
    "MeterValuesSampledData": (are_measurands, f"{ENERGY},Power.Active.Import"),
    "NumberOfConnectors": (None, "2"),
    "ResetRetries": (is_whole, "0"),
    "StopTransactionOnEVSideDisconnect": (is_yes_or_no, "true"),
    "StopTransactionOnInvalidId": (is_yes_or_no, "true"),
    "StopTxnAlignedData": (are_measurands, ""),
    "StopTxnSampledData": (are_measurands, ""),
    "SupportedFeatureProfiles": (None, "Core,RemoteTrigger"),
    "TransactionMessageAttempts": (is_whole, "3"),
    "TransactionMessageRetryInterval": (is_whole, "10"),
    "UnlockConnectorOnEVSideDisconnect": (is_yes_or_no, "true"),
}


@dataclass
class Flash:
    """What outlives a restart. Nothing in it is shared with what does not."""

    settings: dict
    # Of the charge point as a whole ("0") and of each connector.
    operative: dict
    # What a connector that is in use will be when its session is over.
    scheduled: dict = field(default_factory=dict)
    cache: dict = field(default_factory=dict)
    # The session of each connector.
    sessions: dict = field(default_factory=dict)
    # Messages of transactions that the CSMS has not acknowledged, oldest first.
    queue: list = field(default_factory=list)
    # The id that the CSMS gave to a session, by the number that the charge point has for it.
    transactions: dict = field(default_factory=dict)
    # Whose cable is held, by connector.
    held_for: dict = field(default_factory=dict)
    # Settings that count after the next restart.
    waiting: dict = field(default_factory=dict)
    serial: int = 0

    def reread(self):
        """As it is found after a power cut."""
        return type(self)(**json.loads(json.dumps(self.__dict__)))

    @classmethod
    def new(cls, keys, connectors):
        """As it leaves the factory."""
        return cls(
            settings={key: value for key, (_, value) in keys.items()},
            operative={str(number): True for number in (0, *connectors)},
        )
