@api
Feature: The status of all charge points

  Scenario: A charge point that is connected
    Given a connected charge point of the organization
    When it reports connector 2 as Faulted with GroundFailure
    Then the CSMS acknowledges
    When a key that may only read sends GET /api/v1/ocpp16/charge_points/status
    Then the answer is 200
    And its JSON contains
      """
      {"total": 1, "page": 1, "per_page": 50, "charge_points": [
        {"charge_point_id": "{charge point}", "online": true, "connectors": [
          {"connector_id": 1, "status": "Available", "error_code": "NoError"},
          {"connector_id": 2, "status": "Faulted", "error_code": "GroundFailure", "timestamp": "(a time)"}]}]}
      """

  Scenario: A charge point that never came
    Given a charge point of the organization that is offline
    When the organization sends GET /api/v1/ocpp16/charge_points/status?status=offline
    Then its JSON contains
      """
      {"total": 1, "charge_points": [{"charge_point_id": "{charge point}", "online": false, "connectors": []}]}
      """

  Scenario Outline: A filter finds <found> charge points with the status <status>
    Given a connected charge point of the organization
    When it reports connector 1 as Charging
    Then the CSMS acknowledges
    When the organization sends GET /api/v1/ocpp16/charge_points/status?status=<status>
    Then its JSON contains
      """
      {"total": <found>}
      """

    Examples:
      | status    | found |
      | Charging  | 1     |
      | occupied  | 1     |
      | available | 1     |
      | Faulted   | 0     |
      | offline   | 0     |

  Scenario Outline: A list of statuses with a wrong <field> is refused
    When the organization sends GET /api/v1/ocpp16/charge_points/status?<query>
    Then the answer is 400
    And the error has the code validation_error and names the field <field>

    Examples:
      | field    | query         |
      | status   | status=sleepy |
      | page     | page=0        |
      | per_page | per_page=many |
