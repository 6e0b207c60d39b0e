@api
Feature: Installers register charge points and look after them

  Scenario: A charge point with an identity of its own
    Given a project of the installer
    When the installer sends POST /api/v1/installer/charge-points
      """
      {"charge_point_id": "{charge point}", "model": "Terra", "vendor": "ABB", "serial_number": "SN-{unique}",
       "project_id": "{project}", "location": {"latitude": 51.5, "longitude": -0.12, "address": "1 Quay Lane"}}
      """
    Then the answer is 201
    And its JSON contains
      """
      {"id": "{charge point}", "charge_point_id": "{charge point}", "model": "Terra", "vendor": "ABB",
       "serial_number": "SN-{unique}", "project_id": "{project}", "status": "registered", "online": false,
       "ocpp_endpoint": "(a text)", "registered_at": "(a time)", "connected_at": null, "ocpp_password": "(nothing)",
       "location": {"latitude": 51.5, "longitude": -0.12, "address": "1 Quay Lane"}}
      """

  Scenario: An identity and a password are made where none is given
    When the installer sends POST /api/v1/installer/charge-points
      """
      {"model": "Terra", "vendor": "ABB", "serial_number": "SN-{unique}", "ocpp_version": "1.6", "ocpp_password": null}
      """
    Then the answer is 201
    And its JSON contains
      """
      {"id": "(an id)", "status": "registered", "ocpp_version": "1.6", "ocpp_password": "(a text)"}
      """

  Scenario: An identity is taken once, whoever has it
    Given a charge point of the organization that is offline
    When the installer sends POST /api/v1/installer/charge-points
      """
      {"charge_point_id": "{charge point}", "model": "Terra", "vendor": "ABB", "serial_number": "SN-1"}
      """
    Then the answer is 409
    And the error has the code already_exists

  Scenario Outline: A registration with a wrong <field> is refused
    When the installer sends POST /api/v1/installer/charge-points
      """
      {"charge_point_id": <id>, "model": <model>, "vendor": "ABB", "serial_number": "SN-1", <more>}
      """
    Then the answer is 400
    And the error has the code validation_error and names the field <field>

    Examples:
      | field              | id      | model   | more                                              |
      | charge_point_id    | "a b"   | "Terra" | "x": 1                                            |
      | charge_point_id    | "a/b"   | "Terra" | "x": 1                                            |
      | charge_point_id    | "search" | "Terra" | "x": 1                                           |
      | charge_point_id    | "ocpp16" | "Terra" | "x": 1                                           |
      | model              | null    | ""      | "x": 1                                            |
      | project_id         | null    | "Terra" | "project_id": "prj_of-nobody"                     |
      | site_id            | null    | "Terra" | "site_id": "site_of-nobody"                       |
      | ocpp_version       | null    | "Terra" | "ocpp_version": "2.1"                             |
      | ocpp_password      | null    | "Terra" | "ocpp_password": "short"                          |
      | location.latitude  | null    | "Terra" | "location": {"latitude": 91, "longitude": 0}      |
      | location.longitude | null    | "Terra" | "location": {"latitude": 51}                      |

  Scenario: The list has what the installer registered and nothing else
    Given a charge point of the installer that is offline
    When the installer sends GET /api/v1/installer/charge-points?status=pending
    Then the answer is 200
    And its JSON contains
      """
      {"total": 1, "page": 1, "per_page": 20, "charge_points": [{"charge_point_id": "{charge point}", "status": "registered"}]}
      """
    When another installer sends GET /api/v1/installer/charge-points
    Then its JSON equals
      """
      {"charge_points": [], "total": 0, "page": 1, "per_page": 20}
      """

  Scenario Outline: Of an offline charge point that was registered, the filter <filter> finds <found>
    Given a project of the installer
    And a charge point of the installer that is offline
    When the installer sends GET /api/v1/installer/charge-points?<filter>
    Then its JSON contains
      """
      {"total": <found>}
      """

    Examples:
      | filter                  | found |
      | status=registered       | 1     |
      | status=offline          | 1     |
      | status=connected        | 0     |
      | project_id={project}    | 1     |
      | project=prj_other       | 0     |
      | site_id=site_other      | 0     |

  Scenario Outline: A list of charge points with a wrong <field> is refused
    When the installer sends GET /api/v1/installer/charge-points?<query>
    Then the answer is 400
    And the error has the code validation_error and names the field <field>

    Examples:
      | field    | query         |
      | status   | status=sleepy |
      | page     | page=0        |
      | per_page | per_page=x    |

  Scenario: A charge point that connected has reached the next stage
    Given a connected charge point of the installer
    When the installer sends GET /api/v1/installer/charge-points/{charge point}
    Then the answer is 200
    And its JSON contains
      """
      {"charge_point_id": "{charge point}", "status": "connected", "online": true, "connected_at": "(a time)",
       "last_seen_at": "(a time)", "firmware_version": "1.0"}
      """

  Scenario: What can change is changed and the rest stays
    Given a charge point of the installer that is offline
    When the installer sends PUT /api/v1/installer/charge-points/{charge point}
      """
      {"model": "Terra 2", "charge_point_id": "{charge point}",
       "location": {"latitude": 48.1, "longitude": 11.5, "address": "2 Quay Lane"}}
      """
    Then the answer is 200
    And its JSON contains
      """
      {"model": "Terra 2", "vendor": "Dynamo", "location": {"latitude": 48.1, "address": "2 Quay Lane"}}
      """

  Scenario Outline: A change of <field> is refused
    Given a charge point of the installer that is offline
    When the installer sends PUT /api/v1/installer/charge-points/{charge point}
      """
      {"<field>": <value>}
      """
    Then the answer is 400
    And the error has the code validation_error and names the field <field>

    Examples:
      | field           | value           |
      | charge_point_id | "CP-ANOTHER"    |
      | serial_number   | "SN-ANOTHER"    |
      | model           | ""              |
      | project_id      | "prj_of-nobody" |

  Scenario: What a charge point does now
    Given a connected charge point of the installer
    And a session with the known tag runs on connector 1
    When the installer sends GET /api/v1/installer/charge-points/{charge point}/status
    Then the answer is 200
    And its JSON contains
      """
      {"charge_point_id": "{charge point}", "online": true, "operational_status": "(a text)", "last_updated_at": "(a time)",
       "connectors": [
         {"connector_id": 1, "status": "Charging", "error_code": "NoError", "ocpp_transaction_id": {transaction},
          "active_transaction_id": "(an id)"},
         {"connector_id": 2, "status": "Available", "active_transaction_id": "(nothing)"}]}
      """

  Scenario: A charge point that is offline can go, and its identity is free again
    Given a charge point of the installer that is offline
    When the installer sends DELETE /api/v1/installer/charge-points/{charge point}
    Then the answer is 204
    When the installer sends GET /api/v1/installer/charge-points/{charge point}
    Then the answer is 404
    When the installer sends POST /api/v1/installer/charge-points
      """
      {"charge_point_id": "{charge point}", "model": "Terra", "vendor": "ABB", "serial_number": "SN-2"}
      """
    Then the answer is 201

  Scenario: A charge point that is connected cannot go
    Given a connected charge point of the installer
    When the installer sends DELETE /api/v1/installer/charge-points/{charge point}
    Then the answer is 422
    And the error has the code still_connected

  Scenario: A charge point with an open transaction cannot go
    Given a connected charge point of the installer
    And a session with the known tag runs on connector 1
    When the installer sends DELETE /api/v1/installer/charge-points/{charge point}
    Then the answer is 422
    And the error has the code active_session
