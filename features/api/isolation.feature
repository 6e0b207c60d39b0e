@api
Feature: What belongs to one is closed to all others

  Scenario: Strangers get nowhere with an id of ours
    Given a project of the installer
    And a connected charge point of the installer
    And it answers RemoteStartTransaction with the status Accepted
    And it answers RemoteStopTransaction with the status Accepted
    And the organization sends PUT /api/v1/projects/{project}/tariff
      """
      {"currency": "GBP", "price_per_kwh": 0.5}
      """
    And the organization sends PUT /api/v1/chargepoints/{charge point}/tariff
      """
      {"currency": "GBP", "price_per_kwh": 0.4}
      """
    When the installer sends POST /api/v1/installer/commissioning/{charge point}/start
    And the installer asks for /api/v1/installer/commissioning/{charge point}/status until its status is not in_progress
    Then its JSON contains
      """
      {"status": "completed"}
      """
    And it receives GetConfiguration
    And it receives TriggerMessage at least once
    Given the installer sends POST /api/v1/installer/projects/{project}/complete-handover
      """
      {"installer_signature": "Ada"}
      """
    And the organization sends POST /api/v1/sessions/guest/authorize
      """
      {"charge_point_id": "{charge point}", "connector_id": 1, "payment_method_id": "pm_card"}
      """
    And its session_token is remembered as {session token}
    And the guest's session begins on connector 1
    When the organization asks for /api/v1/sessions/guest/{session token}/status until its status is charging
    And other organizations, installers and site owners try every route with an id of ours
    Then each answer is 404 or 403
    When the organization begins to send POST /api/v1/sessions/guest/{session token}/stop
    Then it receives RemoteStopTransaction
    When it stops the transaction because of Remote
    Then the CSMS acknowledges the end of the transaction
    And the answer is 200
