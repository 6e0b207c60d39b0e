@api
Feature: Stops that stopped nothing are kept and listed

  Scenario: A stop of a transaction that nobody knows
    Given a connected charge point of the organization
    When it stops a transaction that nobody knows
    Then the CSMS acknowledges the end of the transaction
    When a key that may only read sends GET /api/v1/ocpp16/charge_points/{charge point}/orphan_stops
    Then the answer is 200
    And its JSON contains
      """
      {"charge_point_id": "{charge point}", "total": 1, "page": 1, "per_page": 50, "orphan_stops": [
        {"transaction_id": 2000000011, "cause": "unknown_transaction", "reason": "Local", "meter_stop": "(a number)",
         "stop_time": "(a time)", "received_at": "(a time)"}]}
      """

  Scenario: A charge point whose stops were all of its own transactions
    Given a charge point of the organization that is offline
    When the organization sends GET /api/v1/ocpp16/charge_points/{charge point}/orphan_stops
    Then the answer is 200
    And its JSON equals
      """
      {"charge_point_id": "{charge point}", "orphan_stops": [], "total": 0, "page": 1, "per_page": 50}
      """

  Scenario: A page that is none is refused
    Given a charge point of the organization that is offline
    When the organization sends GET /api/v1/ocpp16/charge_points/{charge point}/orphan_stops?page=0
    Then the answer is 400
    And the error has the code validation_error and names the field page

  Scenario: Another organization sees no stop of nobody
    Given a charge point of the organization that is offline
    When another organization sends GET /api/v1/ocpp16/charge_points/{charge point}/orphan_stops
    Then the answer is 404
    And the error has the code not_found
