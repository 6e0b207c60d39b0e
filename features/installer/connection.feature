@api
Feature: Whether a charge point is there, and its commissioning in one step

  Scenario: A connected charge point answers
    Given a connected charge point of the installer
    When the installer sends POST /api/v1/installer/charge-points/{charge point}/test-connection
    Then the answer is 200
    And its JSON contains
      """
      {"charge_point_id": "{charge point}", "reachable": true, "connected": true, "latency_ms": "(a number)",
       "ocpp_version": "1.6", "ocpp_version_negotiated": "1.6", "tested_at": "(a time)"}
      """
    And it receives GetConfiguration with
      """
      {"key": ["HeartbeatInterval"]}
      """

  Scenario: An offline charge point does not
    Given a charge point of the installer that is offline
    When the installer sends POST /api/v1/installer/charge-points/{charge point}/test-connection
      """
      {}
      """
    Then the answer is 200
    And its JSON contains
      """
      {"reachable": false, "connected": false, "latency_ms": null}
      """

  Scenario: The connection as it is
    Given a connected charge point of the installer
    When the installer sends GET /api/v1/installer/charge-points/{charge point}/connection-status
    Then the answer is 200
    And its JSON contains
      """
      {"charge_point_id": "{charge point}", "connected": true, "websocket_state": "open", "ip_address": "127.0.0.1",
       "identity_verified": false, "tls_enabled": false}
      """

  Scenario: A connected charge point is commissioned, and stays so
    Given a connected charge point of the installer
    When the installer sends POST /api/v1/installer/charge-points/{charge point}/commission
    Then the answer is 200
    And its JSON contains
      """
      {"charge_point_id": "{charge point}", "status": "commissioned", "commissioned_at": "(a time)"}
      """
    And its commissioned_at is remembered as {first time}
    When it loses its connection
    And the installer sends POST /api/v1/installer/charge-points/{charge point}/commission
    Then the answer is 200
    And its JSON contains
      """
      {"commissioned_at": "{first time}"}
      """

  Scenario: An offline charge point is not commissioned
    Given a charge point of the installer that is offline
    When the installer sends POST /api/v1/installer/charge-points/{charge point}/commission
    Then the answer is 422
    And the error has the code not_connected

  Scenario: A charge point that has not booted is not commissioned
    Given a charge point of the installer that is offline
    And it connects and does not boot
    When the installer sends POST /api/v1/installer/charge-points/{charge point}/commission
    Then the answer is 422
    And the error has the code not_connected
