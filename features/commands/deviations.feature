@api
Feature: What is forgiven of a charge point's messages is there to read

  Scenario: A status whose time has no offset
    Given a connected charge point of the organization
    When it sends StatusNotification
      | connectorId | 1                   |
      | errorCode   | NoError             |
      | status      | Available           |
      | timestamp   | 2030-01-31T12:00:00 |
    Then the CSMS acknowledges
    When a key that may only read sends GET /api/v1/ocpp16/charge_points/{charge point}/deviations
    Then the answer is 200
    And its JSON contains
      """
      {"charge_point_id": "{charge point}", "decoding": "tolerant", "total": 1, "deviations": [
        {"name": "time_without_offset", "message": "StatusNotification.req", "messages": 1, "pointer": "/timestamp",
         "example": "\"2030-01-31T12:00:00\"", "first_seen_at": "(a time)", "last_seen_at": "(a time)"}]}
      """

  Scenario: A charge point that writes as the standard says
    Given a connected charge point of the organization
    When the organization sends GET /api/v1/ocpp16/charge_points/{charge point}/deviations
    Then the answer is 200
    And its JSON equals
      """
      {"charge_point_id": "{charge point}", "decoding": "tolerant", "deviations": [], "total": 0}
      """
