@api
Feature: What is near

  Background:
    Given the organization sends POST /api/v1/chargepoints
      """
      {"charge_point_id": "{charge point}", "name": "Bay 3", "latitude": 51.5074, "longitude": -0.1278, "connector_count": 2}
      """

  Scenario: The nearest come first
    Given the organization sends POST /api/v1/chargepoints
      """
      {"charge_point_id": "{charge point}-FAR", "name": "Bay 9", "latitude": 51.5174, "longitude": -0.1278}
      """
    When a key that may only read sends GET /api/v1/chargepoints/search?latitude=51.5074&longitude=-0.1278
    Then the answer is 200
    And its JSON equals
      """
      {"total": 2, "charge_points": [
        {"charge_point_id": "{charge point}", "name": "Bay 3", "distance_km": 0, "status": "offline",
         "available_connectors": 0, "max_power_kw": null, "latitude": 51.5074, "longitude": -0.1278},
        {"charge_point_id": "{charge point}-FAR", "name": "Bay 9", "distance_km": 1.112, "status": "offline",
         "available_connectors": 0, "max_power_kw": null, "latitude": 51.5174, "longitude": -0.1278}]}
      """

  Scenario Outline: A charge point that is <state> is found as <word>: <found>
    Given it connects and boots
    When it reports connector 1 as <state>
    Then the CSMS acknowledges
    When it reports connector 2 as <state>
    Then the CSMS acknowledges
    When the organization sends GET /api/v1/chargepoints/search?latitude=51.5&longitude=-0.12&radius_km=50&status=<word>
    Then its JSON contains
      """
      {"total": <found>}
      """

    Examples:
      | state     | word      | found |
      | Available | available | 1     |
      | Available | occupied  | 0     |
      | Charging  | occupied  | 1     |
      | Charging  | offline   | 0     |
      | Faulted   | offline   | 1     |

  Scenario: Out of reach is not found
    When the organization sends GET /api/v1/chargepoints/search?latitude=52.5&longitude=-0.1278&radius_km=50
    Then its JSON equals
      """
      {"charge_points": [], "total": 0}
      """

  Scenario: The public finds it with its price
    Given the organization sends PUT /api/v1/chargepoints/{charge point}/tariff
      """
      {"currency": "GBP", "price_per_kwh": 0.38}
      """
    When nobody sends GET /api/v1/public/chargers?latitude=51.5074&longitude=-0.1278&radius_km=1
    Then the answer is 200
    And its JSON contains
      """
      {"total": "(a number)", "chargers": [
        {"charge_point_id": "{charge point}", "name": "Bay 3", "distance_km": 0, "available_connectors": 0,
         "total_connectors": 2, "price_per_kwh": 0.38, "currency": "GBP"}]}
      """

  Scenario Outline: A search with a wrong <field> is refused
    When the organization sends GET /api/v1/chargepoints/search?<query>
    Then the answer is 400
    And the error has the code validation_error and names the field <field>
    When nobody sends GET /api/v1/public/chargers?<query>
    Then the answer is <public>

    Examples:
      | field     | query                                 | public |
      | latitude  | longitude=0                           | 400    |
      | longitude | latitude=0&longitude=east             | 400    |
      | latitude  | latitude=91&longitude=0               | 400    |
      | radius_km | latitude=0&longitude=0&radius_km=50.1 | 400    |
      | radius_km | latitude=0&longitude=0&radius_km=0    | 400    |
      | status    | latitude=0&longitude=0&status=sleepy  | 200    |
