@api
Feature: Charge points of an operator

  Background:
    Given the organization sends POST /api/v1/chargepoints
      """
      {"charge_point_id": "{charge point}", "name": "Bay 3", "latitude": 51.5074, "longitude": -0.1278,
       "address": "1 Quay Lane", "connector_count": 2, "max_power_kw": 22.0}
      """

  Scenario: A charge point as it was made
    Then its JSON contains
      """
      {"id": "{charge point}", "charge_point_id": "{charge point}", "name": "Bay 3", "status": "offline", "online": false,
       "lifecycle": "commissioned", "connector_count": 2, "max_power_kw": 22, "created_at": "(a time)"}
      """

  Scenario: Its identity is taken
    When the organization sends POST /api/v1/chargepoints
      """
      {"charge_point_id": "{charge point}", "name": "Bay 4", "latitude": 51.5, "longitude": 0.1}
      """
    Then the answer is 409
    And the error has the code already_exists

  Scenario Outline: A new charge point with a wrong <field> is refused
    When the organization sends POST /api/v1/chargepoints
      """
      {"charge_point_id": <id>, "name": <name>, "latitude": <latitude>, "longitude": 0.1, <more>}
      """
    Then the answer is 400
    And the error has the code validation_error and names the field <field>

    Examples:
      | field           | id       | name    | latitude | more                        |
      | charge_point_id | "x_y"    | "Bay"   | 51.5     | "x": 1                      |
      | charge_point_id | "search" | "Bay"   | 51.5     | "x": 1                      |
      | charge_point_id | "OCPP"   | "Bay"   | 51.5     | "x": 1                      |
      | name            | null     | ""      | 51.5     | "x": 1                      |
      | latitude        | null     | "Bay"   | null     | "x": 1                      |
      | latitude        | null     | "Bay"   | 90.1     | "x": 1                      |
      | connector_count | null     | "Bay"   | 51.5     | "connector_count": 0        |
      | connector_count | null     | "Bay"   | 51.5     | "connector_count": 101      |
      | max_power_kw    | null     | "Bay"   | 51.5     | "max_power_kw": 0           |
      | ocpp_password   | null     | "Bay"   | 51.5     | "ocpp_password": "short"    |
      | site_id         | null     | "Bay"   | 51.5     | "site_id": "site_of-nobody" |

  Scenario: A charge point with a password that is made for it
    When the organization sends POST /api/v1/chargepoints
      """
      {"name": "Bay 4", "latitude": 51.5, "longitude": 0.1, "ocpp_password": null}
      """
    Then the answer is 201
    And its JSON contains
      """
      {"id": "(an id)", "ocpp_password": "(a text)"}
      """

  Scenario: A password that is given is not shown
    When the organization sends PATCH /api/v1/chargepoints/{charge point}
      """
      {"ocpp_password": "{password}"}
      """
    Then the answer is 200
    And its JSON contains
      """
      {"name": "Bay 3", "ocpp_password": "(nothing)"}
      """

  Scenario: A new password is made and shown once
    When the organization sends PATCH /api/v1/chargepoints/{charge point}
      """
      {"ocpp_password": null}
      """
    Then the answer is 200
    And its JSON contains
      """
      {"ocpp_password": "(a text)"}
      """

  Scenario: What is left out of a change stays
    When the organization sends PATCH /api/v1/chargepoints/{charge point}
      """
      {"name": "Bay 3 (fast)", "max_power_kw": 50}
      """
    Then the answer is 200
    And its JSON contains
      """
      {"name": "Bay 3 (fast)", "max_power_kw": 50, "latitude": 51.5074, "address": "1 Quay Lane"}
      """

  Scenario Outline: A change with a wrong <field> is refused
    When the organization sends PATCH /api/v1/chargepoints/{charge point}
      """
      {"<field>": <value>}
      """
    Then the answer is 400
    And the error has the code validation_error and names the field <field>

    Examples:
      | field           | value        |
      | charge_point_id | "CP-ANOTHER" |
      | name            | ""           |
      | longitude       | 181          |
      | max_power_kw    | 1001         |
      | ocpp_password   | "short"      |

  Scenario: Its state before it ever came
    When a key that may only read sends GET /api/v1/chargepoints/{charge point}/status
    Then the answer is 200
    And its JSON equals
      """
      {"charge_point_id": "{charge point}", "online": false, "operational_status": "Unavailable", "last_heartbeat_at": null}
      """

  Scenario: Its state and its connectors as it reports them
    Given it connects and boots
    When it reports connector 2 as Charging
    Then the CSMS acknowledges
    When a key that may only read sends GET /api/v1/chargepoints/{charge point}/status
    Then its JSON contains
      """
      {"online": true, "operational_status": "Available"}
      """
    When a key that may only read sends GET /api/v1/chargepoints/{charge point}/connectors
    Then the answer is 200
    And its JSON contains
      """
      {"charge_point_id": "{charge point}", "connectors": [
        {"connector_id": 1, "type": "Type2", "status": "Available", "max_power_kw": 22, "reported_at": "(a time)"},
        {"connector_id": 2, "status": "Charging"}]}
      """

  Scenario: The tariff is set, replaced and read
    When the organization sends GET /api/v1/chargepoints/{charge point}/tariff
    Then the answer is 404
    When the organization sends PUT /api/v1/chargepoints/{charge point}/tariff
      """
      {"currency": "GBP", "price_per_kwh": 0.38, "session_fee": 0.5, "idle_fee_per_minute": 0.05, "free_idle_minutes": 10}
      """
    Then the answer is 200
    When the organization sends PUT /api/v1/chargepoints/{charge point}/tariff
      """
      {"currency": "EUR", "price_per_kwh": 0.4}
      """
    Then the answer is 200
    When a key that may only read sends GET /api/v1/chargepoints/{charge point}/tariff
    Then the answer is 200
    And its JSON contains
      """
      {"charge_point_id": "{charge point}", "tariff": {"currency": "EUR", "price_per_kwh": 0.4, "session_fee": 0,
       "idle_fee_per_minute": 0, "free_idle_minutes": 0}}
      """

  Scenario Outline: A tariff with a wrong <field> is refused
    When the organization sends PUT /api/v1/chargepoints/{charge point}/tariff
      """
      {"currency": <currency>, "price_per_kwh": <price>, "free_idle_minutes": <minutes>}
      """
    Then the answer is 400
    And the error has the code validation_error and names the field <field>

    Examples:
      | field             | currency | price | minutes |
      | currency          | "gbp"    | 0.38  | 0       |
      | currency          | "XYZ1"   | 0.38  | 0       |
      | price_per_kwh     | "GBP"    | -0.01 | 0       |
      | free_idle_minutes | "GBP"    | 0.38  | -1      |

  Scenario: A session has its price
    Given the organization sends PUT /api/v1/chargepoints/{charge point}/tariff
      """
      {"currency": "GBP", "price_per_kwh": 0.38, "session_fee": 0.5}
      """
    And it connects and boots
    And a session with the known tag runs on connector 1
    When it stops the transaction because of Local
    Then the CSMS acknowledges the end of the transaction
    When the organization sends GET /api/v1/ocpp16/transactions?charge_point_id={charge point}
    Then its JSON contains
      """
      {"transactions": [{"transaction_id": {transaction}, "energy_wh": 1250, "cost": 0.98, "currency": "GBP"}]}
      """

  Scenario: A tag that might not charge pays for what it took
    Given the organization sends PUT /api/v1/chargepoints/{charge point}/tariff
      """
      {"currency": "GBP", "price_per_kwh": 0.38, "session_fee": 0.5}
      """
    And it connects and boots
    When it starts a transaction on connector 1 with the blocked tag
    Then the CSMS answers that the tag is Blocked and gives a transaction id
    When it stops the transaction because of DeAuthorized
    Then the CSMS acknowledges the end of the transaction
    When the organization sends GET /api/v1/ocpp16/transactions?charge_point_id={charge point}
    Then its JSON contains
      """
      {"transactions": [{"transaction_id": {transaction}, "energy_wh": 1250, "cost": 0.98, "billed_though": "blocked"}]}
      """

  Scenario: Nobody pays for a tag that nobody knows
    Given the organization sends PUT /api/v1/chargepoints/{charge point}/tariff
      """
      {"currency": "GBP", "price_per_kwh": 0.38, "session_fee": 0.5}
      """
    And it connects and boots
    When it starts a transaction on connector 1 with the unknown tag
    Then the CSMS answers that the tag is Invalid and gives a transaction id
    When it stops the transaction because of DeAuthorized
    Then the CSMS acknowledges the end of the transaction
    When the organization sends GET /api/v1/ocpp16/transactions?charge_point_id={charge point}
    Then its JSON contains
      """
      {"transactions": [{"transaction_id": {transaction}, "energy_wh": 1250, "cost": null, "billed_though": null}]}
      """
