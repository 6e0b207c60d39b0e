@api
Feature: The configuration of a charge point

  Scenario: The template as a map for an identity of its own
    Given a charge point of the installer that is offline
    When the installer sends GET /api/v1/installer/charge-points/{charge point}/config/template
    Then the answer is 200
    And its JSON contains
      """
      {"charge_point_id": "{charge point}", "template_id": "(a text)", "template_version": "(a text)", "model": "(a text)",
       "parameters": {"HeartbeatInterval": "(a number)"}, "parameters_list": "(a list)"}
      """

  Scenario: The template as a list where it is asked for
    Given a charge point of the installer that is offline
    When the installer sends GET /api/v1/installer/charge-points/{charge point}/config/template?format=list
    Then its JSON contains
      """
      {"parameters": [{"key": "HeartbeatInterval", "default": "(a number)", "type": "integer"}],
       "parameters_map": {"HeartbeatInterval": "(a number)"}}
      """

  Scenario Outline: A format that is none is refused for the <file>
    Given a charge point of the installer that is offline
    When the installer sends GET /api/v1/installer/charge-points/{charge point}/config/<file>?format=poem
    Then the answer is 400
    And the error has the code validation_error and names the field format

    Examples:
      | file     |
      | template |
      | download |

  Scenario: What is changed while it is offline reaches it after its next boot
    Given a charge point of the installer that is offline
    When the installer sends POST /api/v1/installer/charge-points/{charge point}/config/customize
      """
      {"parameters": {"HeartbeatInterval": 45}}
      """
    Then the answer is 200
    And its JSON contains
      """
      {"charge_point_id": "{charge point}", "message": "(a text)", "applied": ["HeartbeatInterval"],
       "updated_parameters": ["HeartbeatInterval"], "pending_reboot": false, "rejected": [],
       "unanswered": ["HeartbeatInterval"]}
      """
    When it connects and boots
    Then it receives ChangeConfiguration with
      """
      {"key": "HeartbeatInterval", "value": "45"}
      """

  Scenario: What is changed while it is connected reaches it at once
    Given a connected charge point of the installer
    And it answers ChangeConfiguration with the status RebootRequired
    When the installer sends POST /api/v1/installer/charge-points/{charge point}/config/customize
      """
      {"parameters": [{"key": "AuthorizationCacheEnabled", "value": false}]}
      """
    Then the answer is 200
    And its JSON contains
      """
      {"applied": ["AuthorizationCacheEnabled"], "pending_reboot": true, "unanswered": []}
      """
    And it receives ChangeConfiguration with
      """
      {"key": "AuthorizationCacheEnabled", "value": "false"}
      """

  Scenario: What the charge point does not take is told and kept
    Given a connected charge point of the installer
    And it answers ChangeConfiguration with the status NotSupported
    When the installer sends POST /api/v1/installer/charge-points/{charge point}/config/customize
      """
      {"parameters": {"LightIntensity": 50}}
      """
    Then the answer is 200
    And its JSON contains
      """
      {"rejected": [{"key": "LightIntensity", "status": "NotSupported"}]}
      """
    And it receives ChangeConfiguration
    When the installer sends GET /api/v1/installer/charge-points/{charge point}/config/download
    Then the answer is 200
    And the answer has the header Content-Disposition
    And its JSON contains
      """
      {"charge_point_id": "{charge point}", "parameters": {"LightIntensity": 50}}
      """

  Scenario Outline: Parameters that make no sense are refused [<parameters>]
    Given a charge point of the installer that is offline
    When the installer sends POST /api/v1/installer/charge-points/{charge point}/config/customize
      """
      {"parameters": <parameters>}
      """
    Then the answer is 400
    And the error has the code validation_error

    Examples:
      | parameters         |
      | "HeartbeatInterval" |
      | {}                 |
      | []                 |
      | [{"value": 1}]     |
      | {"Key": {"a": 1}}  |
      | {"HeartbeatInterval": -5} |
      | {"LocalPreAuthorize": 1} |
