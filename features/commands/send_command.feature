@api
Feature: Any OCPP command through the REST API

  Scenario: What the charge point answers comes back
    Given a connected charge point of the organization
    And it answers GetConfiguration with
      """
      {"configurationKey": [{"key": "HeartbeatInterval", "readonly": false, "value": "300"}]}
      """
    When the organization sends POST /api/v1/ocpp16/send_command
      """
      {"charge_point_id": "{charge point}", "command": "GetConfiguration", "payload": {"key": ["HeartbeatInterval"]}}
      """
    Then the answer is 200
    And its JSON contains
      """
      {"charge_point_id": "{charge point}", "command": "GetConfiguration", "status": "Accepted",
       "response": {"configurationKey": [{"key": "HeartbeatInterval", "value": "300"}]},
       "sent_at": "(a time)", "response_time_ms": "(a number)"}
      """
    And it receives GetConfiguration with
      """
      {"key": ["HeartbeatInterval"]}
      """

  Scenario: A refusal of the charge point is an answer
    Given a connected charge point of the organization
    And it answers Reset with the status Rejected
    When the organization sends POST /api/v1/ocpp16/send_command
      """
      {"charge_point_id": "{charge point}", "command": "Reset", "payload": {"type": "Soft"}}
      """
    Then the answer is 200
    And its JSON contains
      """
      {"status": "Rejected", "response": {"status": "Rejected"}}
      """
    And it receives Reset

  Scenario: An error of the charge point is an answer
    Given a connected charge point of the organization
    And it answers ClearCache with the error NotSupported
    When the organization sends POST /api/v1/ocpp16/send_command
      """
      {"charge_point_id": "{charge point}", "action": "ClearCache"}
      """
    Then the answer is 200
    And its JSON contains
      """
      {"command": "ClearCache", "status": "NotSupported", "response": {"error_code": "NotSupported"}}
      """
    And it receives ClearCache

  Scenario: An answer that breaks its schema is told
    Given a connected charge point of the organization
    And it answers Reset with the status Perhaps
    When the organization sends POST /api/v1/ocpp16/send_command
      """
      {"charge_point_id": "{charge point}", "command": "Reset", "payload": {"type": "Hard"}}
      """
    Then the answer is 422
    And the error has the code ocpp_rejected
    And its JSON contains
      """
      {"status": "InvalidResponse"}
      """
    And it receives Reset

  Scenario: A charge point that does not answer
    Given a CSMS that waits 1 second for the answer to a command
    And a connected charge point of the organization
    And it never answers ClearCache
    When the organization sends POST /api/v1/ocpp16/send_command
      """
      {"charge_point_id": "{charge point}", "command": "ClearCache"}
      """
    Then the answer is 408
    And the error has the code timeout
    And it receives ClearCache

  Scenario: A charge point that is not connected
    Given a charge point of the organization that is offline
    When the organization sends POST /api/v1/ocpp16/send_command
      """
      {"charge_point_id": "{charge point}", "command": "ClearCache"}
      """
    Then the answer is 422
    And the error has the code charge_point_offline

  Scenario: A connection that is lost while a command is open
    Given a connected charge point of the organization
    And it never answers ClearCache
    When the organization begins to send POST /api/v1/ocpp16/send_command
      """
      {"charge_point_id": "{charge point}", "command": "ClearCache"}
      """
    Then it receives ClearCache
    When it loses its connection
    Then the answer is 422
    And the error has the code charge_point_offline

  Scenario: The charge point of another organization
    Given a connected charge point of the organization
    When another organization sends POST /api/v1/ocpp16/send_command
      """
      {"charge_point_id": "{charge point}", "command": "ClearCache"}
      """
    Then the answer is 404
    And the error has the code not_found

  Scenario Outline: A command with a wrong <field> is not sent
    Given a connected charge point of the organization
    When the organization sends POST /api/v1/ocpp16/send_command
      """
      {"charge_point_id": "{charge point}", "command": <command>, "payload": <payload>}
      """
    Then the answer is 400
    And the error has the code validation_error and names the field <field>

    Examples:
      | field          | command                  | payload                         |
      | command        | "Dance"                  | {}                              |
      | command        | "BootNotification"       | {}                              |
      | command        | null                     | {}                              |
      | payload        | "Reset"                  | {}                              |
      | payload.type   | "Reset"                  | {"type": "Warm"}                |
      | payload.idTag  | "RemoteStartTransaction" | {"idTag": "012345678901234567890"} |
