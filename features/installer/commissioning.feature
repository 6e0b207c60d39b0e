@api
Feature: The commissioning run

  Scenario: Everything is in order
    Given a connected charge point of the installer
    When the installer sends POST /api/v1/installer/commissioning/{charge point}/start
      """
      {"run_test_transaction": false, "notify_on_complete": true}
      """
    Then the answer is 202
    And its JSON contains
      """
      {"commissioning_id": "(an id)", "charge_point_id": "{charge point}", "status": "in_progress", "started_at": "(a time)"}
      """
    When the installer asks for /api/v1/installer/commissioning/{charge point}/status until its status is not in_progress
    Then its JSON contains
      """
      {"status": "completed", "completed_at": "(a time)", "checks": [
        {"name": "ocpp_handshake", "result": "passed"}, {"name": "firmware_version", "result": "passed"},
        {"name": "connector_available", "result": "passed"}, {"name": "test_transaction", "result": "skipped"}]}
      """
    And it receives GetConfiguration
    And it receives TriggerMessage with
      """
      {"requestedMessage": "BootNotification"}
      """
    And it receives TriggerMessage with
      """
      {"requestedMessage": "StatusNotification", "connectorId": 1}
      """
    When the installer sends GET /api/v1/installer/commissioning/{charge point}/log
    Then the answer is 200
    And its JSON contains
      """
      {"charge_point_id": "{charge point}", "entries": [
        {"check": "ocpp_handshake", "direction": "sent", "frame": "(a list)", "at": "(a time)"},
        {"check": "ocpp_handshake", "direction": "received", "frame": "(a list)"}]}
      """
    When the installer sends GET /api/v1/installer/charge-points/{charge point}
    Then its JSON contains
      """
      {"status": "commissioned"}
      """

  Scenario: A test transaction is really made
    Given a connected charge point of the installer
    And it answers RemoteStartTransaction with the status Accepted
    And it answers RemoteStopTransaction with the status Accepted
    When the installer sends POST /api/v1/installer/commissioning/{charge point}/start
      """
      {"run_test_transaction": true}
      """
    Then it receives RemoteStartTransaction with
      """
      {"idTag": "COMMISSIONING", "connectorId": 1}
      """
    When it starts a transaction on connector 1 with the commissioning tag
    Then the CSMS answers that the tag is Accepted and gives a transaction id
    When it reports connector 1 as Charging
    Then it receives RemoteStopTransaction
    When it stops the transaction because of Remote
    Then the CSMS acknowledges the end of the transaction
    When the installer asks for /api/v1/installer/commissioning/{charge point}/status until its status is not in_progress
    Then its JSON contains
      """
      {"status": "completed", "checks": [{"name": "test_transaction", "result": "passed"}]}
      """
    And it receives GetConfiguration
    And it receives TriggerMessage at least once

  Scenario: Only the handshake fails
    Given a connected charge point of the installer
    And it never answers GetConfiguration
    When the installer sends POST /api/v1/installer/commissioning/{charge point}/start
    Then it receives GetConfiguration
    When the installer asks for /api/v1/installer/commissioning/{charge point}/status until its status is not in_progress
    Then its JSON contains
      """
      {"status": "failed", "checks": [
        {"name": "ocpp_handshake", "result": "failed", "reason": "(a text)"},
        {"name": "firmware_version", "result": "skipped"}, {"name": "connector_available", "result": "skipped"},
        {"name": "test_transaction", "result": "skipped"}]}
      """

  Scenario: Only the firmware version fails
    Given a connected charge point of the installer
    And it answers TriggerMessage with the status Accepted
    When the installer sends POST /api/v1/installer/commissioning/{charge point}/start
    Then it receives GetConfiguration
    And it receives TriggerMessage with
      """
      {"requestedMessage": "BootNotification"}
      """
    When it boots again without a firmware version
    Then the CSMS answers Accepted with its clock and an interval
    And it receives TriggerMessage with
      """
      {"requestedMessage": "StatusNotification", "connectorId": 1}
      """
    When it reports connector 1 as Available
    Then the CSMS acknowledges
    When the installer asks for /api/v1/installer/commissioning/{charge point}/status until its status is not in_progress
    Then its JSON contains
      """
      {"status": "failed", "checks": [
        {"name": "ocpp_handshake", "result": "passed"},
        {"name": "firmware_version", "result": "failed", "reason": "(a text)"},
        {"name": "connector_available", "result": "passed"}, {"name": "test_transaction", "result": "skipped"}]}
      """

  Scenario: Only the connectors fail
    Given a connected charge point of the installer
    And it answers TriggerMessage with the status Accepted
    When the installer sends POST /api/v1/installer/commissioning/{charge point}/start
    Then it receives GetConfiguration
    And it receives TriggerMessage with
      """
      {"requestedMessage": "BootNotification"}
      """
    When it boots
    Then the CSMS answers Accepted with its clock and an interval
    And it receives TriggerMessage with
      """
      {"requestedMessage": "StatusNotification", "connectorId": 1}
      """
    When it reports connector 1 as Faulted with GroundFailure
    Then the CSMS acknowledges
    And it receives TriggerMessage with
      """
      {"requestedMessage": "StatusNotification", "connectorId": 2}
      """
    When it reports connector 2 as Unavailable
    Then the CSMS acknowledges
    When the installer asks for /api/v1/installer/commissioning/{charge point}/status until its status is not in_progress
    Then its JSON contains
      """
      {"status": "failed", "checks": [
        {"name": "ocpp_handshake", "result": "passed"}, {"name": "firmware_version", "result": "passed"},
        {"name": "connector_available", "result": "failed", "reason": "(a text)"},
        {"name": "test_transaction", "result": "skipped"}]}
      """

  Scenario: What cannot be asked for is judged by what was said before
    Given a charge point of the installer that is offline
    And it connects and boots without a firmware version
    When it reports connector 1 as Faulted with GroundFailure
    Then the CSMS acknowledges
    When it reports connector 2 as Unavailable
    Then the CSMS acknowledges
    When the installer sends POST /api/v1/installer/commissioning/{charge point}/start
    And the installer asks for /api/v1/installer/commissioning/{charge point}/status until its status is not in_progress
    Then its JSON contains
      """
      {"status": "failed", "checks": [
        {"name": "ocpp_handshake", "result": "passed"},
        {"name": "firmware_version", "result": "failed", "reason": "(a text)"},
        {"name": "connector_available", "result": "failed", "reason": "(a text)"},
        {"name": "test_transaction", "result": "skipped"}]}
      """
    And it receives GetConfiguration
    And it receives TriggerMessage at least once

  Scenario: Only the test transaction fails
    Given a connected charge point of the installer
    And it answers RemoteStartTransaction with the status Rejected
    When the installer sends POST /api/v1/installer/commissioning/{charge point}/start
      """
      {"run_test_transaction": true}
      """
    And the installer asks for /api/v1/installer/commissioning/{charge point}/status until its status is not in_progress
    Then its JSON contains
      """
      {"status": "failed", "checks": [
        {"name": "ocpp_handshake", "result": "passed"}, {"name": "firmware_version", "result": "passed"},
        {"name": "connector_available", "result": "passed"},
        {"name": "test_transaction", "result": "failed", "reason": "(a text)"}]}
      """
    And it receives GetConfiguration
    And it receives TriggerMessage at least once
    And it receives RemoteStartTransaction

  Scenario: A charge point that is offline
    Given a charge point of the installer that is offline
    When the installer sends POST /api/v1/installer/commissioning/{charge point}/start
    Then the answer is 202
    When the installer asks for /api/v1/installer/commissioning/{charge point}/status until its status is not in_progress
    Then its JSON contains
      """
      {"status": "failed", "checks": [
        {"name": "ocpp_handshake", "result": "failed"}, {"name": "firmware_version", "result": "skipped"},
        {"name": "connector_available", "result": "skipped"}, {"name": "test_transaction", "result": "skipped"}]}
      """

  Scenario: A second start finds the run that is under way
    Given a connected charge point of the installer
    And it never answers GetConfiguration
    And the installer sends POST /api/v1/installer/commissioning/{charge point}/start
    And its commissioning_id is remembered as {run}
    When the installer sends POST /api/v1/installer/commissioning/{charge point}/start
    Then the answer is 202
    And its JSON contains
      """
      {"commissioning_id": "{run}", "status": "in_progress"}
      """
    And it receives GetConfiguration

  Scenario: No run, no status
    Given a charge point of the installer that is offline
    When the installer sends GET /api/v1/installer/commissioning/{charge point}/status
    Then the answer is 404
    When the installer sends GET /api/v1/installer/commissioning/{charge point}/log
    Then the answer is 404

  Scenario: A start with a word for yes is refused
    Given a charge point of the installer that is offline
    When the installer sends POST /api/v1/installer/commissioning/{charge point}/start
      """
      {"run_test_transaction": "yes"}
      """
    Then the answer is 400
    And the error has the code validation_error and names the field run_test_transaction
