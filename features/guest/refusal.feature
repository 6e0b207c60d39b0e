@api
Feature: What a guest cannot have is refused

  Scenario Outline: A payment with <method> is declined
    Given a connected charge point of the organization
    And the organization sends PUT /api/v1/chargepoints/{charge point}/tariff
      """
      {"currency": "GBP", "price_per_kwh": 0.4}
      """
    When the organization sends POST /api/v1/sessions/guest/authorize
      """
      {"charge_point_id": "{charge point}", "connector_id": 1, "payment_method_id": "<method>"}
      """
    Then the answer is 402
    And the error has the code payment_declined

    Examples:
      | method      |
      | pm_declined |
      | cash        |

  Scenario: A connector with a car is occupied
    Given a connected charge point of the organization
    And the organization sends PUT /api/v1/chargepoints/{charge point}/tariff
      """
      {"currency": "GBP", "price_per_kwh": 0.4}
      """
    When it reports connector 1 as Charging
    Then the CSMS acknowledges
    When the organization sends POST /api/v1/sessions/guest/authorize
      """
      {"charge_point_id": "{charge point}", "connector_id": 1, "payment_method_id": "pm_card"}
      """
    Then the answer is 409
    And the error has the code connector_occupied

  Scenario: A connector that another guest waits for is occupied
    Given a connected charge point of the organization
    And it answers RemoteStartTransaction with the status Accepted
    And the organization sends PUT /api/v1/chargepoints/{charge point}/tariff
      """
      {"currency": "GBP", "price_per_kwh": 0.4}
      """
    And the organization sends POST /api/v1/sessions/guest/authorize
      """
      {"charge_point_id": "{charge point}", "connector_id": 1, "payment_method_id": "pm_card"}
      """
    When the organization sends POST /api/v1/sessions/guest/authorize
      """
      {"charge_point_id": "{charge point}", "connector_id": 1, "payment_method_id": "pm_another"}
      """
    Then the answer is 409
    And the error has the code connector_occupied
    And it receives RemoteStartTransaction

  Scenario: A connector that is out of order
    Given a connected charge point of the organization
    And the organization sends PUT /api/v1/chargepoints/{charge point}/tariff
      """
      {"currency": "GBP", "price_per_kwh": 0.4}
      """
    When it reports connector 1 as Faulted with GroundFailure
    Then the CSMS acknowledges
    When the organization sends POST /api/v1/sessions/guest/authorize
      """
      {"charge_point_id": "{charge point}", "connector_id": 1, "payment_method_id": "pm_card"}
      """
    Then the answer is 422
    And the error has the code connector_unavailable

  Scenario: A guest at a charge point that is not connected
    Given a charge point of the organization that is offline
    And the organization sends PUT /api/v1/chargepoints/{charge point}/tariff
      """
      {"currency": "GBP", "price_per_kwh": 0.4}
      """
    When the organization sends POST /api/v1/sessions/guest/authorize
      """
      {"charge_point_id": "{charge point}", "connector_id": 1, "payment_method_id": "pm_card"}
      """
    Then the answer is 422
    And the error has the code not_connected

  Scenario: A charge point without a tariff
    Given a connected charge point of the organization
    When the organization sends POST /api/v1/sessions/guest/authorize
      """
      {"charge_point_id": "{charge point}", "connector_id": 1, "payment_method_id": "pm_card"}
      """
    Then the answer is 422
    And the error has the code no_tariff

  Scenario: A project has guests after its hand-over
    Given a project of the installer
    And a connected charge point of the installer
    And the organization sends PUT /api/v1/chargepoints/{charge point}/tariff
      """
      {"currency": "GBP", "price_per_kwh": 0.4}
      """
    When the organization sends POST /api/v1/sessions/guest/authorize
      """
      {"charge_point_id": "{charge point}", "connector_id": 1, "payment_method_id": "pm_card"}
      """
    Then the answer is 422
    And the error has the code billing_inactive
    When the installer sends POST /api/v1/installer/projects/{project}/complete-handover
      """
      {"installer_signature": "Ada"}
      """
    Then the answer is 200
    When the organization sends POST /api/v1/sessions/guest/authorize
      """
      {"charge_point_id": "{charge point}", "connector_id": 1, "payment_method_id": "pm_card"}
      """
    Then the answer is 201
    And it receives RemoteStartTransaction

  Scenario: A charge point of another organization
    Given a connected charge point of the organization
    And the organization sends PUT /api/v1/chargepoints/{charge point}/tariff
      """
      {"currency": "GBP", "price_per_kwh": 0.4}
      """
    When another organization sends POST /api/v1/sessions/guest/authorize
      """
      {"charge_point_id": "{charge point}", "connector_id": 1, "payment_method_id": "pm_card"}
      """
    Then the answer is 404
    And the error has the code not_found

  Scenario Outline: An authorization with a wrong <field> is refused
    Given a connected charge point of the organization
    When the organization sends POST /api/v1/sessions/guest/authorize
      """
      {"charge_point_id": <id>, "connector_id": <connector>, "payment_method_id": <method>}
      """
    Then the answer is 400
    And the error has the code validation_error and names the field <field>

    Examples:
      | field             | id           | connector | method    |
      | charge_point_id   | ""           | 1         | "pm_card" |
      | connector_id      | "CP"         | 0         | "pm_card" |
      | connector_id      | "CP"         | 101       | "pm_card" |
      | payment_method_id | "CP"         | 1         | ""        |
