@api
Feature: Commands that have an operation of their own

  Scenario Outline: <command> goes out as <action>
    Given a connected charge point of the organization
    And the time in 1 hour is called {expiry}
    And it answers <action> with the status Accepted
    When the organization sends POST /api/v1/ocpp16/<command>
      """
      {"charge_point_id": "{charge point}", <fields>}
      """
    Then the answer is 200
    And its JSON contains
      """
      {"charge_point_id": "{charge point}", "status": "Accepted", "sent_at": "(a time)", "response_time_ms": "(a number)"}
      """
    And it receives <action> with
      """
      <payload>
      """

    Examples:
      | command                  | action                 | fields | payload |
      | remote_start_transaction | RemoteStartTransaction | "id_tag": "{tag}", "connector_id": 1 | {"idTag": "{tag}", "connectorId": 1} |
      | remote_stop_transaction  | RemoteStopTransaction  | "transaction_id": 10042 | {"transactionId": 10042} |
      | change_availability      | ChangeAvailability     | "connector_id": 0, "type": "Inoperative" | {"connectorId": 0, "type": "Inoperative"} |
      | set_charging_profile     | SetChargingProfile     | "connector_id": 1, "charging_profile": {"chargingProfileId": 7, "stackLevel": 0, "chargingProfilePurpose": "TxDefaultProfile", "chargingProfileKind": "Relative", "chargingSchedule": {"chargingRateUnit": "A", "chargingSchedulePeriod": [{"startPeriod": 0, "limit": 16}]}} | {"connectorId": 1, "csChargingProfiles": {"chargingProfileId": 7, "stackLevel": 0, "chargingProfilePurpose": "TxDefaultProfile", "chargingProfileKind": "Relative", "chargingSchedule": {"chargingRateUnit": "A", "chargingSchedulePeriod": [{"startPeriod": 0, "limit": 16}]}}} |
      | clear_charging_profile   | ClearChargingProfile   | "id": 7, "connector_id": 1 | {"id": 7, "connectorId": 1} |
      | reset                    | Reset                  | "type": "Soft" | {"type": "Soft"} |
      | trigger_message          | TriggerMessage         | "requested_message": "StatusNotification", "connector_id": 1 | {"requestedMessage": "StatusNotification", "connectorId": 1} |
      | reserve_now              | ReserveNow             | "connector_id": 1, "expiry_date": "{expiry}", "id_tag": "{tag}", "reservation_id": 9 | {"connectorId": 1, "expiryDate": "{expiry}", "idTag": "{tag}", "reservationId": 9} |
      | cancel_reservation       | CancelReservation      | "reservation_id": 9 | {"reservationId": 9} |

  Scenario Outline: <command> that the charge point rejects
    Given a connected charge point of the organization
    And it answers <action> with the status Rejected
    When the organization sends POST /api/v1/ocpp16/<command>
      """
      {"charge_point_id": "{charge point}", <fields>}
      """
    Then the answer is 422
    And the error has the code ocpp_rejected
    And its JSON contains
      """
      {"status": "Rejected", "charge_point_id": "{charge point}", "sent_at": "(a time)"}
      """
    And it receives <action>

    Examples:
      | command                  | action                 | fields |
      | remote_start_transaction | RemoteStartTransaction | "id_tag": "{tag}" |
      | remote_stop_transaction  | RemoteStopTransaction  | "transaction_id": 10042 |
      | change_availability      | ChangeAvailability     | "connector_id": 0, "type": "Operative" |
      | set_charging_profile     | SetChargingProfile     | "connector_id": 1, "charging_profile": {"chargingProfileId": 7, "stackLevel": 0, "chargingProfilePurpose": "TxDefaultProfile", "chargingProfileKind": "Relative", "chargingSchedule": {"chargingRateUnit": "A", "chargingSchedulePeriod": [{"startPeriod": 0, "limit": 16}]}} |
      | reset                    | Reset                  | "type": "Hard" |
      | trigger_message          | TriggerMessage         | "requested_message": "Heartbeat" |
      | reserve_now              | ReserveNow             | "connector_id": 1, "expiry_date": "{now + 1 hour}", "id_tag": "{tag}", "reservation_id": 9 |
      | cancel_reservation       | CancelReservation      | "reservation_id": 9 |

  Scenario: What is neither accepted nor rejected is an answer
    Given a connected charge point of the organization
    And it answers ClearChargingProfile with the status Unknown
    When the organization sends POST /api/v1/ocpp16/clear_charging_profile
      """
      {"charge_point_id": "{charge point}"}
      """
    Then the answer is 200
    And its JSON contains
      """
      {"status": "Unknown"}
      """
    And it receives ClearChargingProfile

  Scenario: A charge point that cannot do it
    Given a connected charge point of the organization
    And it answers ReserveNow with the error NotSupported
    When the organization sends POST /api/v1/ocpp16/reserve_now
      """
      {"charge_point_id": "{charge point}", "connector_id": 1, "expiry_date": "{now + 1 hour}", "id_tag": "{tag}",
       "reservation_id": 9}
      """
    Then the answer is 422
    And the error has the code ocpp_rejected
    And its JSON contains
      """
      {"status": "NotSupported"}
      """
    And it receives ReserveNow

  Scenario Outline: <command> to a charge point that is offline
    Given a charge point of the organization that is offline
    When the organization sends POST /api/v1/ocpp16/<command>
      """
      {"charge_point_id": "{charge point}", <fields>}
      """
    Then the answer is 422
    And the error has the code charge_point_offline

    Examples:
      | command                  | fields |
      | remote_start_transaction | "id_tag": "{tag}" |
      | remote_stop_transaction  | "transaction_id": 10042 |
      | change_availability      | "connector_id": 0, "type": "Operative" |
      | set_charging_profile     | "connector_id": 1, "charging_profile": {"chargingProfileId": 7, "stackLevel": 0, "chargingProfilePurpose": "TxDefaultProfile", "chargingProfileKind": "Relative", "chargingSchedule": {"chargingRateUnit": "A", "chargingSchedulePeriod": [{"startPeriod": 0, "limit": 16}]}} |
      | clear_charging_profile   | "id": 7 |
      | reset                    | "type": "Hard" |
      | trigger_message          | "requested_message": "Heartbeat" |
      | reserve_now              | "connector_id": 1, "expiry_date": "{now + 1 hour}", "id_tag": "{tag}", "reservation_id": 9 |
      | cancel_reservation       | "reservation_id": 9 |

  Scenario Outline: <command> that is not answered in time
    Given a CSMS that waits 1 second for the answer to a command
    And a connected charge point of the organization
    And it never answers <action>
    When the organization sends POST /api/v1/ocpp16/<command>
      """
      {"charge_point_id": "{charge point}", <fields>}
      """
    Then the answer is 408
    And the error has the code timeout
    And it receives <action>

    Examples:
      | command                  | action                 | fields |
      | remote_start_transaction | RemoteStartTransaction | "id_tag": "{tag}" |
      | remote_stop_transaction  | RemoteStopTransaction  | "transaction_id": 10042 |
      | change_availability      | ChangeAvailability     | "connector_id": 0, "type": "Operative" |
      | set_charging_profile     | SetChargingProfile     | "connector_id": 1, "charging_profile": {"chargingProfileId": 7, "stackLevel": 0, "chargingProfilePurpose": "TxDefaultProfile", "chargingProfileKind": "Relative", "chargingSchedule": {"chargingRateUnit": "A", "chargingSchedulePeriod": [{"startPeriod": 0, "limit": 16}]}} |
      | clear_charging_profile   | ClearChargingProfile   | "id": 7 |
      | reset                    | Reset                  | "type": "Hard" |
      | trigger_message          | TriggerMessage         | "requested_message": "Heartbeat" |
      | reserve_now              | ReserveNow             | "connector_id": 1, "expiry_date": "{now + 1 hour}", "id_tag": "{tag}", "reservation_id": 9 |
      | cancel_reservation       | CancelReservation      | "reservation_id": 9 |

  Scenario Outline: More of <command> than a charge point can take
    Given a connected charge point of the organization
    And it answers <action> with the status <status>
    When the organization sends 60 times at once POST /api/v1/ocpp16/<command>
      """
      {"charge_point_id": "{charge point}", <fields>}
      """
    Then at least one of the answers is 200
    And at least one of the answers is 429
    And the error has the code rate_limited
    And the answer has the header Retry-After
    And it receives <action> for each answer 200, ten at once and ten a second at most

    Examples:
      | command                  | action                 | status   | fields |
      | send_command             | Reset                  | Accepted | "command": "Reset", "payload": {"type": "Soft"} |
      | remote_start_transaction | RemoteStartTransaction | Accepted | "id_tag": "{tag}" |
      | remote_stop_transaction  | RemoteStopTransaction  | Accepted | "transaction_id": 10042 |
      | change_availability      | ChangeAvailability     | Scheduled | "connector_id": 0, "type": "Operative" |
      | set_charging_profile     | SetChargingProfile     | Accepted | "connector_id": 1, "charging_profile": {"chargingProfileId": 7, "stackLevel": 0, "chargingProfilePurpose": "TxDefaultProfile", "chargingProfileKind": "Relative", "chargingSchedule": {"chargingRateUnit": "A", "chargingSchedulePeriod": [{"startPeriod": 0, "limit": 16}]}} |
      | clear_charging_profile   | ClearChargingProfile   | Accepted | "id": 7 |
      | reset                    | Reset                  | Accepted | "type": "Hard" |
      | trigger_message          | TriggerMessage         | Accepted | "requested_message": "Heartbeat" |
      | reserve_now              | ReserveNow             | Occupied | "connector_id": 1, "expiry_date": "{now + 1 hour}", "id_tag": "{tag}", "reservation_id": 9 |
      | cancel_reservation       | CancelReservation      | Accepted | "reservation_id": 9 |

  Scenario: The same request under the same key is sent once
    Given a connected charge point of the organization
    And it answers Reset with the status Accepted
    And the next request has the header Idempotency-Key: key-{unique}
    When the organization sends POST /api/v1/ocpp16/reset
      """
      {"charge_point_id": "{charge point}", "type": "Soft"}
      """
    Then the answer is 200
    And its sent_at is remembered as {first time}
    Given the next request has the header Idempotency-Key: key-{unique}
    When the organization sends POST /api/v1/ocpp16/reset
      """
      {"charge_point_id": "{charge point}", "type": "Soft"}
      """
    Then the answer is 200
    And the answer has the header Idempotent-Replayed with the value true
    And its JSON contains
      """
      {"status": "Accepted", "sent_at": "{first time}"}
      """
    And it receives Reset

  Scenario Outline: <command> under the key of another request
    Given a connected charge point of the organization
    And it answers ClearCache with the status Accepted
    And the next request has the header Idempotency-Key: key-{unique}
    And the organization sends POST /api/v1/ocpp16/send_command
      """
      {"charge_point_id": "{charge point}", "command": "ClearCache"}
      """
    And the answer is 200
    And the next request has the header Idempotency-Key: key-{unique}
    When the organization sends POST /api/v1/ocpp16/<command>
      """
      {"charge_point_id": "{charge point}", <fields>}
      """
    Then the answer is 409
    And the error has the code idempotency_conflict
    And it receives ClearCache

    Examples:
      | command                  | fields |
      | send_command             | "command": "Reset", "payload": {"type": "Soft"} |
      | remote_start_transaction | "id_tag": "{tag}" |
      | remote_stop_transaction  | "transaction_id": 10042 |
      | change_availability      | "connector_id": 0, "type": "Operative" |
      | set_charging_profile     | "connector_id": 1, "charging_profile": {"chargingProfileId": 7, "stackLevel": 0, "chargingProfilePurpose": "TxDefaultProfile", "chargingProfileKind": "Relative", "chargingSchedule": {"chargingRateUnit": "A", "chargingSchedulePeriod": [{"startPeriod": 0, "limit": 16}]}} |
      | clear_charging_profile   | "id": 7 |
      | reset                    | "type": "Hard" |
      | trigger_message          | "requested_message": "Heartbeat" |
      | reserve_now              | "connector_id": 1, "expiry_date": "{now + 1 hour}", "id_tag": "{tag}", "reservation_id": 9 |
      | cancel_reservation       | "reservation_id": 9 |

  Scenario Outline: <command> with a wrong <field> is not sent
    Given a connected charge point of the organization
    When the organization sends POST /api/v1/ocpp16/<command>
      """
      {"charge_point_id": "{charge point}", <fields>}
      """
    Then the answer is 400
    And the error has the code validation_error and names the field <field>

    Examples:
      | command                  | field             | fields |
      | remote_start_transaction | id_tag            | "id_tag": "012345678901234567890" |
      | remote_start_transaction | connector_id      | "id_tag": "{tag}", "connector_id": 0 |
      | remote_stop_transaction  | transaction_id    | "transaction_id": "ten" |
      | change_availability      | type              | "connector_id": 0, "type": "Perhaps" |
      | change_availability      | connector_id      | "type": "Operative" |
      | set_charging_profile     | charging_profile  | "connector_id": 1 |
      | clear_charging_profile   | connector_id      | "connector_id": -1 |
      | reset                    | type              | "type": "Warm" |
      | trigger_message          | requested_message | "requested_message": "Dance" |
      | trigger_message          | connector_id      | "requested_message": "MeterValues" |
      | reserve_now              | expiry_date       | "connector_id": 1, "expiry_date": "{now - 1 hour}", "id_tag": "{tag}", "reservation_id": 9 |
      | reserve_now              | connector_id      | "connector_id": 0, "expiry_date": "{now + 1 hour}", "id_tag": "{tag}", "reservation_id": 9 |
      | cancel_reservation       | reservation_id    | "reservation_id": "nine" |

  Scenario: An installer commands what they registered
    Given a connected charge point of the installer
    And it answers Reset with the status Accepted
    When the installer sends POST /api/v1/ocpp16/reset
      """
      {"charge_point_id": "{charge point}", "type": "Soft"}
      """
    Then the answer is 200
    And it receives Reset
