@api
Feature: What charge points reported is there to read

  Scenario: An open transaction with what the meter shows
    Given a connected charge point of the organization
    And a session with the known tag runs on connector 1
    When it sends meter values of the transaction
    Then the CSMS acknowledges
    When the organization sends GET /api/v1/ocpp16/active_transactions/{charge point}
    Then the answer is 200
    And its JSON contains
      """
      {"charge_point_id": "{charge point}", "total": 1, "active_transactions": [
        {"transaction_id": {transaction}, "connector_id": 1, "id_tag": "{tag}", "start_time": "(a time)",
         "meter_start": 1000, "current_meter_value": 1100, "energy_delivered_wh": 100, "duration_seconds": "(a number)"}]}
      """

  Scenario: A charge point without a transaction
    Given a charge point of the organization that is offline
    When a key that may only read sends GET /api/v1/ocpp16/active_transactions/{charge point}
    Then the answer is 200
    And its JSON equals
      """
      {"charge_point_id": "{charge point}", "active_transactions": [], "total": 0}
      """

  Scenario: A transaction that is over
    Given a connected charge point of the organization
    And a session with the known tag runs on connector 2
    When it stops the transaction because of Local
    Then the CSMS acknowledges the end of the transaction
    When the organization sends GET /api/v1/ocpp16/transactions?charge_point_id={charge point}&id_tag={tag}
    Then the answer is 200
    And its JSON contains
      """
      {"total": 1, "page": 1, "per_page": 50, "transactions": [
        {"transaction_id": {transaction}, "charge_point_id": "{charge point}", "connector_id": 2,
         "meter_start": 1000, "meter_stop": 2250, "energy_wh": 1250, "reason": "Local", "stop_time": "(a time)"}]}
      """

  Scenario: Another organization sees none of it
    Given a connected charge point of the organization
    And a session with the known tag runs on connector 1
    When another organization sends GET /api/v1/ocpp16/transactions
    Then its JSON equals
      """
      {"transactions": [], "total": 0, "page": 1, "per_page": 50}
      """

  Scenario Outline: A list of transactions with a wrong <field> is refused
    When the organization sends GET /api/v1/ocpp16/transactions?<query>
    Then the answer is 400
    And the error has the code validation_error and names the field <field>

    Examples:
      | field           | query                 |
      | page            | page=0                |
      | page            | page=next             |
      | per_page        | per_page=-1           |
      | from            | from=yesterday        |
      | to              | to=12                 |
      | charge_point_id | charge_point_id=a%2Fb |

  Scenario: A page that is too long becomes the longest
    When the organization sends GET /api/v1/ocpp16/transactions?per_page=100000
    Then the answer is 200
    And its JSON contains
      """
      {"per_page": 1000}
      """

  Scenario: What will never be stopped is closed by an operator
    Given a connected charge point of the organization
    And a session with the known tag runs on connector 1
    When it sends meter values of the transaction
    Then the CSMS acknowledges
    When a key that may only read sends POST /api/v1/ocpp16/transactions/{transaction}/close
    Then the answer is 403
    When the organization sends POST /api/v1/ocpp16/transactions/{transaction}/close
    Then the answer is 200
    And its JSON contains
      """
      {"transaction_id": {transaction}, "charge_point_id": "{charge point}", "status": "abandoned", "meter_stop": 1100,
       "energy_wh": 100, "reason": "closed_by_operator", "provisional_until": null, "irregularities": []}
      """
    When the organization sends GET /api/v1/ocpp16/active_transactions/{charge point}
    Then its JSON contains
      """
      {"total": 0}
      """
    When the organization sends POST /api/v1/ocpp16/transactions/{transaction}/close
    Then the answer is 409
    And the error has the code already_over

  Scenario Outline: There is no transaction <id> to close
    When the organization sends POST /api/v1/ocpp16/transactions/<id>/close
    Then the answer is 404
    And the error has the code not_found

    Examples:
      | id           |
      | 2000000011   |
      | txn_00002711 |

  Scenario: A connector that reports Available in mid-session ends nothing for good
    Given a connected charge point of the organization
    And a session with the known tag runs on connector 1
    When it reports connector 1 as Available
    Then the CSMS acknowledges
    When the organization sends GET /api/v1/ocpp16/transactions?charge_point_id={charge point}
    Then its JSON contains
      """
      {"transactions": [{"transaction_id": {transaction}, "status": "abandoned", "energy_wh": 0,
        "provisional_until": "(a time)", "cost": null}]}
      """
    When it reports connector 1 as Charging
    Then the CSMS acknowledges
    When the organization sends GET /api/v1/ocpp16/active_transactions/{charge point}
    Then its JSON contains
      """
      {"total": 1, "active_transactions": [{"transaction_id": {transaction}}]}
      """
