@api @together
Feature: A charge point, a CSMS and those who call its REST API act together

  # The rig stands between the bundled charge point and the bundled CSMS and writes down what they say: a scenario of
  # your own can begin as this one does.
  Scenario: From the registration of a charge point to the bill of a session
    When the organization sends POST /api/v1/chargepoints
      """
      {"charge_point_id": "{charge point}", "name": "Bay 3", "latitude": 51.5074, "longitude": -0.1278,
       "connector_count": 2}
      """
    Then the answer is 201
    When the organization sends PUT /api/v1/chargepoints/{charge point}/tariff
      """
      {"currency": "EUR", "price_per_kwh": 0.4, "session_fee": 0.5}
      """
    Then the answer is 200
    When the charge point is switched on and connects to the CSMS
    And the organization sends GET /api/v1/chargepoints/{charge point}/status
    Then the answer is 200
    And its JSON contains
      """
      {"charge_point_id": "{charge point}", "online": true}
      """
    When the driver plugs in at connector 1
    Then it reports connector 1 as Preparing
    When the driver presents the known tag at connector 1
    Then it asks about the known tag
    And it starts a transaction on connector 1 with the known tag
    And before or after that, it reports connector 1 as Charging
    When the organization sends GET /api/v1/ocpp16/active_transactions/{charge point}
    Then the answer is 200
    And its JSON contains
      """
      {"total": 1, "active_transactions": [{"transaction_id": {transaction}, "connector_id": 1, "id_tag": "{tag}"}]}
      """
    When the driver presents the known tag at connector 1
    Then it stops the transaction because of Local with the known tag
    And before or after that, it reports connector 1 as Finishing
    When the driver unplugs at the car on connector 1
    Then it reports connector 1 as Available
    When the organization sends GET /api/v1/ocpp16/transactions?charge_point_id={charge point}
    Then the answer is 200
    And its JSON contains
      """
      {"total": 1, "transactions": [{"transaction_id": {transaction}, "connector_id": 1, "id_tag": "{tag}",
        "reason": "Local", "currency": "EUR", "cost": "(a number)", "stop_time": "(a time)"}]}
      """
