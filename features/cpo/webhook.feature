@api
Feature: Somebody is told what happens

  Scenario: A webhook shows its secret once
    Given somebody listens for webhooks
    When the organization sends POST /api/v1/webhooks
      """
      {"url": "{listener}", "events": ["transaction.started", "transaction.stopped"]}
      """
    Then the answer is 201
    And its JSON contains
      """
      {"id": "(an id)", "url": "{listener}", "events": ["transaction.started", "transaction.stopped"],
       "secret": "(a text)", "created_at": "(a time)"}
      """
    And its id is remembered as {webhook}
    When a key that may only read sends GET /api/v1/webhooks
    Then the answer is 200
    And its JSON contains
      """
      {"data": [{"id": "{webhook}", "url": "{listener}", "secret": "(nothing)"}], "total": 1}
      """
    When the organization sends DELETE /api/v1/webhooks/{webhook}
    Then the answer is 204
    When the organization sends GET /api/v1/webhooks
    Then its JSON equals
      """
      {"data": [], "total": 0}
      """

  Scenario: A charge point comes, reports and charges
    Given a charge point of the organization that is offline
    And somebody is told of charge_point.connected, charge_point.booted, charge_point.status_changed, transaction.started, transaction.updated or transaction.stopped
    When it connects and boots
    Then they are told of charge_point.connected with
      """
      {"id": "(an id)", "type": "charge_point.connected", "created_at": "(a time)", "charge_point_id": "{charge point}",
       "data": "(an object)"}
      """
    And they are told of charge_point.booted
    When it reports connector 2 as Faulted with GroundFailure
    Then the CSMS acknowledges
    And they are told of charge_point.status_changed with
      """
      {"data": {"connector_id": 2, "status": "Faulted"}}
      """
    When it starts a transaction on connector 1 with the known tag
    Then the CSMS answers that the tag is Accepted and gives a transaction id
    And they are told of transaction.started with
      """
      {"data": {"transaction_id": {transaction}, "connector_id": 1}}
      """
    When it sends meter values of the transaction
    Then the CSMS acknowledges
    And they are told of transaction.updated with
      """
      {"data": {"transaction_id": {transaction}}}
      """
    When it stops the transaction because of Local
    Then the CSMS acknowledges the end of the transaction
    And they are told of transaction.stopped with
      """
      {"data": {"transaction_id": {transaction}}}
      """

  Scenario: A charge point that goes, and a command that is done
    Given a connected charge point of the organization
    And it answers Reset with the status Accepted
    And somebody is told of charge_point.disconnected or command.completed
    When the organization sends POST /api/v1/ocpp16/send_command
      """
      {"charge_point_id": "{charge point}", "command": "Reset", "payload": {"type": "Soft"}}
      """
    Then the answer is 200
    And it receives Reset
    And they are told of command.completed with
      """
      {"charge_point_id": "{charge point}", "data": {"status": "Accepted"}}
      """
    When it loses its connection
    Then they are told of charge_point.disconnected

  Scenario: A charge point is commissioned
    Given a connected charge point of the installer
    And somebody is told of charge_point.commissioned
    When the installer sends POST /api/v1/installer/charge-points/{charge point}/commission
    Then they are told of charge_point.commissioned with
      """
      {"charge_point_id": "{charge point}"}
      """

  Scenario: What is refused comes again
    Given a connected charge point of the organization
    And somebody is told of transaction.started
    And they refuse the first 1 letter
    When it starts a transaction on connector 1 with the known tag
    Then the CSMS answers that the tag is Accepted and gives a transaction id
    And they are told of transaction.started
    And what was refused came again as it was

  Scenario Outline: A webhook with a wrong <field> is refused
    When the organization sends POST /api/v1/webhooks
      """
      {"url": <url>, "events": <events>, "secret": <secret>}
      """
    Then the answer is 400
    And the error has the code validation_error and names the field <field>

    Examples:
      | field     | url                     | events                   | secret |
      | url       | "ftp://example.com"     | ["transaction.started"]  | null   |
      | url       | "example.com"           | ["transaction.started"]  | null   |
      | events    | "https://example.com/x" | []                       | null   |
      | events[0] | "https://example.com/x" | ["transaction.vanished"] | null   |
      | secret    | "https://example.com/x" | ["transaction.started"]  | "short" |

  Scenario: An organization has twenty webhooks at most
    When the organization sends 21 times at once POST /api/v1/webhooks
      """
      {"url": "https://example.com/events", "events": ["transaction.started"]}
      """
    Then exactly 20 of the answers are 201
    And exactly 1 of the answers is 422
    And the error has the code too_many_webhooks
