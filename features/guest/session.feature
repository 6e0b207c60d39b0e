@api
Feature: Guests charge without a contract and pay for each session

  Background:
    Given a connected charge point of the organization
    And it answers RemoteStartTransaction with the status Accepted
    And it answers RemoteStopTransaction with the status Accepted
    And the organization sends PUT /api/v1/chargepoints/{charge point}/tariff
      """
      {"currency": "GBP", "price_per_kwh": 0.4}
      """

  Scenario: A guest charges, stops and gets a receipt
    When the organization sends POST /api/v1/sessions/guest/authorize
      """
      {"charge_point_id": "{charge point}", "connector_id": 1, "payment_method_id": "pm_card"}
      """
    Then the answer is 201
    And its JSON contains
      """
      {"session_token": "(an id)", "charge_point_id": "{charge point}", "connector_id": 1, "status": "authorizing",
       "next_action_url": "(nothing)", "amount_held": "(a number)", "currency": "GBP", "expires_at": "(a time)"}
      """
    And its session_token is remembered as {session}
    When the guest's session begins on connector 1
    And the organization asks for /api/v1/sessions/guest/{session}/status until its status is charging
    And a key that may only read sends GET /api/v1/sessions/guest/{session}/status
    Then the answer is 200
    And its JSON contains
      """
      {"session_token": "{session}", "payment_status": "authorized", "currency": "GBP", "started_at": "(a time)", "ended_at": null}
      """
    When the organization begins to send POST /api/v1/sessions/guest/{session}/stop
    Then it receives RemoteStopTransaction with
      """
      {"transactionId": {transaction}}
      """
    When it stops the transaction because of Remote
    Then the CSMS acknowledges the end of the transaction
    And the answer is 200
    And its JSON equals
      """
      {"session_token": "{session}", "status": "stopped", "payment_status": "captured", "energy_kwh": 1.25,
       "final_cost": 0.5, "currency": "GBP", "ended_at": "(a time)"}
      """
    When a key that may only read sends GET /api/v1/sessions/guest/{session}/receipt
    Then the answer is 200
    And the answer has the content type application/pdf
    # What it says is read back by a test of the CSMS, which has a reader of such files.
    And its text begins with %PDF

  Scenario: A guest confirms the payment first
    When the organization sends POST /api/v1/sessions/guest/authorize
      """
      {"charge_point_id": "{charge point}", "connector_id": 1, "payment_method_id": "pm_requires_action"}
      """
    Then the answer is 201
    And its JSON contains
      """
      {"status": "requires_action", "next_action_url": "(a text)"}
      """
    And its session_token is remembered as {session}
    When nobody sends GET /sandbox/payments/{session}
    Then the answer is 200
    When nobody sends POST /sandbox/payments/{session}
    Then the answer is 200
    When the guest's session begins on connector 1
    And it stops the transaction because of EVDisconnected
    Then the CSMS acknowledges the end of the transaction
    When the organization asks for /api/v1/sessions/guest/{session}/status until its payment_status is captured
    Then its JSON contains
      """
      {"status": "stopped", "energy_kwh": 1.25, "cost_so_far": 0.5}
      """

  Scenario: What was held cannot be taken
    Given the organization sends POST /api/v1/sessions/guest/authorize
      """
      {"charge_point_id": "{charge point}", "connector_id": 1, "payment_method_id": "pm_capture_fails"}
      """
    And its session_token is remembered as {session}
    And the guest's session begins on connector 1
    When the organization begins to send POST /api/v1/sessions/guest/{session}/stop
    Then it receives RemoteStopTransaction with
      """
      {"transactionId": {transaction}}
      """
    When it stops the transaction because of Remote
    Then the CSMS acknowledges the end of the transaction
    And the answer is 200
    And its JSON contains
      """
      {"status": "stopped", "payment_status": "capture_failed", "final_cost": 0.5}
      """

  Scenario: A session that is stopped before it begins costs nothing
    Given the organization sends POST /api/v1/sessions/guest/authorize
      """
      {"charge_point_id": "{charge point}", "connector_id": 1, "payment_method_id": "pm_card"}
      """
    And its session_token is remembered as {session}
    Then it receives RemoteStartTransaction
    When the organization sends POST /api/v1/sessions/guest/{session}/stop
    Then the answer is 200
    And its JSON contains
      """
      {"status": "stopped", "payment_status": "canceled", "energy_kwh": 0, "final_cost": 0}
      """

  Scenario: A charge point that refuses to start
    Given it answers RemoteStartTransaction with the status Rejected
    Given the organization sends POST /api/v1/sessions/guest/authorize
      """
      {"charge_point_id": "{charge point}", "connector_id": 1, "payment_method_id": "pm_card"}
      """
    And its session_token is remembered as {session}
    When the organization asks for /api/v1/sessions/guest/{session}/status until its status is failed
    Then its JSON contains
      """
      {"reason": "(a text)", "energy_kwh": 0, "cost_so_far": 0}
      """
    And it receives RemoteStartTransaction

  Scenario: A charge point that refuses to stop
    Given it answers RemoteStopTransaction with the status Rejected
    Given the organization sends POST /api/v1/sessions/guest/authorize
      """
      {"charge_point_id": "{charge point}", "connector_id": 1, "payment_method_id": "pm_card"}
      """
    And its session_token is remembered as {session}
    And the guest's session begins on connector 1
    When the organization sends POST /api/v1/sessions/guest/{session}/stop
    Then the answer is 422
    And the error has the code ocpp_rejected
    And it receives RemoteStopTransaction

  Scenario: A stop is refused because the session ends by itself
    Given it answers RemoteStopTransaction with the status Rejected
    Given the organization sends POST /api/v1/sessions/guest/authorize
      """
      {"charge_point_id": "{charge point}", "connector_id": 1, "payment_method_id": "pm_card"}
      """
    And its session_token is remembered as {session}
    And the guest's session begins on connector 1
    When the organization begins to send POST /api/v1/sessions/guest/{session}/stop
    Then it receives RemoteStopTransaction with
      """
      {"transactionId": {transaction}}
      """
    When it stops the transaction because of EVDisconnected
    Then the CSMS acknowledges the end of the transaction
    And the answer is 200
    And its JSON contains
      """
      {"status": "stopped", "payment_status": "captured", "energy_kwh": 1.25, "final_cost": 0.5}
      """

  Scenario: There is no receipt for what has not been charged
    Given the organization sends POST /api/v1/sessions/guest/authorize
      """
      {"charge_point_id": "{charge point}", "connector_id": 1, "payment_method_id": "pm_card"}
      """
    And its session_token is remembered as {session}
    When the organization sends GET /api/v1/sessions/guest/{session}/receipt
    Then the answer is 409
    And the error has the code not_completed
    And it receives RemoteStartTransaction

  Scenario: There is no receipt for what has not ended
    Given the organization sends POST /api/v1/sessions/guest/authorize
      """
      {"charge_point_id": "{charge point}", "connector_id": 1, "payment_method_id": "pm_card"}
      """
    And its session_token is remembered as {session}
    And the guest's session begins on connector 1
    When the organization sends GET /api/v1/sessions/guest/{session}/receipt
    Then the answer is 409
    And the error has the code not_completed

  Scenario Outline: A session is shut to another organization: <method> <what>
    Given the organization sends POST /api/v1/sessions/guest/authorize
      """
      {"charge_point_id": "{charge point}", "connector_id": 1, "payment_method_id": "pm_card"}
      """
    And its session_token is remembered as {session}
    And the guest's session begins on connector 1
    When another organization sends <method> /api/v1/sessions/guest/{session}/<what>
    Then the answer is 404
    And the error has the code not_found

    Examples:
      | method | what    |
      | GET    | status  |
      | POST   | stop    |
      | GET    | receipt |

  Scenario Outline: Nobody has this token: <method> <what>
    When the organization sends <method> /api/v1/sessions/guest/guest_tok_NOBODYHASTHISONE/<what>
    Then the answer is 404
    And the error has the code not_found

    Examples:
      | method | what    |
      | GET    | status  |
      | POST   | stop    |
      | GET    | receipt |
