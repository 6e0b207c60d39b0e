@api
Feature: Errors that need more than a wrong request

  Scenario: Nothing is sent to a charge point whose registration is rejected
    Given a charge point of the organization whose registration is rejected
    When every operation that sends a command is called for it
    Then each answer is 422 with the code charge_point_not_registered

  Scenario: A command with a key is not sent again while it is under way
    Given a connected charge point of the organization
    When every operation that sends a command is repeated with its Idempotency-Key before the charge point answers
    Then each answer is 409 with the code idempotency_in_progress

  Scenario: A charge point that knows no charging profiles
    Given a connected charge point of the organization
    And it answers ClearChargingProfile with the error NotSupported
    When the organization sends POST /api/v1/ocpp16/clear_charging_profile
      """
      {"charge_point_id": "{charge point}", "id": 7}
      """
    Then the answer is 422
    And the error has the code ocpp_rejected
    And it receives ClearChargingProfile

  Scenario: An invitation to the address of an installer
    Given a project of the installer
    And another installer is invited to it
    When nobody sends POST /api/v1/invitations/accept
      """
      {"token": "{invitation}", "name": "Ada", "password": "{password}"}
      """
    Then the answer is 409
    And the error has the code already_exists

  Scenario: A payment gateway that nobody reaches
    Given a CSMS whose payment gateway nobody reaches
    And a connected charge point of the organization
    And the organization sends PUT /api/v1/chargepoints/{charge point}/tariff
      """
      {"currency": "GBP", "price_per_kwh": 0.4}
      """
    When the organization sends POST /api/v1/sessions/guest/authorize
      """
      {"charge_point_id": "{charge point}", "connector_id": 1, "payment_method_id": "pm_card"}
      """
    Then the answer is 422
    And the error has the code payment_unavailable

  Scenario: A guest session at a charge point that is away
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
    And its session_token is remembered as {session}
    When the guest's session begins on connector 1
    And the organization asks for /api/v1/sessions/guest/{session}/status until its status is charging
    And it loses its connection
    And the organization has seen it go offline
    And the organization sends POST /api/v1/sessions/guest/{session}/stop
    Then the answer is 422
    And the error has the code not_connected
