@api
Feature: The EVSEs of a charge point

  Background:
    Given the organization sends POST /api/v1/chargepoints
      """
      {"charge_point_id": "{charge point}", "name": "Bay 3", "latitude": 51.5074, "longitude": -0.1278,
       "connector_count": 2, "max_power_kw": 22.0}
      """

  Scenario: Each connector is an EVSE of its own
    When a key that may only read sends GET /api/v1/chargepoints/{charge point}/evses
    Then the answer is 200
    And its JSON contains
      """
      {"charge_point_id": "{charge point}", "evses": [
        {"evse_id": 1, "physical_reference": null, "capabilities": ["REMOTE_START_STOP_CAPABLE", "UNLOCK_CAPABLE"],
         "parking_restrictions": [], "updated_at": "(a time)", "connectors": [
           {"connector_id": 1, "ocpp16_connector_id": 1, "standard": "IEC_62196_T2", "format": "SOCKET",
            "power_type": "AC_3_PHASE", "max_voltage": 230, "max_amperage": 32, "max_electric_power": 22000,
            "updated_at": "(a time)"}]},
        {"evse_id": 2, "connectors": [{"connector_id": 1, "ocpp16_connector_id": 2}]}]}
      """

  Scenario: Two connectors that serve one car at a time
    When the organization sends PUT /api/v1/chargepoints/{charge point}/evses
      """
      {"evses": [{"physical_reference": "Bay 3", "floor_level": "-1", "parking_restrictions": ["EV_ONLY"],
        "connectors": [{"ocpp16_connector_id": 2},
          {"ocpp16_connector_id": 1, "standard": "CHADEMO", "max_electric_power": 50000}]}]}
      """
    Then the answer is 200
    When the organization sends GET /api/v1/chargepoints/{charge point}/evses
    Then the answer is 200
    And its JSON contains
      """
      {"evses": [
        {"evse_id": 1, "physical_reference": "Bay 3", "floor_level": "-1", "parking_restrictions": ["EV_ONLY"],
         "connectors": [
           {"connector_id": 1, "ocpp16_connector_id": 2, "standard": "IEC_62196_T2"},
           {"connector_id": 2, "ocpp16_connector_id": 1, "standard": "CHADEMO", "format": "CABLE", "power_type": "DC",
            "max_electric_power": 50000}]}]}
      """

  Scenario Outline: A grouping with <what> is refused
    When the organization sends PUT /api/v1/chargepoints/{charge point}/evses
      """
      {"evses": <evses>}
      """
    Then the answer is 400
    And the error has the code validation_error and names the field <field>

    Examples:
      | what                 | field                                    | evses                                                                           |
      | no EVSE              | evses                                    | []                                                                              |
      | an empty EVSE        | evses[0].connectors                      | [{"connectors": []}]                                                            |
      | a connector twice    | evses                                    | [{"connectors": [{"ocpp16_connector_id": 1}, {"ocpp16_connector_id": 1}]}]      |
      | a connector too few  | evses                                    | [{"connectors": [{"ocpp16_connector_id": 1}]}]                                  |
      | a gap                | evses                                    | [{"connectors": [{"ocpp16_connector_id": 1}, {"ocpp16_connector_id": 3}]}]      |
      | no such standard     | evses[0].connectors[0].standard          | [{"connectors": [{"ocpp16_connector_id": 1, "standard": "HOSE"}]}]              |
      | a reference too long | evses[0].physical_reference              | [{"physical_reference": "12345678901234567", "connectors": [{"ocpp16_connector_id": 1}]}] |
      | a word of no list    | evses[0].capabilities[0]                 | [{"capabilities": ["FLY"], "connectors": [{"ocpp16_connector_id": 1}]}]         |
